/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/settings/settings_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ech/config.h"
#include "shim/common/ports.h"
#include "shim/common/protected_names.h"

enum { PROBLEM_SIZE = 512 };

/* Quotes no more of a value: values may be long, and a config list is unreadable. */
enum { QUOTED_MAX = 80 };

void shim_settings_problem(const struct shim_settings_problems *problems,
                           const struct shim_conf_entry *entry, const char *value, const char *then)
{
    char text[PROBLEM_SIZE];
    if (entry->section == NULL) {
        (void)snprintf(text, sizeof text, "%s: cannot use \"%.*s\": %s",
                       shim_conf_variable(entry->key), QUOTED_MAX, value, then);
    } else {
        (void)snprintf(text, sizeof text, "%s:%u: %s: cannot use \"%.*s\": %s",
                       entry->section->file, entry->line, shim_conf_key_name(entry->key),
                       QUOTED_MAX, value, then);
    }
    problems->tell(problems->context, text);
}

bool shim_settings_mode(const struct shim_settings_problems *problems,
                        const struct shim_conf_entry *entry, enum shim_mode *mode)
{
    bool known = shim_mode_parse(entry != NULL ? entry->value : NULL, mode);
    if (!known && entry != NULL) {
        shim_settings_problem(problems, entry, entry->value, "mode is strict");
    }
    return known;
}

bool shim_settings_outer_name(const struct shim_settings_problems *problems,
                              const struct shim_conf_entry *entry, const char **outer_name)
{
    const char *value = entry != NULL ? entry->value : SHIM_CONF_USUAL_OUTER_NAME;
    *outer_name = NULL;
    if (strcmp(value, SHIM_CONF_USUAL_OUTER_NAME) == 0) {
        return true;
    }
    if (!ech_public_name_valid(bytes_of(value, strlen(value)))) {
        shim_settings_problem(problems, entry, value,
                              "not the name of a host; handshakes are refused");
        return false;
    }
    *outer_name = value;
    return true;
}

bool shim_settings_switch(const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry, bool usual)
{
    if (entry == NULL) {
        return usual;
    }
    if (strcmp(entry->value, "on") == 0 || strcmp(entry->value, "off") == 0) {
        return strcmp(entry->value, "on") == 0;
    }
    shim_settings_problem(problems, entry, entry->value, usual ? "it is on" : "it is off");
    return usual;
}

/* A problem with one resolver of a list. */
struct list_problem {
    const struct shim_settings_problems *problems;
    const struct shim_conf_entry *entry;
};

static void tell_of_resolver(void *context, const char *item, const char *why)
{
    const struct list_problem *problem = context;
    if (problem->entry != NULL) {
        shim_settings_problem(problem->problems, problem->entry,
                              item != NULL ? item : problem->entry->value, why);
    }
}

enum ech_status shim_settings_resolver(struct shim_settings *settings,
                                       const struct shim_settings_problems *problems,
                                       const struct shim_conf_entry *entry, size_t *index)
{
    const char *value = entry != NULL ? entry->value : NULL;
    /* A resolver has one connection, however many hosts name it. */
    for (*index = 0; *index < settings->resolver_count; ++*index) {
        const char *text = settings->resolvers[*index].text;
        if (text != NULL && value != NULL && strcmp(text, value) == 0) {
            return ECH_OK;
        }
    }
    struct shim_resolver_setting setting = {.text = value,
                                            .protects = shim_names_want_protection(value)};
    struct shim_resolver_setting *grown =
        reallocarray(settings->resolvers, settings->resolver_count + 1, sizeof *grown);
    if (grown == NULL) {
        return ECH_ERR_NOMEM;
    }
    settings->resolvers = grown;
    struct list_problem context = {.problems = problems, .entry = entry};
    const struct dns_resolver_problems each = {.tell = tell_of_resolver, .context = &context};
    setting.usable =
        dns_resolver_parse(value != NULL ? value : "system", &setting.resolver, &each) == ECH_OK;
    if (!setting.usable && entry != NULL) {
        shim_settings_problem(problems, entry, value, "no resolver is asked");
    }
    /* Plain DNS does not go through the proxy: it would show what the proxy is to hide. */
    if (setting.usable && settings->resolver_proxy != NULL) {
        setting.usable =
            settings->resolver_proxy_usable && dns_resolver_is_protected(&setting.resolver);
        if (settings->resolver_proxy_usable && !setting.usable && entry != NULL) {
            shim_settings_problem(
                problems, entry, value,
                "resolver_proxy is for encrypted resolvers; no resolver is asked");
        }
    }
    settings->names_protected = settings->names_protected || setting.protects;
    *index = settings->resolver_count++;
    settings->resolvers[*index] = setting;
    return ECH_OK;
}

static bool add_port(void *context, uint16_t port)
{
    struct shim_settings *settings = context;
    if (shim_settings_watches(settings, port)) {
        return true;
    }
    if (settings->port_count == SHIM_PORTS_MAX) {
        if (port != DNS_HTTPS_PORT) {
            return false;
        }
        settings->port_count--; /* 443 takes the last place: it is added where a list is too long */
    }
    settings->ports[settings->port_count++] = port;
    return true;
}

void shim_settings_ports(struct shim_settings *settings,
                         const struct shim_settings_problems *problems,
                         const struct shim_conf_entry *entry)
{
    if (!shim_ports_parse(entry != NULL ? entry->value : NULL, add_port, settings) &&
        entry != NULL) {
        shim_settings_problem(problems, entry, entry->value,
                              "the ports that could be read are used, and 443");
    }
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
