/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/own_ech.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ech/local_config.h"

enum { VERSION = 0xfe0d };

struct own_config {
    struct own_config *next;
    uint8_t config_id;
    char public_name[UINT8_MAX + 1];
};

/* A list that only grows: programs have few configs, and any thread may write a hello. */
static _Atomic(struct own_config *) configs;

struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

/* Takes a number of so many octets. */
static size_t take(struct cursor *cursor, size_t octets)
{
    size_t number = 0;
    if (octets > cursor->left) {
        cursor->bad = true;
        cursor->left = 0;
        return 0;
    }
    for (size_t i = 0; i < octets; i++) {
        number = number << 8 | cursor->at[i];
    }
    cursor->at += octets;
    cursor->left -= octets;
    return number;
}

/* Takes a vector; its length has so many octets. */
static struct cursor take_vector(struct cursor *cursor, size_t octets)
{
    size_t length = take(cursor, octets);
    struct cursor vector = {.at = cursor->at, .left = length};
    if (cursor->bad || length > cursor->left) {
        cursor->bad = true;
        return (struct cursor){.bad = true};
    }
    cursor->at += length;
    cursor->left -= length;
    return vector;
}

static void add(uint8_t config_id, const struct cursor *public_name)
{
    struct own_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        return; /* strict mode refuses the hello then */
    }
    config->config_id = config_id;
    memcpy(config->public_name, public_name->at, public_name->left);
    if (strlen(config->public_name) != public_name->left ||
        shim_own_ech_has(config_id, config->public_name)) {
        free(config);
        return;
    }
    config->next = atomic_load(&configs);
    while (!atomic_compare_exchange_weak(&configs, &config->next, config)) {
    }
}

static bool has_local_extension(struct cursor extensions)
{
    bool has = false;
    while (!extensions.bad && extensions.left > 0) {
        has = take(&extensions, 2) == ECH_LOCAL_EXTENSION || has;
        (void)take_vector(&extensions, 2);
    }
    return has && !extensions.bad;
}

/* False: a local config. */
static bool note_contents(struct cursor contents)
{
    uint8_t config_id = (uint8_t)take(&contents, 1);
    (void)take(&contents, 2);        /* kem_id */
    (void)take_vector(&contents, 2); /* public_key */
    (void)take_vector(&contents, 2); /* cipher_suites */
    (void)take(&contents, 1);        /* maximum_name_length */
    struct cursor public_name = take_vector(&contents, 1);
    if (!contents.bad && public_name.left > 0) {
        if (has_local_extension(take_vector(&contents, 2))) {
            return false;
        }
        add(config_id, &public_name);
    }
    return true;
}

bool shim_own_ech_note(const uint8_t *list, size_t length)
{
    bool noted = false;
    struct cursor whole = {.at = list, .left = list != NULL ? length : 0};
    struct cursor entries = take_vector(&whole, 2);
    while (!entries.bad && entries.left > 0) {
        size_t version = take(&entries, 2);
        struct cursor contents = take_vector(&entries, 2);
        if (!entries.bad && version == VERSION) {
            noted = note_contents(contents) || noted;
        }
    }
    return noted;
}

bool shim_own_ech_any(void)
{
    return atomic_load_explicit(&configs, memory_order_acquire) != NULL;
}

bool shim_own_ech_has(uint8_t config_id, const char *public_name)
{
    const struct own_config *config = atomic_load_explicit(&configs, memory_order_acquire);
    while (config != NULL &&
           (config->config_id != config_id || strcasecmp(config->public_name, public_name) != 0)) {
        config = config->next;
    }
    return config != NULL;
}
