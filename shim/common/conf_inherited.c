/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program that changes its user can no longer read the first user's file. So the program hands on
 * what that file said of strict mode to what it executes, by a variable:
 * "ECHSHIM_INHERITED=UID:PATTERN,UID:PATTERN". A pattern is that of a [host] section, or "*" for
 * all hosts. A process that still has this user reads the file, and skips the user's items.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/conf.h"
#include "shim/common/mode.h"

#define PREFIX SHIM_CONF_INHERITED "="
/* Strict for all hosts and for every reader: no user has this number. */
#define EVERYBODY "4294967295:*"

enum { ITEM_MAX = 300, INHERITED_MAX = 8192 };

static bool is_strict(const struct shim_conf_entry *entry)
{
    enum shim_mode mode;
    (void)shim_mode_parse(entry->value, &mode); /* an unknown word is strict */
    return mode == SHIM_MODE_STRICT;
}

/* ---- reading what the parent process handed on ---- */

/* Room for one more of each. */
static bool make_room(struct shim_conf *conf)
{
    struct shim_conf_section **sections =
        reallocarray(conf->sections, conf->section_count + 1, sizeof(struct shim_conf_section *));
    if (sections == NULL) {
        return false;
    }
    conf->sections = sections;
    struct shim_conf_entry *entries =
        reallocarray(conf->entries, conf->entry_count + 1, sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    conf->entries = entries;
    return true;
}

/* Makes the hosts of a pattern strict, as a section would. */
static bool add_strict(struct shim_conf *conf, const char *pattern, size_t length)
{
    if (!make_room(conf)) {
        return false;
    }
    struct shim_conf_section *section = calloc(1, sizeof *section);
    char *value = strdup("strict");
    char *copy = strndup(pattern, length);
    if (section == NULL || value == NULL || copy == NULL) {
        free(section);
        free(value);
        free(copy);
        return false;
    }
    *section = (struct shim_conf_section){
        .kind = SHIM_CONF_HOST, .pattern = copy, .file = SHIM_CONF_INHERITED, .inherited = true};
    if (strcmp(copy, "*") == 0) {
        section->kind = SHIM_CONF_DEFAULT;
    }
    conf->sections[conf->section_count++] = section;
    conf->entries[conf->entry_count++] =
        (struct shim_conf_entry){.key = SHIM_CONF_MODE, .value = value, .section = section};
    return true;
}

/* Takes one item; false: it is malformed, so it is not clear which host is strict. */
static bool take_item(struct shim_conf *conf, const char *item, size_t length, uid_t user)
{
    char *end = NULL;
    unsigned long uid = *item >= '0' && *item <= '9' ? strtoul(item, &end, 10) : 0;
    if (end == NULL || *end != ':' || (size_t)(end - item) + 1 >= length) {
        return false;
    }
    const char *pattern = end + 1;
    return uid == user || add_strict(conf, pattern, length - (size_t)(pattern - item));
}

enum ech_status shim_conf_inherit(struct shim_conf *conf, const char *text, uid_t user)
{
    bool good = true;
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");
        good = take_item(conf, text, length, user) && good;
        text += length + (text[length] == ',' ? 1 : 0);
    }
    if (!good && !add_strict(conf, "*", 1)) {
        conf->broken = true;
        return ECH_ERR_NOMEM;
    }
    return ECH_OK;
}

/* ---- writing it for child processes ---- */

/* The variable while it is made. */
struct handed {
    char text[INHERITED_MAX];
    size_t length;
    bool full; /* an item did not fit */
};

static void hand_item(struct handed *handed, const char *item, size_t length)
{
    size_t name = sizeof SHIM_CONF_INHERITED - 1;
    if (length + 2 > sizeof handed->text - handed->length) {
        handed->full = true;
        return;
    }
    handed->text[handed->length] = handed->length == name ? '=' : ',';
    memcpy(handed->text + handed->length + 1, item, length);
    handed->length += length + 1;
}

static void hand_pattern(struct handed *handed, uid_t user, const char *pattern)
{
    char item[ITEM_MAX];
    int length = snprintf(item, sizeof item, "%lu:%s", (unsigned long)user, pattern);
    if (length <= 0 || (size_t)length >= sizeof item || strchr(pattern, ',') != NULL) {
        handed->full = true;
    } else {
        hand_item(handed, item, (size_t)length);
    }
}

static bool is_set_by_environment(const struct shim_conf *conf)
{
    for (size_t i = 0; i < conf->entry_count; i++) {
        if (conf->entries[i].key == SHIM_CONF_MODE && conf->entries[i].section == NULL) {
            return true;
        }
    }
    return false;
}

/* Does this file make the mode strict for no particular host, or could the file not be
 * understood? */
static bool is_strict_by(const struct shim_conf *conf, const char *file, bool broken)
{
    const struct shim_conf_entry *usual = shim_conf_winner(conf, SHIM_CONF_MODE, NULL);
    if (usual != NULL && usual->section != NULL) {
        return strcmp(usual->section->file, file) == 0 && is_strict(usual);
    }
    return usual != NULL && broken && !is_set_by_environment(conf);
}

static void hand_hosts(struct handed *handed, const struct shim_conf *conf, const char *file,
                       uid_t user)
{
    for (size_t i = 0; i < conf->entry_count && !is_set_by_environment(conf); i++) {
        const struct shim_conf_entry *entry = &conf->entries[i];
        if (entry->key == SHIM_CONF_MODE && entry->section != NULL &&
            entry->section->kind == SHIM_CONF_HOST && strcmp(entry->section->file, file) == 0 &&
            is_strict(entry)) {
            hand_pattern(handed, user, entry->section->pattern);
        }
    }
}

/* Hands on what came from other users, unchanged. */
static void hand_inherited(struct handed *handed, const char *text, uid_t user)
{
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, ",");
        if (strtoul(text, NULL, 10) != user) {
            hand_item(handed, text, length);
        }
        text += length + (text[length] == ',' ? 1 : 0);
    }
}

char *shim_conf_hand_on(const struct shim_conf *conf, const char *file, bool broken,
                        const char *inherited, uid_t user)
{
    struct handed *handed = calloc(1, sizeof *handed);
    char *variable = NULL;
    if (handed == NULL) {
        return strdup(PREFIX EVERYBODY);
    }
    memcpy(handed->text, SHIM_CONF_INHERITED, sizeof SHIM_CONF_INHERITED - 1);
    handed->length = sizeof SHIM_CONF_INHERITED - 1;
    if (is_strict_by(conf, file, broken)) {
        hand_pattern(handed, user, "*");
    } else {
        hand_hosts(handed, conf, file, user);
    }
    hand_inherited(handed, inherited, user);
    if (handed->full) {
        variable = strdup(PREFIX EVERYBODY);
    } else if (handed->length > sizeof SHIM_CONF_INHERITED - 1) {
        variable = strndup(handed->text, handed->length);
    }
    free(handed);
    return variable;
}
