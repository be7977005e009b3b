/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the ECHConfig of a name comes from: set by hand, or from its HTTPS records.
 */
#ifndef SHIM_SEARCH_H
#define SHIM_SEARCH_H

#include "dns/lookup.h"
#include "ech/config.h"
#include "shim/policy.h"
#include "shim/settings.h"

/* What was found. Owned by the caller: shim_found_free. */
struct shim_found {
    enum shim_search search;
    const char *detail;              /* dns_reason_name of a look-up that gave nothing, else NULL */
    const char *source;              /* dns, static or none */
    char resolver[DNS_RESOLVER_ID];  /* who was asked; "" for nobody */
    struct ech_config_choice choice; /* of SHIM_SEARCH_USABLE; its octets are ech_config_list's */
    uint8_t *ech_config_list;
    size_t ech_config_list_length;
    uint64_t lookup_us;
    uint32_t ttl; /* seconds, of the config */
};

/* Puts another list in the place of what was found, and chooses from it. */
enum shim_search shim_found_replace(struct shim_found *found, struct bytes ech_config_list);

/* Whom the connection is for, and to whom it goes. */
struct shim_destination {
    const char *host;            /* server_name */
    uint16_t port;               /* of the peer, host order */
    const struct sockaddr *peer; /* NULL: not known */
};

/*
 * Looks for a suitable ECHConfig; blocks at most as long as the settings allow. Never fails: what
 * goes wrong becomes SHIM_SEARCH_FAILED.
 */
void shim_search(const struct shim_settings *settings, const struct dns_lookup *lookup,
                 const struct shim_destination *destination, struct shim_found *found);
void shim_found_free(struct shim_found *found);

#endif
