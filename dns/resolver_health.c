/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/resolver_health.h"

#include <string.h>

static void lock(struct dns_resolver_health *health)
{
    (void)pthread_mutex_lock(&health->lock);
}

static void unlock(struct dns_resolver_health *health)
{
    (void)pthread_mutex_unlock(&health->lock);
}

/* ---- EDNS ---- */

static bool same_address(const union dns_socket_address *a, const union dns_socket_address *b)
{
    if (a->any.sa_family != b->any.sa_family) {
        return false;
    }
    if (a->any.sa_family == AF_INET) {
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr && a->v4.sin_port == b->v4.sin_port;
    }
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0 &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id && a->v6.sin6_port == b->v6.sin6_port;
}

static struct dns_health_server *find_server(struct dns_resolver_health *health,
                                             const struct dns_server *server)
{
    for (size_t i = 0; i < DNS_HEALTH_SERVERS; i++) {
        struct dns_health_server *entry = &health->servers[i];
        if (entry->until_us != 0 && same_address(&entry->address, &server->address)) {
            return entry;
        }
    }
    return NULL;
}

bool dns_health_lacks_edns(struct dns_resolver_health *health, const struct dns_server *server,
                           uint64_t now_us)
{
    lock(health);
    const struct dns_health_server *known = find_server(health, server);
    bool lacks = known != NULL && now_us < known->until_us;
    unlock(health);
    return lacks;
}

void dns_health_note_no_edns(struct dns_resolver_health *health, const struct dns_server *server,
                             uint64_t now_us)
{
    lock(health);
    struct dns_health_server *place = find_server(health, server);
    if (place == NULL) {
        place = &health->servers[health->next_server++ % DNS_HEALTH_SERVERS];
    }
    *place = (struct dns_health_server){.address = server->address,
                                        .until_us = now_us + DNS_HEALTH_KEPT_US};
    unlock(health);
}

/* ---- HTTPS records ---- */

static struct dns_health_resolver *find_resolver(struct dns_resolver_health *health, const char *id,
                                                 uint64_t network)
{
    for (size_t i = 0; i < DNS_HEALTH_RESOLVERS; i++) {
        struct dns_health_resolver *entry = &health->resolvers[i];
        if (entry->id[0] != '\0' && entry->network == network && strcmp(entry->id, id) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* FNV-1a. A collision made on purpose does little harm: one name is not counted. */
static uint64_t hash_more(uint64_t hash, struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        hash = (hash ^ octets.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_of(const struct dns_name *qname)
{
    return hash_more(UINT64_C(0xcbf29ce484222325), dns_name_view(qname));
}

static bool is_noted(const struct dns_health_resolver *resolver, uint64_t name)
{
    for (size_t i = 0; i < resolver->name_count; i++) {
        if (resolver->names[i] == name) {
            return true;
        }
    }
    return false;
}

uint64_t dns_health_wait_us(struct dns_resolver_health *health, const char *resolver_id,
                            uint64_t network, uint64_t now_us)
{
    lock(health);
    const struct dns_health_resolver *known = find_resolver(health, resolver_id, network);
    bool drops = known != NULL && now_us < known->drops_until_us;
    unlock(health);
    return drops ? DNS_HEALTH_WAIT_DROPPED_US : DNS_HEALTH_WAIT_US;
}

static struct dns_health_resolver *need_resolver(struct dns_resolver_health *health, const char *id,
                                                 uint64_t network)
{
    struct dns_health_resolver *place = find_resolver(health, id, network);
    if (place == NULL && strlen(id) < sizeof place->id) {
        place = &health->resolvers[health->next_resolver++ % DNS_HEALTH_RESOLVERS];
        *place = (struct dns_health_resolver){.network = network};
        memcpy(place->id, id, strlen(id) + 1);
    }
    return place;
}

void dns_health_note_silence(struct dns_resolver_health *health, const char *resolver_id,
                             uint64_t network, const struct dns_name *qname, uint64_t now_us)
{
    uint64_t name = hash_of(qname);
    lock(health);
    struct dns_health_resolver *resolver = need_resolver(health, resolver_id, network);
    if (resolver != NULL && now_us >= resolver->drops_until_us) {
        if (resolver->name_count == 0 || now_us - resolver->first_us > DNS_HEALTH_KEPT_US) {
            resolver->name_count = 0;
            resolver->first_us = now_us;
        }
        if (!is_noted(resolver, name)) {
            resolver->names[resolver->name_count++] = name;
        }
        if (resolver->name_count == DNS_HEALTH_NAMES) {
            resolver->drops_until_us = now_us + DNS_HEALTH_KEPT_US;
            resolver->name_count = 0;
        }
    }
    unlock(health);
}

void dns_health_note_answer(struct dns_resolver_health *health, const char *resolver_id,
                            uint64_t network)
{
    lock(health);
    struct dns_health_resolver *known = find_resolver(health, resolver_id, network);
    if (known != NULL) {
        known->name_count = 0;
        known->drops_until_us = 0;
    }
    unlock(health);
}

/* ---- addresses ---- */

static uint64_t hash_of_all(const char *id, uint64_t network, const struct dns_name *qname)
{
    uint64_t hash = hash_more(hash_of(qname), bytes_of(&network, sizeof network));
    return hash_more(hash, bytes_of(id, strlen(id)));
}

static struct dns_health_silent *find_silent(struct dns_resolver_health *health, uint64_t name)
{
    for (size_t i = 0; i < DNS_HEALTH_SILENT; i++) {
        if (health->silent[i].until_us != 0 && health->silent[i].name == name) {
            return &health->silent[i];
        }
    }
    return NULL;
}

bool dns_health_is_silent(struct dns_resolver_health *health, const char *resolver_id,
                          uint64_t network, const struct dns_name *qname, uint64_t now_us)
{
    uint64_t name = hash_of_all(resolver_id, network, qname);
    lock(health);
    const struct dns_health_silent *known = find_silent(health, name);
    bool silent = known != NULL && now_us < known->until_us;
    unlock(health);
    return silent;
}

void dns_health_note_addresses(struct dns_resolver_health *health, const char *resolver_id,
                               uint64_t network, const struct dns_name *qname, bool answered,
                               uint64_t now_us)
{
    uint64_t name = hash_of_all(resolver_id, network, qname);
    lock(health);
    struct dns_health_silent *place = find_silent(health, name);
    if (place == NULL && !answered) {
        place = &health->silent[health->next_silent++ % DNS_HEALTH_SILENT];
    }
    if (place != NULL) {
        *place = (struct dns_health_silent){.name = name,
                                            .until_us = answered ? 0 : now_us + DNS_HEALTH_KEPT_US};
    }
    unlock(health);
}

void dns_health_before_fork(struct dns_resolver_health *health)
{
    lock(health);
}

void dns_health_after_fork(struct dns_resolver_health *health)
{
    unlock(health);
}
