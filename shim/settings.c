/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/settings.h"

#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ech/config.h"
#include "shim/journal.h"
#include "shim/names_wanted.h"
#include "shim/ports.h"

enum { DEFAULT_PORT = 443, DEFAULT_TIMEOUT_MS = 2000, TIMEOUT_MAX_MS = 60000, PROBLEM_SIZE = 512 };

/* Values are quoted only as far as this: they may be long, and a config list is no reading matter.
 */
enum { QUOTED_MAX = 80 };

static void problem(const struct shim_settings_source *source, const char *variable,
                    const char *value, const char *then)
{
    char text[PROBLEM_SIZE];
    (void)snprintf(text, sizeof text, "%s: cannot use \"%.*s\": %s", variable, QUOTED_MAX, value,
                   then);
    source->problem(source->context, text);
}

static const char *get(const struct shim_settings_source *source, const char *variable)
{
    const char *value = source->get(source->context, variable);
    return value != NULL && *value != '\0' ? value : NULL;
}

/* A decimal number and nothing else, within bounds. */
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

/* ---- one function a variable ---- */

static void parse_mode(struct shim_settings *settings, const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_MODE");
    if (!shim_mode_parse(value, &settings->mode)) {
        problem(source, "ECHSHIM_MODE", value, "mode is strict");
    }
}

static bool add_port(void *context, uint16_t port)
{
    struct shim_settings *settings = context;
    if (shim_settings_watches(settings, port)) {
        return true;
    }
    if (settings->port_count == SHIM_PORTS_MAX) {
        if (port != DEFAULT_PORT) {
            return false;
        }
        settings->port_count--; /* 443 follows where a list cannot be used to its end */
    }
    settings->ports[settings->port_count++] = port;
    return true;
}

static void parse_ports(struct shim_settings *settings, const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_PORTS");
    if (!shim_ports_parse(value, add_port, settings)) {
        problem(source, "ECHSHIM_PORTS", value, "what could be read of it is used, and port 443");
    }
}

static void parse_resolver(struct shim_settings *settings,
                           const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_RESOLVER");
    settings->names_protected = shim_names_want_protection(value);
    settings->resolver_usable =
        dns_resolver_parse(value != NULL ? value : "system", &settings->resolver) == ECH_OK;
    if (!settings->resolver_usable) {
        problem(source, "ECHSHIM_RESOLVER", value, "nobody is asked");
    }
}

/* ECH_ERR_DECODE: not a list; ECH_ERR_NOMEM, which is nothing to blame the value for. */
static enum ech_status add_static_config(struct shim_settings *settings, const char *item)
{
    /* Base64 may end in '='; in NAME=BASE64 the first one ends the name, and no name is Base64 up
     * to its own padding. */
    const char *equals = strchr(item, '=');
    bool named = equals != NULL && equals[1] != '\0' && equals[1] != '=';
    const char *base64 = named ? equals + 1 : item;
    gnutls_datum_t encoded = {.data = (unsigned char *)(uintptr_t)base64,
                              .size = (unsigned)strlen(base64)};
    gnutls_datum_t decoded = {0};
    if (encoded.size == 0 || (named && equals == item)) {
        return ECH_ERR_DECODE;
    }
    int result = gnutls_base64_decode2(&encoded, &decoded);
    if (result != GNUTLS_E_SUCCESS) {
        return result == GNUTLS_E_MEMORY_ERROR ? ECH_ERR_NOMEM : ECH_ERR_DECODE;
    }
    if (decoded.size == 0) {
        gnutls_free(decoded.data);
        return ECH_ERR_DECODE;
    }
    struct shim_static_config *grown =
        reallocarray(settings->static_configs, settings->static_config_count + 1, sizeof *grown);
    if (grown == NULL) {
        gnutls_free(decoded.data);
        return ECH_ERR_NOMEM;
    }
    settings->static_configs = grown;
    struct shim_static_config *one = &grown[settings->static_config_count++];
    *one = (struct shim_static_config){
        .name = named ? strndup(item, (size_t)(equals - item)) : NULL,
        .ech_config_list = malloc(decoded.size),
    };
    enum ech_status status = ECH_ERR_NOMEM;
    if (one->ech_config_list != NULL && (!named || one->name != NULL)) {
        memcpy(one->ech_config_list, decoded.data, decoded.size);
        one->length = decoded.size;
        status = ech_config_list_check(bytes_of(one->ech_config_list, one->length));
    }
    gnutls_free(decoded.data);
    return status;
}

static enum ech_status parse_config_list(struct shim_settings *settings,
                                         const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_CONFIG_LIST");
    if (value == NULL) {
        return ECH_OK;
    }
    settings->config_list_given = true;
    char *copy = strdup(value);
    if (copy == NULL) {
        return ECH_ERR_NOMEM;
    }
    char *rest = copy;
    enum ech_status status = ECH_OK;
    for (char *item = strsep(&rest, ","); item != NULL && status == ECH_OK;
         item = strsep(&rest, ",")) {
        status = add_static_config(settings, item);
        if (status != ECH_OK && status != ECH_ERR_NOMEM) {
            problem(source, "ECHSHIM_CONFIG_LIST", item, "no config is used for any name");
        }
    }
    settings->config_list_usable = status == ECH_OK;
    free(copy);
    return status == ECH_ERR_NOMEM ? status : ECH_OK;
}

static void parse_timeout(struct shim_settings *settings, const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_TIMEOUT_MS");
    unsigned long timeout = DEFAULT_TIMEOUT_MS;
    if (value != NULL && !parse_number(value, 1, TIMEOUT_MAX_MS, &timeout)) {
        problem(source, "ECHSHIM_TIMEOUT_MS", value, "2000 is used");
        timeout = DEFAULT_TIMEOUT_MS;
    }
    settings->timeout_ms = (unsigned)timeout;
}

/* on or off; another word is told, and what is safe is said by the caller. */
static bool parse_switch(const struct shim_settings_source *source, const char *variable,
                         bool usual, const char *then)
{
    const char *value = get(source, variable);
    if (value == NULL) {
        return usual;
    }
    if (strcmp(value, "on") == 0 || strcmp(value, "off") == 0) {
        return strcmp(value, "on") == 0;
    }
    problem(source, variable, value, then);
    return usual;
}

static enum ech_status parse_trust(struct shim_settings *settings,
                                   const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_CA_FILE");
    settings->ca_file = value != NULL ? strdup(value) : NULL;
    return value == NULL || settings->ca_file != NULL ? ECH_OK : ECH_ERR_NOMEM;
}

/* Programs change their folder, and the last link of a path that ends in '/' would be followed. */
static enum ech_status parse_cache(struct shim_settings *settings,
                                   const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_CACHE");
    if (value == NULL) {
        return ECH_OK;
    }
    if (*value != '/' || strlen(value) >= PATH_MAX) {
        problem(source, "ECHSHIM_CACHE", value, "not an absolute path; no cache is shared");
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

static enum ech_status parse_log(struct shim_settings *settings,
                                 const struct shim_settings_source *source)
{
    static const char *const names[] = {[SHIM_LOG_ERROR] = "error",
                                        [SHIM_LOG_WARN] = "warn",
                                        [SHIM_LOG_INFO] = "info",
                                        [SHIM_LOG_DEBUG] = "debug"};
    const char *value = get(source, "ECHSHIM_LOG");
    if (value != NULL) {
        for (int level = SHIM_LOG_ERROR; level <= SHIM_LOG_DEBUG; level++) {
            if (strcmp(value, names[level]) == 0) {
                settings->log_level = (enum shim_log_level)level;
            }
        }
        if (settings->log_level == SHIM_LOG_OFF && strcmp(value, "off") != 0) {
            problem(source, "ECHSHIM_LOG", value, "nothing is logged");
        }
    }
    const char *file = get(source, "ECHSHIM_LOG_FILE");
    settings->log_file = file != NULL ? strdup(file) : NULL;
    return file == NULL || settings->log_file != NULL ? ECH_OK : ECH_ERR_NOMEM;
}

static enum ech_status parse_report(struct shim_settings *settings,
                                    const struct shim_settings_source *source)
{
    const char *value = get(source, "ECHSHIM_REPORT");
    unsigned long fd;
    if (value == NULL) {
        return ECH_OK;
    }
    if (strncmp(value, "fd:", 3) == 0) {
        if (parse_number(value + 3, 0, INT_MAX, &fd)) {
            settings->report_fd = (int)fd;
        } else {
            problem(source, "ECHSHIM_REPORT", value, "nothing is reported");
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

enum ech_status shim_settings_parse(struct shim_settings *settings,
                                    const struct shim_settings_source *source)
{
    *settings = (struct shim_settings){.report_fd = -1};
    parse_mode(settings, source);
    parse_resolver(settings, source);
    parse_timeout(settings, source);
    settings->retry = parse_switch(source, "ECHSHIM_RETRY", true, "it is on");
    settings->grease = parse_switch(source, "ECHSHIM_GREASE", true, "it is on");
    settings->private = parse_switch(source, "ECHSHIM_PRIVATE", false, "it is off");
    parse_ports(settings, source);
    enum ech_status status = parse_config_list(settings, source);
    if (status == ECH_OK) {
        status = parse_trust(settings, source);
    }
    if (status == ECH_OK) {
        status = parse_cache(settings, source);
    }
    if (status == ECH_OK) {
        status = parse_log(settings, source);
    }
    if (status == ECH_OK) {
        status = parse_report(settings, source);
    }
    return status;
}

void shim_settings_free(struct shim_settings *settings)
{
    for (size_t i = 0; i < settings->static_config_count; i++) {
        free(settings->static_configs[i].name);
        free(settings->static_configs[i].ech_config_list);
    }
    free(settings->static_configs);
    free(settings->ca_file);
    free(settings->cache);
    free(settings->log_file);
    free(settings->report);
    *settings = (struct shim_settings){.report_fd = -1};
}

bool shim_settings_watches(const struct shim_settings *settings, uint16_t port)
{
    for (size_t i = 0; i < settings->port_count; i++) {
        if (settings->ports[i] == port) {
            return true;
        }
    }
    return false;
}

struct bytes shim_settings_static_config(const struct shim_settings *settings, const char *host)
{
    struct bytes for_all = {0};
    for (size_t i = 0; i < settings->static_config_count; i++) {
        const struct shim_static_config *one = &settings->static_configs[i];
        if (one->name != NULL && strcasecmp(one->name, host) == 0) {
            return bytes_of(one->ech_config_list, one->length);
        }
        if (one->name == NULL) {
            for_all = bytes_of(one->ech_config_list, one->length);
        }
    }
    return for_all;
}
