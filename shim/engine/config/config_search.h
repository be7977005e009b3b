/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the ECHConfig of a name: one set by hand, or one of its HTTPS records.
 */
#ifndef SHIM_ENGINE_CONFIG_CONFIG_SEARCH_H
#define SHIM_ENGINE_CONFIG_CONFIG_SEARCH_H

#include "dns/lookup.h"
#include "ech/config.h"
#include "shim/engine/config/rejection_cache.h"
#include "shim/engine/endpoint/route.h"
#include "shim/engine/policy/policy.h"
#include "shim/engine/settings/settings.h"

enum { SHIM_ENDPOINT_SIZE = DNS_HOST_SIZE + 8 };

/* What the search found. The caller owns it: shim_found_free. */
struct shim_found {
    enum shim_config_search_result search;
    enum dns_reason dns_reason;          /* why a look-up gave nothing */
    bool dns_protected;                  /* the resolver's answers are authenticated */
    bool all_have_ech;                   /* RFC 9848, 5.1 */
    const char *source;                  /* "dns", "static" or "none" */
    const char *resolver;                /* id of the one that was asked; NULL: none. It stays */
    struct dns_endpoints *answer;        /* one reference; NULL if nothing was found */
    const struct dns_endpoint *endpoint; /* the config's, of the answer; NULL for a config set by
                                            hand */
    bool by_address;                     /* there is no server_name, and the peer is known: */
    struct shim_address address;         /* what a server says holds for it alone */
    uint16_t port;                       /* the same */
    struct ech_config_choice choice; /* only for SHIM_SEARCH_USABLE; points into ech_config_list */
    struct bytes ech_config_list;    /* of the answer, of the settings, or own_list */
    uint8_t *own_list;
    bool by_hand;            /* the settings gave the list: */
    struct bytes given_list; /* as they gave it; stays if a server's retry_configs replace it */
    uint8_t *own_given;
    bool from_server; /* the list is a server's, of an earlier rejection */
    uint64_t lookup_us;
    uint32_t ttl; /* of the config, in seconds */
};

/* The name of the config's endpoint, as "target:port" in lower case; "" for a config set by hand.
 * Returns `out`. */
const char *shim_found_endpoint(const struct shim_found *found, char out[SHIM_ENDPOINT_SIZE]);

/* Replaces the list that was found by a copy of this one, and chooses a config from it. */
enum shim_config_search_result shim_found_replace(struct shim_found *found,
                                                  struct bytes ech_config_list);

/* What a rejection of this list is bound to (rejection_cache.h). That of a list set by hand is
 * bound to the network too. `endpoint` is memory for it. Call this in no program that has locked
 * itself in. */
void shim_found_source(const struct shim_found *found, const struct dns_lookup *lookup,
                       const char *host, uint16_t port, char endpoint[SHIM_ENDPOINT_SIZE],
                       struct shim_rejection_source *source);

/* The connection's origin and peer. */
struct shim_destination {
    const char *host;                /* server_name */
    uint16_t port;                   /* of the origin, host order */
    bool tunnel;                     /* through a proxy */
    const struct shim_address *peer; /* NULL: not known */
    bool ech_failed;                 /* as in struct shim_policy_facts */
    bool locked_in;                  /* the program has locked itself in: no file may be read */
    bool asks_others; /* what other processes of this user know counts too (rejection_share.h) */
};

/*
 * Searches for a suitable ECHConfig and its endpoint. Blocks at most as long as the settings allow.
 * Settings and `lookup` are those of the host. Never fails: errors become SHIM_SEARCH_FAILED. If
 * route->kind is SHIM_ROUTE_REDIRECT, connect to one of the hops, then call
 * shim_config_search_arrived. Until then the search result is SHIM_SEARCH_UNREDIRECTABLE. The route
 * is not a part of *found: it is long, and found lives as long as the handshake.
 */
void shim_config_search(const struct shim_host_settings *host_settings,
                        const struct dns_lookup *lookup, const struct shim_destination *destination,
                        struct shim_found *found, struct shim_route *route);
/* The connection now goes to this endpoint of the answer: takes its config, and sets found->search.
 * */
void shim_config_search_arrived(struct shim_found *found, const struct dns_lookup *lookup,
                                const struct shim_destination *destination, size_t endpoint);
void shim_found_free(struct shim_found *found);

#endif
