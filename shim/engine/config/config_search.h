/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the ECHConfig of a name comes from: set by hand, or from its HTTPS records.
 */
#ifndef SHIM_ENGINE_CONFIG_CONFIG_SEARCH_H
#define SHIM_ENGINE_CONFIG_CONFIG_SEARCH_H

#include "dns/lookup.h"
#include "ech/config.h"
#include "shim/engine/endpoint/route.h"
#include "shim/engine/policy/policy.h"
#include "shim/engine/settings/settings.h"

enum { SHIM_ENDPOINT_SIZE = DNS_HOST_SIZE + 8 };

/* What was found. Owned by the caller: shim_found_free. */
struct shim_found {
    enum shim_config_search_result search;
    enum dns_reason dns_reason;        /* of a look-up that gave nothing */
    bool dns_protected;                /* whoever was asked cannot be impersonated */
    bool all_have_ech;                 /* RFC 9848, 5.1 */
    const char *source;                /* dns, static or none */
    char resolver[DNS_RESOLVER_ID];    /* who was asked; "" for nobody */
    struct dns_endpoints *answer;      /* one reference; NULL if nothing was found */
    struct shim_route route;           /* of the answer */
    char endpoint[SHIM_ENDPOINT_SIZE]; /* whose config it is, as "target:port" in lower case; "" for
                                          one that was set by hand */
    struct ech_config_choice choice;   /* of SHIM_SEARCH_USABLE; its octets are ech_config_list's */
    uint8_t *ech_config_list;
    size_t ech_config_list_length;
    uint64_t lookup_us;
    uint32_t ttl; /* seconds, of the config */
};

/* Puts another list in the place of what was found, and chooses from it. */
enum shim_config_search_result shim_found_replace(struct shim_found *found,
                                                  struct bytes ech_config_list);

/* Whom the connection is for, and to whom it goes. */
struct shim_destination {
    const char *host;                /* server_name */
    uint16_t port;                   /* of the origin, host order */
    bool tunnel;                     /* through a proxy */
    const struct shim_address *peer; /* NULL: not known */
    bool ech_failed;                 /* as in struct shim_policy_facts */
};

/*
 * Looks for a suitable ECHConfig, and for where it leads; blocks at most as long as the settings
 * allow. Settings and `lookup` are the host's. Never fails: what goes wrong becomes
 * SHIM_SEARCH_FAILED. Where found->route.kind is SHIM_ROUTE_REDIRECT, connect to one of the hops,
 * then call shim_config_search_arrived; until then the config counts as one that cannot be reached
 * (SHIM_SEARCH_UNREDIRECTABLE).
 */
void shim_config_search(const struct shim_host_settings *host_settings,
                        const struct dns_lookup *lookup, const struct shim_destination *destination,
                        struct shim_found *found);
/* The connection leads to this endpoint of the answer: its config is taken. Sets search. */
void shim_config_search_arrived(struct shim_found *found, const struct dns_lookup *lookup,
                                const struct shim_destination *destination, size_t endpoint);
void shim_found_free(struct shim_found *found);

#endif
