/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/settings/settings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/journal.h"
#include "shim/engine/settings/settings_host.h"
#include "shim/engine/settings/settings_list.h"
#include "shim/engine/settings/settings_values.h"

enum { DEFAULT_TIMEOUT_MS = 2000, TIMEOUT_MAX_MS = 60000 };

/* What the parts share while the settings are read. */
struct source {
    struct shim_settings *settings;
    const struct shim_conf *conf;
    const struct shim_settings_problems *problems;
};

static const struct shim_conf_entry *entry_of(const struct source *source, enum shim_conf_key key)
{
    return shim_conf_winner(source->conf, key, NULL);
}

static const char *get(const struct source *source, enum shim_conf_key key)
{
    return shim_conf_value(source->conf, key, NULL);
}

static void problem(const struct source *source, enum shim_conf_key key, const char *then)
{
    const struct shim_conf_entry *entry = entry_of(source, key);
    if (entry != NULL) {
        shim_settings_problem(source->problems, entry, entry->value, then);
    }
}

/* A decimal number within bounds, and nothing after it. */
static bool parse_number(const char *text, unsigned long min, unsigned long max, unsigned long *out)
{
    if (*text < '0' || *text > '9') {
        return false;
    }
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

/* ---- one function for each setting ---- */

static enum ech_status parse_config_list(const struct source *source)
{
    const struct shim_conf_entry *entry = entry_of(source, SHIM_CONF_CONFIG_LIST);
    return entry == NULL ? ECH_OK
                         : shim_settings_config_list(source->settings, source->problems, entry);
}

/* The resolver for all hosts is the first in the list. */
static enum ech_status parse_resolver(const struct source *source)
{
    size_t index;
    return shim_settings_resolver(source->settings, source->problems,
                                  entry_of(source, SHIM_CONF_RESOLVER), &index);
}

static void parse_timeout(const struct source *source)
{
    struct shim_settings *settings = source->settings;
    const char *value = get(source, SHIM_CONF_TIMEOUT_MS);
    unsigned long timeout = DEFAULT_TIMEOUT_MS;
    if (value != NULL && !parse_number(value, 1, TIMEOUT_MAX_MS, &timeout)) {
        problem(source, SHIM_CONF_TIMEOUT_MS, "2000 is used");
        timeout = DEFAULT_TIMEOUT_MS;
    }
    settings->timeout_ms = (unsigned)timeout;
}

static enum ech_status parse_trust(const struct source *source)
{
    struct shim_settings *settings = source->settings;
    const char *value = get(source, SHIM_CONF_CA_FILE);
    settings->ca_file = value != NULL ? strdup(value) : NULL;
    if (value != NULL && access(value, R_OK) != 0) {
        problem(source, SHIM_CONF_CA_FILE, "it cannot be read, so no certificate is trusted");
    }
    return value == NULL || settings->ca_file != NULL ? ECH_OK : ECH_ERR_NOMEM;
}

/* Without a proxy that can be used, nobody is asked past it. */
static enum ech_status parse_resolver_proxy(const struct source *source)
{
    struct shim_settings *settings = source->settings;
    const char *value = get(source, SHIM_CONF_RESOLVER_PROXY);
    settings->resolver_proxy_usable = true;
    if (value == NULL) {
        return ECH_OK;
    }
    settings->resolver_proxy = calloc(1, sizeof *settings->resolver_proxy);
    if (settings->resolver_proxy == NULL) {
        return ECH_ERR_NOMEM;
    }
    if (dns_proxy_parse(value, settings->resolver_proxy) != ECH_OK) {
        settings->resolver_proxy_usable = false;
        problem(source, SHIM_CONF_RESOLVER_PROXY, "no resolver is asked");
    }
    return ECH_OK;
}

/* The path has to be absolute, for programs change their folder. And it loses each '/' at its end:
 * with one, the system would follow a symbolic link. */
static enum ech_status parse_cache(const struct source *source)
{
    struct shim_settings *settings = source->settings;
    const char *value = get(source, SHIM_CONF_CACHE);
    if (value == NULL) {
        return ECH_OK;
    }
    if (*value != '/' || strlen(value) >= PATH_MAX) {
        problem(source, SHIM_CONF_CACHE, "not an absolute path; no cache is shared");
        return ECH_OK;
    }
    settings->cache = strdup(value);
    if (settings->cache == NULL) {
        return ECH_ERR_NOMEM;
    }
    for (size_t len = strlen(value); len > 1 && value[len - 1] == '/'; len--) {
        settings->cache[len - 1] = '\0';
    }
    return ECH_OK;
}

static enum ech_status parse_log(const struct source *source)
{
    struct shim_settings *settings = source->settings;
    static const char *const names[] = {[SHIM_LOG_ERROR] = "error",
                                        [SHIM_LOG_WARN] = "warn",
                                        [SHIM_LOG_INFO] = "info",
                                        [SHIM_LOG_DEBUG] = "debug"};
    const char *value = get(source, SHIM_CONF_LOG);
    if (value != NULL) {
        for (int level = SHIM_LOG_ERROR; level <= SHIM_LOG_DEBUG; level++) {
            if (strcmp(value, names[level]) == 0) {
                settings->log_level = (enum shim_log_level)level;
            }
        }
        if (settings->log_level == SHIM_LOG_OFF && strcmp(value, "off") != 0) {
            problem(source, SHIM_CONF_LOG, "nothing is logged");
        }
    }
    const char *file = get(source, SHIM_CONF_LOG_FILE);
    settings->log_file = file != NULL ? strdup(file) : NULL;
    return file == NULL || settings->log_file != NULL ? ECH_OK : ECH_ERR_NOMEM;
}

static enum ech_status parse_report(const struct source *source)
{
    struct shim_settings *settings = source->settings;
    const char *value = get(source, SHIM_CONF_REPORT);
    unsigned long fd;
    if (value == NULL) {
        return ECH_OK;
    }
    if (strncmp(value, "fd:", 3) == 0) {
        if (parse_number(value + 3, 0, INT_MAX, &fd)) {
            settings->report_fd = (int)fd;
        } else {
            problem(source, SHIM_CONF_REPORT, "nothing is reported");
        }
        return ECH_OK;
    }
    if (strcmp(value, SHIM_REPORT_TO_JOURNAL) == 0) {
        settings->report_journal = true;
        return ECH_OK;
    }
    settings->report = strdup(value);
    return settings->report != NULL ? ECH_OK : ECH_ERR_NOMEM;
}

enum ech_status shim_settings_parse(struct shim_settings *settings, const struct shim_conf *conf,
                                    const struct shim_settings_problems *problems)
{
    static enum ech_status (*const parts[])(const struct source *source) = {
        parse_config_list, parse_resolver_proxy, parse_resolver, parse_trust, parse_cache,
        parse_log,         parse_report,
    };
    const struct source source = {.settings = settings, .conf = conf, .problems = problems};
    *settings = (struct shim_settings){.conf = conf, .report_fd = -1};
    for (size_t i = 0; i < conf->problem_count; i++) {
        problems->tell(problems->context, conf->problems[i]);
    }
    (void)shim_settings_mode(problems, entry_of(&source, SHIM_CONF_MODE), &settings->mode);
    parse_timeout(&source);
    settings->outer_name_usable = shim_settings_outer_name(
        problems, entry_of(&source, SHIM_CONF_OUTER_NAME), &settings->outer_name);
    settings->retry = shim_settings_switch(problems, entry_of(&source, SHIM_CONF_RETRY), true);
    settings->grease = shim_settings_switch(problems, entry_of(&source, SHIM_CONF_GREASE), true);
    settings->private = shim_settings_switch(problems, entry_of(&source, SHIM_CONF_PRIVATE), false);
    /* The stub has acted on it already: any word but off means on. */
    (void)shim_settings_switch(problems, entry_of(&source, SHIM_CONF_DETOURS), true);
    /* So has the launcher. */
    (void)shim_settings_switch(problems, entry_of(&source, SHIM_CONF_GO), true);
    shim_settings_ports(settings, problems, entry_of(&source, SHIM_CONF_PORTS));
    enum ech_status status = ECH_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == ECH_OK; i++) {
        status = parts[i](&source);
    }
    return status == ECH_OK ? shim_settings_hosts(settings, problems) : status;
}

void shim_settings_free(struct shim_settings *settings)
{
    shim_settings_config_list_free(settings);
    shim_settings_hosts_free(settings);
    free(settings->resolvers);
    free(settings->ca_file);
    free(settings->resolver_proxy);
    free(settings->cache);
    free(settings->log_file);
    free(settings->report);
    *settings = (struct shim_settings){.report_fd = -1};
}
