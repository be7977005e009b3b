/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"

static const struct {
    const char *variable;
    const char *name;
} keys[SHIM_CONF_KEYS] = {
    [SHIM_CONF_MODE] = {"ECHSHIM_MODE", "mode"},
    [SHIM_CONF_PORTS] = {"ECHSHIM_PORTS", "ports"},
    [SHIM_CONF_RESOLVER] = {"ECHSHIM_RESOLVER", "resolver"},
    [SHIM_CONF_CONFIG_LIST] = {"ECHSHIM_CONFIG_LIST", "config_list"},
    [SHIM_CONF_OUTER_NAME] = {"ECHSHIM_OUTER_NAME", "outer_name"},
    [SHIM_CONF_RETRY] = {"ECHSHIM_RETRY", "retry"},
    [SHIM_CONF_GREASE] = {"ECHSHIM_GREASE", "grease"},
    [SHIM_CONF_PRIVATE] = {"ECHSHIM_PRIVATE", "private"},
    [SHIM_CONF_CA_FILE] = {"ECHSHIM_CA_FILE", "ca_file"},
    [SHIM_CONF_RESOLVER_PROXY] = {"ECHSHIM_RESOLVER_PROXY", "resolver_proxy"},
    [SHIM_CONF_TIMEOUT_MS] = {"ECHSHIM_TIMEOUT_MS", "timeout_ms"},
    [SHIM_CONF_CACHE] = {"ECHSHIM_CACHE", "cache"},
    [SHIM_CONF_LOG] = {"ECHSHIM_LOG", "log"},
    [SHIM_CONF_LOG_FILE] = {"ECHSHIM_LOG_FILE", "log_file"},
    [SHIM_CONF_REPORT] = {"ECHSHIM_REPORT", "report"},
    [SHIM_CONF_DETOURS] = {"ECHSHIM_DETOURS", "detours"},
    [SHIM_CONF_RELAY] = {"ECHSHIM_RELAY", "relay"},
    [SHIM_CONF_GO] = {"ECHSHIM_GO", "go"},
};

const char *shim_conf_variable(enum shim_conf_key key)
{
    return keys[key].variable;
}

const char *shim_conf_key_name(enum shim_conf_key key)
{
    return keys[key].name;
}

enum shim_conf_key shim_conf_key_of(const char *name)
{
    int key = 0;
    while (key < SHIM_CONF_KEYS && strcmp(keys[key].name, name) != 0) {
        key++;
    }
    return (enum shim_conf_key)key;
}

bool shim_conf_is_path(enum shim_conf_key key, const char *value)
{
    return key == SHIM_CONF_CA_FILE || key == SHIM_CONF_CACHE || key == SHIM_CONF_LOG_FILE ||
           (key == SHIM_CONF_REPORT && strncmp(value, "fd:", 3) != 0 &&
            strcmp(value, "journald") != 0);
}

void shim_conf_free(struct shim_conf *conf)
{
    for (size_t i = 0; i < conf->entry_count; i++) {
        free(conf->entries[i].value);
    }
    for (size_t i = 0; i < conf->section_count; i++) {
        free(conf->sections[i]->pattern);
        free(conf->sections[i]);
    }
    for (size_t i = 0; i < conf->problem_count; i++) {
        free(conf->problems[i]);
    }
    for (size_t i = 0; i < conf->file_count; i++) {
        free(conf->files[i]);
    }
    free(conf->entries);
    free(conf->sections);
    free(conf->inherited);
    *conf = (struct shim_conf){0};
}

void shim_conf_problem(struct shim_conf *conf, const char *file, unsigned line, const char *text)
{
    enum { NUMBER = 16 };
    conf->broken = true;
    size_t size = strlen(file) + strlen(text) + NUMBER;
    char *whole = conf->problem_count < SHIM_CONF_PROBLEMS ? malloc(size) : NULL;
    if (whole == NULL) {
        return;
    }
    if (line == 0) {
        (void)snprintf(whole, size, "%s: %s", file, text);
    } else {
        (void)snprintf(whole, size, "%s:%u: %s", file, line, text);
    }
    conf->problems[conf->problem_count++] = whole;
}

enum ech_status shim_conf_add_environment(struct shim_conf *conf,
                                          const char *(*get)(void *context, const char *variable),
                                          void *context)
{
    struct shim_conf_entry *grown =
        reallocarray(conf->entries, conf->entry_count + SHIM_CONF_KEYS, sizeof *grown);
    if (grown == NULL) {
        conf->broken = true;
        return ECH_ERR_NOMEM;
    }
    conf->entries = grown;
    for (int key = 0; key < SHIM_CONF_KEYS; key++) {
        const char *value = key != SHIM_CONF_RELAY ? get(context, keys[key].variable) : NULL;
        if (value == NULL || *value == '\0') {
            continue;
        }
        struct shim_conf_entry entry = {.key = (enum shim_conf_key)key, .value = strdup(value)};
        if (entry.value == NULL) {
            conf->broken = true;
            return ECH_ERR_NOMEM;
        }
        conf->entries[conf->entry_count++] = entry;
    }
    return ECH_OK;
}

/* ---- which of several entries counts ---- */

bool shim_conf_host_matches(const char *pattern, const char *host)
{
    size_t length = dns_host_length(host);
    if (length == 0) {
        return false;
    }
    if (pattern[0] != '*') {
        return dns_host_equal_octets(pattern, strlen(pattern), host, length);
    }
    /* "*" or "*.suffix". The host must end in the dot and the suffix, with something before. */
    size_t suffix = strlen(pattern + 1);
    return length > suffix &&
           dns_host_equal_octets(pattern + 1, suffix, host + length - suffix, suffix);
}

/* How special a section is; 0 is the least. DNS names have at most 253 characters. */
static unsigned specialty_of(const struct shim_conf_section *section)
{
    static const unsigned of_host = 1U << 20;
    static const unsigned whole_name = 1U << 16;
    static const unsigned of_program = 1U << 10;
    switch (section != NULL ? section->kind : SHIM_CONF_DEFAULT) {
    case SHIM_CONF_HOST:
        return (section->pattern[0] != '*' ? of_host + whole_name : of_host) +
               (unsigned)strlen(section->pattern);
    case SHIM_CONF_PROGRAM:
        return of_program + section->closeness;
    case SHIM_CONF_DEFAULT:
        break;
    }
    return 0;
}

static bool applies(const struct shim_conf_section *section, const char *host)
{
    if (section == NULL || section->kind == SHIM_CONF_DEFAULT) {
        return true;
    }
    if (section->kind == SHIM_CONF_PROGRAM) {
        return section->closeness > 0;
    }
    return host != NULL && shim_conf_host_matches(section->pattern, host);
}

enum { RANK_FILE, RANK_INHERITED, RANK_ENVIRONMENT, RANK_LOCKED };

static int rank_of(const struct shim_conf_entry *entry)
{
    if (entry->section == NULL) {
        return RANK_ENVIRONMENT;
    }
    if (entry->section->inherited) {
        return RANK_INHERITED;
    }
    return entry->section->locked ? RANK_LOCKED : RANK_FILE;
}

const struct shim_conf_entry *shim_conf_winner(const struct shim_conf *conf, enum shim_conf_key key,
                                               const char *host)
{
    static char strict[] = "strict";
    static const struct shim_conf_entry safe = {.key = SHIM_CONF_MODE, .value = strict};
    const struct shim_conf_entry *best = NULL;
    for (size_t i = 0; i < conf->entry_count; i++) {
        const struct shim_conf_entry *entry = &conf->entries[i];
        if (entry->key != key || !applies(entry->section, host)) {
            continue;
        }
        if (best == NULL || rank_of(entry) > rank_of(best) ||
            (rank_of(entry) == rank_of(best) &&
             specialty_of(entry->section) >= specialty_of(best->section))) {
            best = entry;
        }
    }
    if (key == SHIM_CONF_MODE && conf->broken && (best == NULL || rank_of(best) == RANK_FILE)) {
        return &safe;
    }
    return best;
}

bool shim_conf_has_hosts(const struct shim_conf *conf, enum shim_conf_key key)
{
    const struct shim_conf_entry *usual = shim_conf_winner(conf, key, NULL);
    int least = usual != NULL ? rank_of(usual) : RANK_FILE;
    if (key == SHIM_CONF_MODE && conf->broken && least == RANK_FILE) {
        least = RANK_LOCKED;
    }
    for (size_t i = 0; i < conf->entry_count; i++) {
        const struct shim_conf_entry *entry = &conf->entries[i];
        if (entry->key == key && entry->section != NULL && entry->section->kind == SHIM_CONF_HOST &&
            rank_of(entry) >= least) {
            return true;
        }
    }
    return false;
}

const char *shim_conf_value(const struct shim_conf *conf, enum shim_conf_key key, const char *host)
{
    const struct shim_conf_entry *winner = shim_conf_winner(conf, key, host);
    return winner != NULL ? winner->value : NULL;
}
