/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the settings once, for the stub and the engine. In nearly every process the constructor
 * does it. A hook that is called earlier (by another library's constructor, by an allocator's first
 * call) does it itself. That call may come under any lock, and even while the settings are being
 * read. So nothing waits here: each thread that finds no settings reads them, and those of the
 * first thread count. The memory is the stub's own.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "shim/stub/stub.h"

struct settings {
    struct shim_conf conf;
    enum shim_mode base_mode;
    bool modes_differ;
    bool strict_somewhere;
    bool on_somewhere;
    bool first; /* the next mode is that of all hosts without their own */
};

/* The settings that count if there is no memory, and while the settings are being read. */
static struct settings unread = {.conf.broken = true,
                                 .base_mode = SHIM_MODE_STRICT,
                                 .strict_somewhere = true,
                                 .on_somewhere = true};

static _Atomic(struct settings *) known;
static __thread bool reading __attribute__((tls_model("initial-exec")));

/* context: the settings. */
static void see_mode(void *context, const char *word)
{
    struct settings *settings = context;
    enum shim_mode mode;
    /* An unknown word means strict. The engine reports it with the other settings. */
    (void)shim_mode_parse(word, &mode);
    settings->base_mode = settings->first ? mode : settings->base_mode;
    settings->first = false;
    settings->modes_differ = settings->modes_differ || mode != settings->base_mode;
    settings->strict_somewhere = settings->strict_somewhere || mode == SHIM_MODE_STRICT;
    settings->on_somewhere = settings->on_somewhere || mode != SHIM_MODE_OFF;
}

static void see_each(const struct shim_conf *conf, enum shim_conf_key key,
                     void (*see)(void *context, const char *value), void *context)
{
    see(context, shim_conf_value(conf, key, NULL));
    size_t count = shim_conf_has_hosts(conf, key) ? conf->entry_count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct shim_conf_entry *entry = &conf->entries[i];
        if (entry->key == key && entry->section != NULL && entry->section->kind == SHIM_CONF_HOST) {
            see(context, entry->value);
        }
    }
}

static struct settings *load(void)
{
    struct settings *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return &unread;
    }
    fresh->first = true;
    struct stub_visit entered;
    stub_enter(&entered);
    reading = true; /* functions that we call may be another preload's, and may write a log */
    /* If there is too little memory for the settings, the mode is strict. */
    fresh->conf.broken = shim_conf_load(&fresh->conf, NULL) != ECH_OK || fresh->conf.broken;
    see_each(&fresh->conf, SHIM_CONF_MODE, see_mode, fresh);
    reading = false;
    stub_leave(&entered);
    return fresh;
}

static const struct settings *current_settings(void)
{
    struct settings *found = atomic_load_explicit(&known, memory_order_acquire);
    if (found == NULL && reading) {
        return &unread;
    }
    if (found == NULL) {
        struct settings *fresh = load();
        if (atomic_compare_exchange_strong(&known, &found, fresh)) {
            found = fresh;
        }
    }
    return found;
}

bool stub_settings_known(void)
{
    (void)current_settings();
    return atomic_load_explicit(&known, memory_order_acquire) != NULL;
}

const struct shim_conf *stub_conf(void)
{
    return &current_settings()->conf;
}

const char *stub_setting(enum shim_conf_key key)
{
    return shim_conf_value(stub_conf(), key, NULL);
}

enum shim_mode stub_mode(void)
{
    return current_settings()->base_mode;
}

enum shim_mode stub_mode_of(const char *host)
{
    enum shim_mode mode;
    const struct settings *all = current_settings();
    if (!all->modes_differ) {
        return all->base_mode;
    }
    (void)shim_mode_parse(shim_conf_value(&all->conf, SHIM_CONF_MODE, host), &mode);
    return mode;
}

bool stub_modes_differ(void)
{
    return current_settings()->modes_differ;
}

bool stub_strict_somewhere(void)
{
    return current_settings()->strict_somewhere;
}

bool stub_off(void)
{
    return !current_settings()->on_somewhere;
}

bool stub_known_off(void)
{
    const struct settings *found = atomic_load_explicit(&known, memory_order_acquire);
    return found != NULL && !found->on_somewhere;
}

void stub_each_value(enum shim_conf_key key, void (*see)(void *context, const char *value),
                     void *context)
{
    see_each(stub_conf(), key, see, context);
}
