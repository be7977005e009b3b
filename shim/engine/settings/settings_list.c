/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHConfigLists that were set by hand, as text or in files. A broken item makes no handshake
 * weaker: its name is refused. If its name cannot be read either, all names without an item of
 * their own are refused.
 */
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ech/config.h"
#include "shim/common/config_list.h"
#include "shim/engine/settings/list_file.h"
#include "shim/engine/settings/settings_list.h"
#include "shim/engine/settings/settings_values.h"

struct shim_static_config {
    struct shim_table_node node;
    uint8_t *ech_config_list;    /* NULL: it cannot be used */
    size_t length;               /* octets */
    struct shim_list_file *file; /* instead of the list; NULL: none */
    /* In its normal form; a pattern begins with "*"; "": for every name, or those of a file. */
    char name[DNS_HOST_SIZE];
};

/* A list for the names of a file. */
struct shim_names_file_config {
    struct shim_names_file_config *next; /* in the order of the setting */
    struct shim_list_file *names;
    struct shim_static_config *config;
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
        shim_list_file_free(config->file);
        free(config);
    }
}

static struct bytes list_of(const struct shim_static_config *config)
{
    return bytes_of(config->ech_config_list, config->length);
}

/* A list file keeps its use if it cannot be read now: it may come. `problem` then says so. */
static enum ech_status open_file(const struct shim_config_item *item, struct shim_list_file **file,
                                 const char **what)
{
    *file = shim_list_file_new(SHIM_FILE_OF_LIST, item->file, item->file_length, what);
    return *file != NULL ? ECH_OK : ECH_ERR_NOMEM;
}

/* ECH_ERR_NOMEM; else *what is NULL, or says what is wrong. */
static enum ech_status decode(const struct shim_config_item *item, uint8_t **list, size_t *length,
                              struct shim_list_file **file, const char **what)
{
    *what = item->problem;
    if (*what != NULL) {
        return ECH_OK;
    }
    if (item->file != NULL) {
        return open_file(item, file, what);
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
    if (item->problem == NULL && item->file != NULL) {
        return "handshakes that need it are refused until it can be read";
    }
    return item->name[0] != '\0' ? "handshakes with this host are refused"
                                 : "handshakes with hosts that have no config of their own are "
                                   "refused";
}

static void make_unusable(struct shim_static_config *config)
{
    free(config->ech_config_list);
    config->ech_config_list = NULL;
    shim_list_file_free(config->file);
    config->file = NULL;
}

static bool same_list(const struct shim_static_config *a, const struct shim_static_config *b)
{
    return a->file == NULL && b->file == NULL && bytes_equal(list_of(a), list_of(b));
}

/* Adds the list for the names of a file. *what: as decode; then nobody knows which names it is for.
 */
static enum ech_status add_names(struct shim_settings *settings,
                                 const struct shim_config_item *item,
                                 struct shim_static_config *config, const char **what)
{
    struct shim_names_file_config *entry = calloc(1, sizeof *entry);
    const char *problem;
    if (entry == NULL ||
        (entry->names = shim_list_file_new(SHIM_FILE_OF_NAMES, item->names_file,
                                           item->names_file_length, &problem)) == NULL) {
        free(entry);
        return ECH_ERR_NOMEM;
    }
    *what = problem != NULL ? problem : *what;
    entry->config = config;
    struct shim_names_file_config **end = &settings->names_files;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = entry;
    return ECH_OK;
}

/* Adds the list for a name, a pattern, or for every name. */
static void add_named(struct shim_settings *settings, struct shim_static_config *fresh)
{
    struct shim_static_config *before = find(settings, fresh->name);
    if (before == NULL) {
        add(settings, fresh);
        return;
    }
    if (fresh->ech_config_list == NULL && fresh->file == NULL) {
        make_unusable(before);
    }
    drop(fresh);
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
    enum ech_status status =
        decode(item, &fresh->ech_config_list, &fresh->length, &fresh->file, &what);
    bool of_file = item->names_file != NULL && item->names_file_length > 0;
    if (status == ECH_OK && of_file) {
        status = add_names(settings, item, fresh, &what);
    }
    if (status != ECH_OK) {
        drop(fresh);
        return status;
    }
    struct shim_static_config *before = of_file ? NULL : find(settings, fresh->name);
    if (what == NULL && before != NULL && !same_list(before, fresh)) {
        what = "another list for the same name";
        make_unusable(fresh);
    }
    if (what != NULL) {
        problem(problems, entry, item, what, consequence_of(item));
        bool known = item->name[0] != '\0' || of_file || fresh->file != NULL;
        settings->config_list_usable = settings->config_list_usable && known;
    }
    if (!of_file) {
        add_named(settings, fresh);
    }
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

/* The list of the first file that has this name, or this pattern. */
static struct shim_static_config *find_in_files(const struct shim_settings *settings,
                                                const char *line)
{
    for (struct shim_names_file_config *entry = settings->names_files; entry != NULL;
         entry = entry->next) {
        if (shim_names_file_has(entry->names, line)) {
            return entry->config;
        }
    }
    return NULL;
}

/* The list of the name itself, else of the longest pattern. NULL: there is none. */
static struct shim_static_config *find_for(const struct shim_settings *settings, const char *host)
{
    char pattern[DNS_HOST_SIZE + 1] = "*";
    struct shim_static_config *config = find(settings, host);
    if (config == NULL) {
        config = find_in_files(settings, host);
    }
    for (const char *dot = strchr(host, '.'); config == NULL && dot != NULL;
         dot = strchr(dot + 1, '.')) {
        (void)snprintf(pattern + 1, sizeof pattern - 1, "%s", dot);
        config = find(settings, pattern);
        config = config != NULL ? config : find_in_files(settings, pattern);
    }
    pattern[1] = '\0';
    config = config != NULL ? config : find(settings, pattern);
    return config != NULL ? config : find_in_files(settings, pattern);
}

/* A file of names that could never be read may have had this one. */
static bool files_are_usable(const struct shim_settings *settings)
{
    bool usable = true;
    for (const struct shim_names_file_config *entry = settings->names_files; entry != NULL;
         entry = entry->next) {
        usable = shim_names_file_usable(entry->names) && usable;
    }
    return usable;
}

bool shim_settings_static_config(const struct shim_settings *settings, const char *host,
                                 struct bytes *list, struct shim_list_file **file)
{
    char normal[DNS_HOST_SIZE];
    bool usable = files_are_usable(settings) && settings->config_list_usable;
    bool any = settings->static_configs.count > 0 || settings->names_files != NULL;
    const struct shim_static_config *own =
        any && *host != '\0' && dns_host_normal(host, normal) ? find_for(settings, normal) : NULL;
    *list = (struct bytes){0};
    *file = NULL;
    if (own == NULL) {
        own = usable ? settings->for_all : NULL;
        if (own == NULL) {
            return usable;
        }
    }
    *list = list_of(own);
    *file = own->file;
    return own->ech_config_list != NULL || own->file != NULL;
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
    while (settings->names_files != NULL) {
        struct shim_names_file_config *entry = settings->names_files;
        settings->names_files = entry->next;
        shim_list_file_free(entry->names);
        drop(entry->config);
        free(entry);
    }
}

/* ---- lists for one host ---- */

enum ech_status shim_settings_host_config(const struct shim_settings_problems *problems,
                                          const struct shim_conf_entry *entry, uint8_t **list,
                                          size_t *length, struct shim_list_file **file)
{
    struct shim_config_item item;
    struct shim_config_item more;
    const char *rest = entry->value;
    const char *what = "it is empty";
    enum ech_status status = ECH_OK;
    if (shim_config_list_next(&rest, &item)) {
        if (item.name[0] != '\0' || item.names_file != NULL ||
            shim_config_list_next(&rest, &more)) {
            item.problem = "the section names the host; the Base64 alone belongs here";
        }
        status = decode(&item, list, length, file, &what);
    }
    if (status == ECH_OK && what != NULL) {
        char then[PROBLEM_SIZE];
        (void)snprintf(then, sizeof then, "%s; handshakes with this host are refused", what);
        shim_settings_problem(problems, entry, entry->value, then);
    }
    return status;
}
