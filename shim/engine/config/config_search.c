/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/config/config_search.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine/base/random.h"
#include "shim/engine/config/prefetch.h"
#include "shim/engine/config/rejection_share.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/settings/list_file.h"

/* Takes the list, which stays where it is as long as *found, and chooses a config from it. */
static enum shim_config_search_result choose_from(struct shim_found *found,
                                                  struct bytes ech_config_list)
{
    if (ech_config_list.len == 0) {
        return SHIM_SEARCH_NO_RECORD;
    }
    found->ech_config_list = ech_config_list;
    switch (ech_config_list_select(ech_config_list, NULL, &found->choice)) {
    case ECH_OK:
        return SHIM_SEARCH_USABLE;
    case ECH_ERR_UNSUPPORTED:
        return SHIM_SEARCH_UNUSABLE;
    default:
        return SHIM_SEARCH_FAILED;
    }
}

enum shim_config_search_result shim_found_replace(struct shim_found *found,
                                                  struct bytes ech_config_list)
{
    if (ech_config_list.len == 0) {
        return SHIM_SEARCH_NO_RECORD;
    }
    uint8_t *copy = malloc(ech_config_list.len);
    if (copy == NULL) {
        return SHIM_SEARCH_FAILED;
    }
    memcpy(copy, ech_config_list.data, ech_config_list.len);
    if (found->own_list != NULL && found->own_list == found->given_list.data) {
        found->own_given = found->own_list;
    } else {
        free(found->own_list);
    }
    found->own_list = copy;
    return choose_from(found, bytes_of(copy, ech_config_list.len));
}

/* Looks up addresses for one route: together these look-ups take no longer than one may. */
struct route_lookup {
    struct dns_lookup lookup;
    uint64_t deadline_us;
};

/* Asks the resolver that gives the ECHConfigs. */
static void resolve(void *context, const char *host, struct shim_addresses *addresses)
{
    struct route_lookup *route = context;
    uint64_t now_us = route->lookup.io->now_us();
    route->lookup.timeout_us = route->deadline_us > now_us ? route->deadline_us - now_us : 0;
    struct dns_addresses *found = dns_lookup_addresses(&route->lookup, host, true, true, NULL);
    for (size_t i = 0; found != NULL && i < found->count; i++) {
        struct shim_address address = found->list[i].family == AF_INET
                                          ? shim_address_of_ipv4(found->list[i].octets)
                                          : shim_address_of_ipv6(found->list[i].octets);
        shim_addresses_add(addresses, &address);
    }
    dns_addresses_free(found);
}

/* Takes the list that is set by hand. False: its file has none. */
static bool find_given(const struct shim_host_settings *host_settings, struct shim_found *found)
{
    uint8_t *list = NULL;
    size_t length = 0;
    if (host_settings->config_file == NULL) {
        found->search = choose_from(found, host_settings->config_list);
        return true;
    }
    if (!shim_list_file_get(host_settings->config_file, &list, &length)) {
        return false;
    }
    found->own_list = list;
    found->search = choose_from(found, bytes_of(list, length));
    return true;
}

/* What a server said of a connection without server_name holds for its address alone. */
static void note_address(const struct shim_destination *destination, struct shim_found *found)
{
    if (destination->host[0] == '\0' && destination->peer != NULL) {
        found->by_address = true;
        found->address = *destination->peer;
        found->port = destination->port;
    }
}

static void find_static(const struct shim_host_settings *host_settings, struct shim_found *found)
{
    found->search = SHIM_SEARCH_BAD_SETTINGS;
    if (host_settings->config_list_usable && find_given(host_settings, found)) {
        found->source = found->search == SHIM_SEARCH_NO_RECORD ? "none" : "static";
        found->by_hand = true;
        found->given_list = found->ech_config_list;
        found->ttl = SHIM_DOWNGRADE_STATIC;
    }
}

/* Finds where this connection has to go, and which config it gets. */
static void find_route(const struct shim_host_settings *host_settings,
                       const struct dns_lookup *lookup, const struct shim_destination *destination,
                       struct shim_found *found, struct shim_route *route)
{
    struct route_lookup bounded = {.lookup = *lookup,
                                   .deadline_us = lookup->io->now_us() + lookup->timeout_us};
    bounded.lookup.hurried = true;
    struct shim_route_facts facts = {
        .answer = found->answer,
        .host = destination->host,
        .port = destination->port,
        .tunnel = destination->tunnel,
        .peer = destination->peer,
        .private_allowed = host_settings->private,
        .resolve = resolve,
        .context = &bounded,
        .random = shim_random_number(),
    };
    found->all_have_ech = found->answer->all_have_ech;
    found->ttl = found->answer->ttl;
    shim_route_find(&facts, route);
    switch (route->kind) {
    case SHIM_ROUTE_NO_RECORD:
        found->search = SHIM_SEARCH_NO_RECORD;
        break;
    case SHIM_ROUTE_UNUSABLE:
        found->search = SHIM_SEARCH_UNUSABLE;
        break;
    case SHIM_ROUTE_PRIVATE:
        found->search = SHIM_SEARCH_PRIVATE_ADDRESS;
        break;
    case SHIM_ROUTE_IN_PLACE:
        shim_config_search_arrived(found, lookup, destination, route->hops[0].endpoint);
        break;
    case SHIM_ROUTE_REDIRECT: /* until the caller redirects it */
    case SHIM_ROUTE_FORBIDDEN:
        found->search = SHIM_SEARCH_UNREDIRECTABLE;
        break;
    case SHIM_ROUTE_NO_ADDRESS:
        found->search = SHIM_SEARCH_UNREACHABLE;
        break;
    }
}

/*
 * The ids of resolvers, which may be long, are the same for all handshakes. Each is kept once, and
 * never freed: reports borrow it. Entries are only added, at the front, so no lock is needed.
 */
struct kept_id {
    const struct kept_id *next;
    char id[];
};
static _Atomic(const struct kept_id *) kept_ids;
static atomic_uint kept_count;

/* The same text, for good. NULL for "", for want of memory, or in a process that has met more
 * networks than we keep. */
static const char *stays(const char *id)
{
    enum { KEPT_MAX = 256 };
    const struct kept_id *first = atomic_load(&kept_ids);
    size_t size = strlen(id) + 1;
    for (const struct kept_id *kept = first; kept != NULL; kept = kept->next) {
        if (strcmp(kept->id, id) == 0) {
            return kept->id;
        }
    }
    if (size == 1 || atomic_fetch_add(&kept_count, 1) >= KEPT_MAX) {
        return NULL;
    }
    struct kept_id *fresh = malloc(sizeof *fresh + size);
    if (fresh == NULL) {
        return NULL;
    }
    memcpy(fresh->id, id, size);
    do {
        fresh->next = first;
    } while (!atomic_compare_exchange_weak(&kept_ids, &first, fresh));
    return fresh->id;
}

static void find_by_dns(const struct shim_host_settings *host_settings,
                        const struct dns_lookup *lookup, const struct shim_destination *destination,
                        struct shim_found *found, struct shim_route *route)
{
    struct dns_lookup_report report = {0};
    uint64_t start_us = lookup->io->now_us();
    const struct shim_policy_facts facts = {.mode = host_settings->mode,
                                            .dns_protected = found->dns_protected,
                                            .ech_failed = destination->ech_failed};
    enum shim_patience patience =
        shim_policy_waits_for_records(&facts) ? SHIM_PATIENT : SHIM_IMPATIENT;
    found->answer =
        shim_prefetch_https(lookup, destination->host, destination->port, patience, &report);
    found->resolver = stays(report.resolver);
    if (found->answer != NULL && found->answer->result == DNS_FOUND) {
        find_route(host_settings, lookup, destination, found, route);
    } else {
        found->dns_reason = found->answer != NULL ? found->answer->reason : DNS_REASON_NO_MEMORY;
        found->search = found->answer != NULL && found->answer->result == DNS_NONE
                            ? SHIM_SEARCH_NO_RECORD
                            : SHIM_SEARCH_FAILED;
    }
    found->lookup_us = lookup->io->now_us() - start_us;
}

/* The name fits: it has fewer than DNS_HOST_SIZE octets. Not by snprintf: every handshake comes
 * here, and has no other use for so much code. */
static void name_and_port(const char *name, uint16_t port, char out[SHIM_ENDPOINT_SIZE])
{
    enum { DIGITS = 5, BASE = 10 };
    char digits[DIGITS];
    size_t count = 0;
    size_t length = strlen(name);
    for (unsigned rest = port; count == 0 || rest > 0; rest /= BASE) {
        digits[count++] = (char)('0' + rest % BASE);
    }
    memcpy(out, name, length);
    out[length++] = ':';
    while (count > 0) {
        out[length++] = digits[--count];
    }
    out[length] = '\0';
}

const char *shim_found_endpoint(const struct shim_found *found, char out[SHIM_ENDPOINT_SIZE])
{
    out[0] = '\0';
    if (found->endpoint != NULL) {
        name_and_port(found->endpoint->target, found->endpoint->port, out);
    } else if (found->by_address) {
        char text[INET6_ADDRSTRLEN];
        struct sockaddr_storage peer;
        (void)shim_address_write(&found->address, found->port, &peer);
        const void *octets = peer.ss_family == AF_INET
                                 ? (const void *)&((struct sockaddr_in *)&peer)->sin_addr
                                 : (const void *)&((struct sockaddr_in6 *)&peer)->sin6_addr;
        if (inet_ntop(peer.ss_family, octets, text, sizeof text) != NULL) {
            (void)snprintf(out, SHIM_ENDPOINT_SIZE, "[%s]:%u", text, (unsigned)found->port);
        }
    }
    return out;
}

void shim_found_source(const struct shim_found *found, const struct dns_lookup *lookup,
                       const char *host, uint16_t port, char endpoint[SHIM_ENDPOINT_SIZE],
                       struct shim_rejection_source *source)
{
    *source = (struct shim_rejection_source){
        .host = host,
        .port = port,
        .endpoint = shim_found_endpoint(found, endpoint),
        .ech_config_list = found->by_hand ? found->given_list : found->ech_config_list,
    };
    if (found->by_hand && host[0] != '\0' && lookup->cache != NULL) {
        uint64_t network = dns_cache_network(lookup->cache, lookup->io->now_us());
        (void)snprintf(endpoint, SHIM_ENDPOINT_SIZE, "network %016" PRIx64, network);
    }
}

enum { SECOND_US = 1000000, ASKED_AGAIN_US = 60 * SECOND_US };

/* Do other processes of this user know that ECH is disabled? */
static bool disabled_for_others(const struct dns_lookup *lookup,
                                const struct shim_rejection_source *source)
{
    uint32_t seconds = shim_rejection_share_get(lookup, source);
    if (seconds > 0) {
        shim_rejection_cache_put(source, bytes_of(NULL, 0), lookup->io->now_us(),
                                 (uint64_t)seconds * SECOND_US);
    }
    return seconds > 0;
}

/* Takes the server's list in the place of the one that was found. */
static void take_server_list(struct shim_found *found, struct bytes retry_configs)
{
    found->search = shim_found_replace(found, retry_configs);
    found->source = "retry_configs";
    found->from_server = true;
}

/* Do other processes of this user know a newer list in the place of one that was set by hand? */
static bool replaced_for_others(const struct dns_lookup *lookup,
                                const struct shim_rejection_source *source,
                                struct shim_found *found)
{
    uint8_t *list;
    size_t length;
    uint32_t seconds =
        found->by_hand ? shim_rejection_share_get_list(lookup, source, &list, &length) : 0;
    if (seconds > 0) {
        shim_rejection_cache_put(source, bytes_of(list, length), lookup->io->now_us(),
                                 (uint64_t)seconds * SECOND_US);
        take_server_list(found, bytes_of(list, length));
        free(list);
    }
    return seconds > 0;
}

/* Asks the other processes of this user, about once a minute for each source. */
static void ask_others(const struct dns_lookup *lookup, const struct shim_destination *destination,
                       const struct shim_rejection_source *source, struct shim_found *found)
{
    if (lookup->cache == NULL || lookup->cache->folder == NULL ||
        (!found->by_hand && !destination->asks_others) ||
        replaced_for_others(lookup, source, found)) {
        return;
    }
    if (destination->asks_others && disabled_for_others(lookup, source)) {
        found->search = SHIM_SEARCH_DISABLED;
    } else {
        shim_rejection_cache_put_not_shared(source, lookup->io->now_us(), ASKED_AGAIN_US);
    }
}

/* May anything be known? Without this, each use of a list set by hand would look at the network. */
static bool may_be_known(const struct dns_lookup *lookup, const struct shim_found *found)
{
    return !found->by_hand || (lookup->cache != NULL && lookup->cache->folder != NULL) ||
           shim_rejection_cache_has_any();
}

/* RFC 9849, 6.1.8: applies what the server itself said of this very list a short while ago. */
static void apply_rejection(const struct dns_lookup *lookup,
                            const struct shim_destination *destination, struct shim_found *found)
{
    char endpoint[SHIM_ENDPOINT_SIZE];
    struct shim_rejection_source source;
    uint8_t *retry_configs = NULL;
    size_t length = 0;
    if (!may_be_known(lookup, found)) {
        return;
    }
    shim_found_source(found, lookup, destination->host, destination->port, endpoint, &source);
    switch (shim_rejection_cache_get(&source, lookup->io->now_us(), &retry_configs, &length)) {
    case SHIM_CACHED_DISABLED:
        found->search = SHIM_SEARCH_DISABLED;
        break;
    case SHIM_CACHED_RETRY_CONFIGS:
        take_server_list(found, bytes_of(retry_configs, length));
        break;
    case SHIM_CACHED_NOTHING:
        ask_others(lookup, destination, &source, found);
        break;
    default:
        break;
    }
    free(retry_configs);
}

void shim_config_search_arrived(struct shim_found *found, const struct dns_lookup *lookup,
                                const struct shim_destination *destination, size_t endpoint)
{
    const struct dns_endpoint *reached = &found->answer->endpoints[endpoint];
    found->endpoint = reached;
    found->search = choose_from(found, reached->ech_config_list);
    found->source = found->ech_config_list.len > 0 ? "dns" : "none";
    if (found->search == SHIM_SEARCH_USABLE) {
        apply_rejection(lookup, destination, found);
    }
}

void shim_config_search(const struct shim_host_settings *host_settings,
                        const struct dns_lookup *lookup, const struct shim_destination *destination,
                        struct shim_found *found, struct shim_route *route)
{
    *found = (struct shim_found){.source = "none"};
    *route = (struct shim_route){.kind = SHIM_ROUTE_NO_RECORD};
    if (!host_settings->outer_name_usable) {
        found->search = SHIM_SEARCH_BAD_SETTINGS;
        return;
    }
    if (host_settings->config_list_given) {
        find_static(host_settings, found);
        note_address(destination, found);
        if (found->search == SHIM_SEARCH_USABLE && !destination->locked_in) {
            apply_rejection(lookup, destination, found);
        }
        return;
    }
    if (!host_settings->resolver_usable) {
        found->search = SHIM_SEARCH_BAD_SETTINGS;
        return;
    }
    found->dns_protected = dns_resolver_is_protected(lookup->resolver);
    if (dns_name_kind_of(destination->host) != DNS_NAME_GLOBAL) {
        found->search = SHIM_SEARCH_PRIVATE_NAME;
    } else if (destination->tunnel && !found->dns_protected) {
        found->search = SHIM_SEARCH_TUNNEL;
    } else {
        find_by_dns(host_settings, lookup, destination, found, route);
    }
}

void shim_found_free(struct shim_found *found)
{
    free(found->own_list);
    free(found->own_given);
    dns_endpoints_free(found->answer);
    *found = (struct shim_found){0};
}
