/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/settings/settings_host.h"

#include <stdlib.h>

#include "shim/engine/settings/settings_list.h"
#include "shim/engine/settings/settings_values.h"

struct shim_host_value {
    enum shim_mode mode;
    bool on;                /* a switch; or the outer name can be used */
    const char *outer_name; /* borrowed from the conf; NULL: the usual */
    size_t resolver;
    uint8_t *ech_config_list;    /* NULL: there is none, or it cannot be used */
    size_t length;               /* octets */
    struct shim_list_file *file; /* instead of the list */
};

static enum ech_status read_value(struct shim_settings *settings,
                                  const struct shim_settings_problems *problems,
                                  const struct shim_conf_entry *entry,
                                  struct shim_host_value *value)
{
    enum ech_status status = ECH_OK;
    switch (entry->key) {
    case SHIM_CONF_MODE:
        (void)shim_settings_mode(problems, entry, &value->mode);
        break;
    case SHIM_CONF_PORTS:
        shim_settings_ports(settings, problems, entry);
        break;
    case SHIM_CONF_RESOLVER:
        status = shim_settings_resolver(settings, problems, entry, &value->resolver);
        break;
    case SHIM_CONF_CONFIG_LIST:
        status = shim_settings_host_config(problems, entry, &value->ech_config_list, &value->length,
                                           &value->file);
        break;
    case SHIM_CONF_OUTER_NAME:
        value->on = shim_settings_outer_name(problems, entry, &value->outer_name);
        break;
    case SHIM_CONF_RETRY:
    case SHIM_CONF_GREASE:
        value->on = shim_settings_switch(problems, entry, true);
        break;
    default:
        value->on = shim_settings_switch(problems, entry, false);
        break;
    }
    return status;
}

static bool is_of_host(const struct shim_conf_entry *entry)
{
    return entry != NULL && entry->section != NULL && entry->section->kind == SHIM_CONF_HOST;
}

enum ech_status shim_settings_hosts(struct shim_settings *settings,
                                    const struct shim_settings_problems *problems)
{
    const struct shim_conf *conf = settings->conf;
    enum ech_status status = ECH_OK;
    bool counts[SHIM_CONF_KEYS]; /* whether any host sets the key, asked once: there may be
                                    thousands of hosts */
    for (int key = 0; key < SHIM_CONF_KEYS; key++) {
        counts[key] = shim_conf_has_hosts(conf, (enum shim_conf_key)key);
    }
    for (size_t i = 0; i < conf->entry_count && status == ECH_OK; i++) {
        if (!is_of_host(&conf->entries[i]) || !counts[conf->entries[i].key]) {
            continue;
        }
        if (settings->host_values == NULL) {
            settings->host_values = calloc(conf->entry_count, sizeof *settings->host_values);
        }
        status = settings->host_values != NULL
                     ? read_value(settings, problems, &conf->entries[i], &settings->host_values[i])
                     : ECH_ERR_NOMEM;
    }
    return status;
}

void shim_settings_hosts_free(struct shim_settings *settings)
{
    for (size_t i = 0; settings->host_values != NULL && i < settings->conf->entry_count; i++) {
        free(settings->host_values[i].ech_config_list);
        shim_list_file_free(settings->host_values[i].file);
    }
    free(settings->host_values);
}

/* The value for this host, of the section that counts; NULL: no section sets it. */
static const struct shim_host_value *value_of(const struct shim_settings *settings,
                                              enum shim_conf_key key, const char *host)
{
    const struct shim_conf_entry *winner = shim_conf_winner(settings->conf, key, host);
    return is_of_host(winner) ? &settings->host_values[winner - settings->conf->entries] : NULL;
}

static void apply_sections(const struct shim_settings *settings, const char *name,
                           struct shim_host_settings *out)
{
    const struct shim_host_value *value = value_of(settings, SHIM_CONF_MODE, name);
    out->mode = value != NULL ? value->mode : out->mode;
    value = value_of(settings, SHIM_CONF_OUTER_NAME, name);
    if (value != NULL) {
        out->outer_name = value->outer_name;
        out->outer_name_usable = value->on;
    }
    value = value_of(settings, SHIM_CONF_RETRY, name);
    out->retry = value != NULL ? value->on : out->retry;
    value = value_of(settings, SHIM_CONF_GREASE, name);
    out->grease = value != NULL ? value->on : out->grease;
    value = value_of(settings, SHIM_CONF_PRIVATE, name);
    out->private = value != NULL ? value->on : out->private;
    value = value_of(settings, SHIM_CONF_RESOLVER, name);
    out->resolver = value != NULL ? value->resolver : 0;
    value = value_of(settings, SHIM_CONF_CONFIG_LIST, name);
    if (value != NULL) {
        out->config_list_given = true;
        out->config_list_usable = value->ech_config_list != NULL || value->file != NULL;
        out->config_file = value->file;
        out->config_list = bytes_of(value->ech_config_list, value->length);
    }
}

void shim_settings_of_host(const struct shim_settings *settings, const char *host,
                           struct shim_host_settings *out)
{
    const char *name = host != NULL ? host : "";
    *out = (struct shim_host_settings){
        .mode = settings->mode,
        .outer_name = settings->outer_name,
        .outer_name_usable = settings->outer_name_usable,
        .retry = settings->retry,
        .grease = settings->grease,
        .private = settings->private,
        .config_list_given = settings->config_list_given,
    };
    out->config_list_usable =
        shim_settings_static_config(settings, name, &out->config_list, &out->config_file);
    if (settings->host_values != NULL && *name != '\0') {
        apply_sections(settings, name, out);
    }
    out->resolver_usable = settings->resolvers[out->resolver].usable;
    out->names_protected = settings->resolvers[out->resolver].protects;
}
