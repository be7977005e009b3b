/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigLists that were set by hand. A broken item makes no handshake weaker: its name is
 * refused. If its name cannot be read either, all names without an item of their own are refused.
 */
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ech/config.h"
#include "shim/common/config_list.h"
#include "shim/engine/settings/settings_list.h"
#include "shim/engine/settings/settings_values.h"

struct shim_static_config {
    struct shim_table_node node;
    uint8_t *ech_config_list; /* NULL: it cannot be used */
    size_t length;            /* octets */
    char name[DNS_HOST_SIZE]; /* in its normal form; "": for every name */
};

enum { ITEM_MAX = 100, PROBLEM_SIZE = 256 };

/* Gives a checked ECHConfigList, which the caller frees. ECH_ERR_DECODE: it is no list.
 * ECH_ERR_NOMEM is not the value's fault. */
static enum ech_status decode_base64(const char *base64, size_t base64_length, uint8_t **list,
                                     size_t *length)
{
    gnutls_datum_t encoded = {.data = (unsigned char *)(uintptr_t)base64,
                              .size = (unsigned)base64_length};
    gnutls_datum_t decoded = {0};
    if (encoded.size == 0) {
        return ECH_ERR_DECODE;
    }
    int result = gnutls_base64_decode2(&encoded, &decoded);
    if (result != GNUTLS_E_SUCCESS) {
        return result == GNUTLS_E_MEMORY_ERROR ? ECH_ERR_NOMEM : ECH_ERR_DECODE;
    }
    enum ech_status status = ECH_ERR_DECODE;
    if (decoded.size > 0) {
        *list = malloc(decoded.size);
        status = ECH_ERR_NOMEM;
    }
    if (decoded.size > 0 && *list != NULL) {
        memcpy(*list, decoded.data, decoded.size);
        *length = decoded.size;
        status = ech_config_list_check(bytes_of(*list, *length));
    }
    gnutls_free(decoded.data);
    if (status != ECH_OK && decoded.size > 0) {
        free(*list);
        *list = NULL;
    }
    return status;
}

/* Quotes only a part of the item: a config list is long and unreadable. */
static void problem(const struct shim_settings_problems *problems,
                    const struct shim_conf_entry *entry, const struct shim_config_item *item,
                    const char *what, const char *then)
{
    char text[ITEM_MAX];
    char whole[PROBLEM_SIZE];
    (void)snprintf(text, sizeof text, "%.*s",
                   (int)(item->length < ITEM_MAX ? item->length : ITEM_MAX), item->text);
    (void)snprintf(whole, sizeof whole, "%s; %s", what, then);
    shim_settings_problem(problems, entry, text, whole);
}

/* ---- lists that name hosts ---- */

static struct shim_static_config *find(const struct shim_settings *settings, const char *name)
{
    if (name[0] == '\0') {
        return settings->for_all;
    }
    struct shim_table_node *node =
        shim_table_find(&settings->static_configs, dns_host_hash(name, strlen(name)));
    for (; node != NULL; node = shim_table_next(node)) {
        struct shim_static_config *config = (struct shim_static_config *)node;
        if (dns_host_equal(config->name, name)) {
            return config;
        }
    }
    return NULL;
}

static void add(struct shim_settings *settings, struct shim_static_config *config)
{
    if (config->name[0] == '\0') {
        settings->for_all = config;
    } else {
        shim_table_add(&settings->static_configs, &config->node,
                       dns_host_hash(config->name, strlen(config->name)));
    }
}

static void drop(struct shim_static_config *config)
{
    if (config != NULL) {
        free(config->ech_config_list);
        free(config);
    }
}

static struct bytes list_of(const struct shim_static_config *config)
{
    return bytes_of(config->ech_config_list, config->length);
}

/* ECH_ERR_NOMEM; else *what is NULL, or says what is wrong. */
static enum ech_status decode(const struct shim_config_item *item, uint8_t **list, size_t *length,
                              const char **what)
{
    *what = item->problem;
    if (*what != NULL) {
        return ECH_OK;
    }
    enum ech_status status = decode_base64(item->base64, item->base64_length, list, length);
    if (status != ECH_OK && status != ECH_ERR_NOMEM) {
        *what = "not the Base64 of an ECHConfigList";
        status = ECH_OK;
    }
    return status;
}

static const char *consequence_of(const struct shim_config_item *item)
{
    return item->name[0] != '\0' ? "handshakes with this host are refused"
                                 : "handshakes with hosts that have no config of their own are "
                                   "refused";
}

static enum ech_status add_item(struct shim_settings *settings,
                                const struct shim_settings_problems *problems,
                                const struct shim_conf_entry *entry,
                                const struct shim_config_item *item)
{
    const char *what;
    struct shim_static_config *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return ECH_ERR_NOMEM;
    }
    memcpy(fresh->name, item->name, sizeof fresh->name);
    enum ech_status status = decode(item, &fresh->ech_config_list, &fresh->length, &what);
    struct shim_static_config *before = find(settings, fresh->name);
    if (status == ECH_OK && what == NULL && before != NULL &&
        !bytes_equal(list_of(before), list_of(fresh))) {
        what = "another list for the same name";
    }
    if (status != ECH_OK) {
        drop(fresh);
        return status;
    }
    if (what != NULL) {
        problem(problems, entry, item, what, consequence_of(item));
        free(fresh->ech_config_list);
        fresh->ech_config_list = NULL;
        settings->config_list_usable = settings->config_list_usable && item->name[0] != '\0';
    }
    if (before == NULL) {
        add(settings, fresh);
        return ECH_OK;
    }
    if (what != NULL) {
        free(before->ech_config_list);
        before->ech_config_list = NULL;
    }
    drop(fresh);
    return ECH_OK;
}

enum ech_status shim_settings_config_list(struct shim_settings *settings,
                                          const struct shim_settings_problems *problems,
                                          const struct shim_conf_entry *entry)
{
    struct shim_config_item item;
    const char *rest = entry->value;
    enum ech_status status = ECH_OK;
    bool any = false;
    settings->config_list_given = true;
    settings->config_list_usable = true;
    while (status == ECH_OK && shim_config_list_next(&rest, &item)) {
        status = add_item(settings, problems, entry, &item);
        any = true;
    }
    if (!any) {
        settings->config_list_usable = false;
        shim_settings_problem(problems, entry, entry->value, "it is empty; handshakes are refused");
    }
    return status;
}

bool shim_settings_static_config(const struct shim_settings *settings, const char *host,
                                 struct bytes *list)
{
    const struct shim_static_config *own = *host != '\0' ? find(settings, host) : NULL;
    *list = (struct bytes){0};
    if (own != NULL) {
        *list = list_of(own);
        return own->ech_config_list != NULL;
    }
    if (settings->config_list_usable && settings->for_all != NULL) {
        *list = list_of(settings->for_all);
    }
    return settings->config_list_usable;
}

static bool drop_node(struct shim_table_node *node, void *context)
{
    (void)context;
    drop((struct shim_static_config *)node);
    return true;
}

void shim_settings_config_list_free(struct shim_settings *settings)
{
    shim_table_sweep(&settings->static_configs, drop_node, NULL);
    free(settings->static_configs.buckets);
    drop(settings->for_all);
}

/* ---- lists for one host ---- */

enum ech_status shim_settings_host_config(const struct shim_settings_problems *problems,
                                          const struct shim_conf_entry *entry, uint8_t **list,
                                          size_t *length)
{
    struct shim_config_item item;
    struct shim_config_item more;
    const char *rest = entry->value;
    const char *what = "it is empty";
    enum ech_status status = ECH_OK;
    if (shim_config_list_next(&rest, &item)) {
        if (item.name[0] != '\0' || shim_config_list_next(&rest, &more)) {
            item.problem = "the section names the host; the Base64 alone belongs here";
        }
        status = decode(&item, list, length, &what);
    }
    if (status == ECH_OK && what != NULL) {
        char then[PROBLEM_SIZE];
        (void)snprintf(then, sizeof then, "%s; handshakes with this host are refused", what);
        shim_settings_problem(problems, entry, entry->value, then);
    }
    return status;
}
