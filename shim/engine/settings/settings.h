/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the user asked for: the ECHSHIM_* variables and the configuration files (shim/common/conf.h)
 * with their meaning, constant from the start on. What stands here is for every host; for one of
 * them ask shim_settings_of_host.
 */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/resolver.h"
#include "ech/wire.h"
#include "shim/common/conf.h"
#include "shim/common/mode.h"
#include "shim/engine/base/table.h"

enum { SHIM_PORTS_MAX = 64, SHIM_HTTPS_PORT = 443 };

enum shim_log_level { SHIM_LOG_OFF, SHIM_LOG_ERROR, SHIM_LOG_WARN, SHIM_LOG_INFO, SHIM_LOG_DEBUG };

/* One name of ECHSHIM_CONFIG_LIST; shim/engine/settings/settings_list.c's. */
struct shim_static_config;

struct shim_resolver_setting {
    const char *text; /* borrowed from the conf; NULL: nobody says any */
    struct dns_resolver resolver;
    bool usable;   /* false: the setting did not parse; then nobody is asked */
    bool protects; /* the program's own names must not be asked for in clear */
};

/* What a section of a host says; shim/engine/settings/settings_host.c's. */
struct shim_host_value;

struct shim_settings {
    const struct shim_conf *conf; /* borrowed */
    enum shim_mode mode;
    unsigned timeout_ms;            /* of one look-up */
    uint16_t ports[SHIM_PORTS_MAX]; /* TLS is looked at on these, host order; those of hosts too */
    size_t port_count;
    /* The first one is for every host that has none of its own. */
    struct shim_resolver_setting *resolvers;
    size_t resolver_count;
    bool names_protected;    /* of the program, some or all must not be asked for in clear */
    bool config_list_given;  /* then there is no DNS */
    bool config_list_usable; /* false: an item without a name, or with one that cannot be read, is
                                broken; then names without an item of their own are refused */
    bool retry;              /* the hidden retry after a rejection */
    bool grease;             /* GREASE ECH where there is no config; mode grease always does it */
    bool private;            /* ECH also where a private address did not come from the resolver that
                                gave the ECHConfig */
    enum shim_log_level log_level;
    int report_fd;                       /* of fd:N, else -1 */
    bool report_journal;                 /* journald: to the journal of the system */
    char *report;                        /* path, or NULL for none or where one of the two is set */
    struct shim_table static_configs;    /* by name */
    struct shim_static_config *for_all;  /* NULL: none */
    struct shim_host_value *host_values; /* one for each entry of the conf, or NULL: no host has
                                            settings of its own */
    char *ca_file;                       /* trust anchors for public_name; NULL: the system's */
    char *cache; /* path of the folder of shared answers, absolute, no '/' at its end; NULL: none */
    char *log_file; /* NULL: standard error */
};

/* What holds for one host. */
struct shim_host_settings {
    enum shim_mode mode;
    bool retry;
    bool grease;
    bool private;
    bool config_list_given;
    bool config_list_usable;
    struct bytes config_list; /* set by hand for it; empty: none. Borrowed from the settings. */
    size_t resolver;          /* index into settings->resolvers */
    bool resolver_usable;     /* and what stands there of it */
    bool names_protected;
};

/* Where problems are told; the text is a whole sentence without a newline, valid during the call.
 */
struct shim_settings_problems {
    void (*tell)(void *context, const char *text);
    void *context;
};

/*
 * Gives everything its meaning. Each value that is unknown is told and replaced by the safe choice.
 * The conf has to outlive the settings. ECH_ERR_NOMEM; the settings then are to be freed all the
 * same.
 */
ECH_MUST_USE enum ech_status shim_settings_parse(struct shim_settings *settings,
                                                 const struct shim_conf *conf,
                                                 const struct shim_settings_problems *problems);
void shim_settings_free(struct shim_settings *settings);

/* Is TLS to this port looked at? */
bool shim_settings_watches(const struct shim_settings *settings, uint16_t port);
/* NULL or "": no host in particular. */
void shim_settings_of_host(const struct shim_settings *settings, const char *host,
                           struct shim_host_settings *out);

#endif
