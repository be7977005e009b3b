/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the user asked for: the meaning of the ECHSHIM_* variables and of the configuration files
 * (shim/common/conf.h). Constant after the start. These are the settings for every host; for a
 * single host ask shim_settings_of_host.
 */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/encrypted/proxy.h"
#include "dns/resolver.h"
#include "ech/wire.h"
#include "shim/common/conf.h"
#include "shim/common/mode.h"
#include "shim/engine/base/table.h"

enum { SHIM_PORTS_MAX = 64 };

enum shim_log_level { SHIM_LOG_OFF, SHIM_LOG_ERROR, SHIM_LOG_WARN, SHIM_LOG_INFO, SHIM_LOG_DEBUG };

/* Items of ECHSHIM_CONFIG_LIST; only shim/engine/settings/settings_list.c looks into them. */
struct shim_static_config;
struct shim_names_file_config;
/* See shim/engine/settings/list_file.h. */
struct shim_list_file;

struct shim_resolver_setting {
    const char *text; /* borrowed from the conf; NULL: not set */
    struct dns_resolver resolver;
    bool usable;   /* false: the setting did not parse, so no resolver is asked */
    bool protects; /* the program's own names must not be asked for in the clear */
};

/* A host's section; only shim/engine/settings/settings_host.c looks into it. */
struct shim_host_value;

struct shim_settings {
    const struct shim_conf *conf; /* borrowed */
    enum shim_mode mode;
    unsigned timeout_ms;            /* of one look-up */
    uint16_t ports[SHIM_PORTS_MAX]; /* ports on which TLS is looked at, host order; also those of
                                       single hosts */
    size_t port_count;
    /* The first one serves every host that has none of its own. */
    struct shim_resolver_setting *resolvers;
    size_t resolver_count;
    bool names_protected; /* some or all names of the program must not be asked for in the clear */
    bool config_list_given;  /* then DNS is not asked for ECHConfigs */
    bool config_list_usable; /* false: a broken item has no name, or no readable one. Then names
                                without an item of their own are refused */
    const char *outer_name;  /* see struct shim_host_settings */
    bool outer_name_usable;
    bool retry;   /* the hidden retry after a rejection */
    bool grease;  /* GREASE ECH where there is no config; in mode grease it is always sent */
    bool private; /* ECH also to a private address that did not come from the resolver that gave the
                     ECHConfig */
    enum shim_log_level log_level;
    int report_fd;                      /* from fd:N, else -1 */
    bool report_journal;                /* journald: to the system's journal */
    char *report;                       /* path; NULL: none, or one of the two above is set */
    struct shim_table static_configs;   /* items of ECHSHIM_CONFIG_LIST by name */
    struct shim_static_config *for_all; /* the item without a name; NULL: none */
    struct shim_names_file_config *names_files; /* items for the names of a file */
    struct shim_host_value *host_values; /* one per entry of the conf; NULL: no host has any */
    char *ca_file;                       /* trust anchors for public_name; NULL: the system's */
    struct dns_proxy *resolver_proxy; /* that encrypted resolvers are asked through; NULL: none */
    bool resolver_proxy_usable;       /* false: no resolver is asked */
    char *cache;    /* folder of the shared cache: absolute, no '/' at its end; NULL: none */
    char *log_file; /* NULL: standard error */
};

/* The settings that hold for one host. */
struct shim_host_settings {
    enum shim_mode mode;
    /* The server_name of ClientHelloOuter; NULL: the config's public_name. Borrowed from the conf.
     */
    const char *outer_name;
    bool outer_name_usable; /* false: it is no host name, so ECH is not offered */
    bool retry;
    bool grease;
    bool private;
    bool config_list_given;
    bool config_list_usable;
    struct bytes config_list;           /* set by hand for this host; empty: none. Borrowed. */
    struct shim_list_file *config_file; /* instead: the list is what this file holds when it is
                                           used. NULL: none. Borrowed. */
    size_t resolver;                    /* index into settings->resolvers */
    bool resolver_usable;               /* that resolver is usable */
    bool names_protected;
};

/* Where problems go. The text is a whole sentence without a newline, valid during the call. */
struct shim_settings_problems {
    void (*tell)(void *context, const char *text);
    void *context;
};

/*
 * Reads the settings out of the conf. Tells each value that it does not know, and takes the safe
 * choice instead. The conf has to outlive the settings. ECH_ERR_NOMEM; free the settings even then.
 */
ECH_MUST_USE enum ech_status shim_settings_parse(struct shim_settings *settings,
                                                 const struct shim_conf *conf,
                                                 const struct shim_settings_problems *problems);
void shim_settings_free(struct shim_settings *settings);

/* Is TLS to this port looked at? */
bool shim_settings_watches(const struct shim_settings *settings, uint16_t port);
/* The settings of a host. NULL or "": no host in particular. */
void shim_settings_of_host(const struct shim_settings *settings, const char *host,
                           struct shim_host_settings *out);

#endif
