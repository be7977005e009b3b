/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/endpoint/route.h"

#include "dns/host_name.h"
#include "ech/config.h"
#include "shim/engine/settings/settings.h"

enum { CANDIDATES_MAX = 8, FIRST_FREE_PORT = 1024 };

/* The endpoints that count, as indexes into the answer. */
struct candidates {
    size_t list[CANDIDATES_MAX];
    size_t count;
    bool usable;
};

/* The state while a route is found. */
struct finding {
    const struct shim_route_facts *facts;
    struct shim_route *route;
    struct candidates candidates;
    struct shim_addresses addresses[CANDIDATES_MAX];
    bool asked[CANDIDATES_MAX];
    bool private_peer; /* the peer's address is private, and that is allowed */
    bool limited;      /* a limit excluded something */
};

static bool has_usable_config(const struct dns_endpoint *endpoint)
{
    struct ech_config_choice choice;
    return endpoint->ech_config_list.len > 0 &&
           ech_config_list_select(endpoint->ech_config_list, NULL, &choice) == ECH_OK;
}

/* Chooses the endpoints with a usable config; if there is none and all have ech, all. Returns
 * whether any has ech. */
static bool choose_candidates(const struct dns_endpoints *answer, struct candidates *chosen)
{
    bool any = false;
    *chosen = (struct candidates){.usable = true};
    for (size_t i = 0; i < answer->count; i++) {
        any = any || answer->endpoints[i].ech_config_list.len > 0;
        if (chosen->count < CANDIDATES_MAX && has_usable_config(&answer->endpoints[i])) {
            chosen->list[chosen->count++] = i;
        }
    }
    if (chosen->count == 0) {
        chosen->usable = false;
        for (size_t i = 0; answer->all_have_ech && i < answer->count && i < CANDIDATES_MAX; i++) {
            chosen->list[chosen->count++] = i;
        }
    }
    return any;
}

static const struct dns_endpoint *endpoint_of(const struct finding *finding, size_t candidate)
{
    return &finding->facts->answer->endpoints[finding->candidates.list[candidate]];
}

/* Does resolving the origin's own name give this endpoint's addresses? */
static bool is_origin(const struct finding *finding, const struct dns_endpoint *endpoint)
{
    return endpoint->target_is_owner || dns_host_equal(endpoint->target, finding->facts->host);
}

static void add_hints(struct shim_addresses *addresses, struct bytes hint, size_t size,
                      uint32_t random)
{
    size_t count = hint.len / size;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *octets = hint.data + (i + random) % count * size;
        struct shim_address address =
            size == 4 ? shim_address_of_ipv4(octets) : shim_address_of_ipv6(octets);
        shim_addresses_add(addresses, &address);
    }
}

/* The addresses of a candidate's target; asks only once. */
static const struct shim_addresses *addresses_of(struct finding *finding, size_t candidate)
{
    const struct shim_route_facts *facts = finding->facts;
    struct shim_addresses *addresses = &finding->addresses[candidate];
    const struct dns_endpoint *endpoint = endpoint_of(finding, candidate);
    if (!finding->asked[candidate]) {
        finding->asked[candidate] = true;
        facts->resolve(facts->context, endpoint->target, addresses);
        if (addresses->count == 0) {
            add_hints(addresses, endpoint->ipv6hint, 16, facts->random);
            add_hints(addresses, endpoint->ipv4hint, 4, facts->random);
        }
    }
    return addresses;
}

/* A private address does not say who is behind it, unless the resolver itself gives it for this
 * name: then address and records come from the same view of the names. */
static bool is_foreign(struct finding *finding)
{
    const struct shim_route_facts *facts = finding->facts;
    if (facts->tunnel || facts->peer == NULL || !shim_address_is_private(facts->peer)) {
        return false;
    }
    finding->private_peer = true;
    if (facts->private_allowed) {
        return false;
    }
    for (size_t i = 0; i < finding->candidates.count; i++) {
        if (!is_origin(finding, endpoint_of(finding, i)) &&
            shim_addresses_hold(addresses_of(finding, i), facts->peer)) {
            return false;
        }
    }
    struct shim_addresses own = {.count = 0};
    facts->resolve(facts->context, facts->host, &own);
    return !shim_addresses_hold(&own, facts->peer);
}

static bool is_connected_to(struct finding *finding, size_t candidate, bool may_ask)
{
    const struct shim_route_facts *facts = finding->facts;
    const struct dns_endpoint *endpoint = endpoint_of(finding, candidate);
    if (endpoint->port != facts->port) {
        return false;
    }
    if (facts->tunnel || is_origin(finding, endpoint)) {
        /* A proxy resolves the origin's name by itself and cannot be given another. */
        return is_origin(finding, endpoint);
    }
    return may_ask && facts->peer != NULL &&
           shim_addresses_hold(addresses_of(finding, candidate), facts->peer);
}

/* ---- the hops ---- */

static void insert_hop(struct shim_route *route, size_t at, const struct shim_hop *hop)
{
    if (route->count == SHIM_HOPS_MAX) {
        route->count--;
    }
    if (at > route->count) {
        return;
    }
    for (size_t i = route->count; i > at; i--) {
        route->hops[i] = route->hops[i - 1];
    }
    route->hops[at] = *hop;
    route->count++;
}

/* Puts the connection that stands before all hops of the same priority. */
static void add_in_place(struct finding *finding, size_t candidate)
{
    const struct dns_endpoint *endpoints = finding->facts->answer->endpoints;
    struct shim_route *route = finding->route;
    size_t place = finding->candidates.list[candidate];
    size_t at = 0;
    while (at < route->count &&
           endpoints[route->hops[at].endpoint].priority < endpoints[place].priority) {
        at++;
    }
    insert_hop(route, at, &(struct shim_hop){.endpoint = place, .in_place = true});
}

static bool may_go_to(struct finding *finding, const struct dns_endpoint *endpoint,
                      const struct shim_address *address)
{
    const struct shim_route_facts *facts = finding->facts;
    bool port = endpoint->port == facts->port || endpoint->port == DNS_HTTPS_PORT ||
                (endpoint->port >= FIRST_FREE_PORT && !https_port_is_restricted(endpoint->port));
    bool private =
        facts->private_allowed || finding->private_peer || !shim_address_is_private(address);
    finding->limited = finding->limited || !port || !private;
    return port && private;
}

/* Begins with the family by which the program has connected; then the two families take turns. */
static void add_hops(struct finding *finding, size_t candidate,
                     const struct shim_addresses *addresses)
{
    const struct dns_endpoint *endpoint = endpoint_of(finding, candidate);
    int family = finding->facts->peer != NULL ? shim_address_family(finding->facts->peer)
                                              : shim_address_family(&addresses->list[0]);
    bool done[SHIM_ADDRESSES_MAX] = {false};
    for (size_t added = 0; added < addresses->count; added++) {
        size_t next = addresses->count;
        for (size_t i = addresses->count; i-- > 0;) {
            if (!done[i] &&
                (next == addresses->count || shim_address_family(&addresses->list[i]) == family ||
                 shim_address_family(&addresses->list[next]) != family)) {
                next = i;
            }
        }
        done[next] = true;
        family = shim_address_family(&addresses->list[next]) == AF_INET ? AF_INET6 : AF_INET;
        if (may_go_to(finding, endpoint, &addresses->list[next])) {
            insert_hop(finding->route, finding->route->count,
                       &(struct shim_hop){.endpoint = finding->candidates.list[candidate],
                                          .address = addresses->list[next],
                                          .port = endpoint->port});
        }
    }
}

/* Adds the connection that stands, and behind it the addresses that led to its endpoint. */
static void add_connected(struct finding *finding, size_t candidate)
{
    add_in_place(finding, candidate);
    if (!is_origin(finding, endpoint_of(finding, candidate))) {
        add_hops(finding, candidate, addresses_of(finding, candidate));
    }
}

static void add_candidate(struct finding *finding, size_t candidate)
{
    const struct shim_route_facts *facts = finding->facts;
    if (is_connected_to(finding, candidate, true)) {
        add_connected(finding, candidate);
        return;
    }
    if (facts->tunnel) {
        finding->limited = true;
        return;
    }
    if (is_origin(finding, endpoint_of(finding, candidate)) && facts->peer != NULL) {
        /* Another port of the host: the program has found this address alive. */
        struct shim_addresses peer = {.list = {*facts->peer}, .count = 1};
        add_hops(finding, candidate, &peer);
        return;
    }
    const struct shim_addresses *addresses = addresses_of(finding, candidate);
    if (addresses->count > 0) {
        add_hops(finding, candidate, addresses);
    }
}

/* How many candidates have the same priority as the first. */
static size_t most_preferred(const struct finding *finding)
{
    size_t count = 0;
    while (count < finding->candidates.count &&
           endpoint_of(finding, count)->priority == endpoint_of(finding, 0)->priority) {
        count++;
    }
    return count;
}

/* Is the connection already at one of the most preferred endpoints? First asks those that need no
 * look-up of addresses. */
static bool is_in_place(struct finding *finding)
{
    size_t count = most_preferred(finding);
    for (int may_ask = 0; may_ask < 2; may_ask++) {
        for (size_t i = 0; i < count; i++) {
            if (is_connected_to(finding, i, may_ask == 1)) {
                add_connected(finding, i);
                return true;
            }
        }
    }
    return false;
}

void shim_route_find(const struct shim_route_facts *facts, struct shim_route *route)
{
    struct finding finding = {.facts = facts, .route = route};
    *route = (struct shim_route){.kind = SHIM_ROUTE_NO_RECORD};
    bool any = choose_candidates(facts->answer, &finding.candidates);
    route->usable = finding.candidates.usable;
    if (finding.candidates.count == 0) {
        route->kind = any ? SHIM_ROUTE_UNUSABLE : SHIM_ROUTE_NO_RECORD;
        return;
    }
    if (is_foreign(&finding)) {
        route->kind = SHIM_ROUTE_PRIVATE;
        return;
    }
    if (is_in_place(&finding)) {
        route->kind = SHIM_ROUTE_IN_PLACE;
        return;
    }
    for (size_t i = 0; i < finding.candidates.count; i++) {
        add_candidate(&finding, i);
    }
    if (route->count > 0) {
        route->kind = SHIM_ROUTE_REDIRECT;
    } else {
        route->kind = finding.limited ? SHIM_ROUTE_FORBIDDEN : SHIM_ROUTE_NO_ADDRESS;
    }
}
