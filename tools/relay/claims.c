/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/claims.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct relay_waiting_claim {
    struct relay_claim claim;
    uint64_t since_ms;
};

/* An address of 16 octets, and a port. */
struct source {
    struct in6_addr address;
    in_port_t port;
};

static struct source source_of(const struct sockaddr_storage *from)
{
    struct source source = {.port = 0};
    if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, from, sizeof ipv6);
        source = (struct source){.address = ipv6.sin6_addr, .port = ipv6.sin6_port};
    } else if (from->ss_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, from, sizeof ipv4);
        source.port = ipv4.sin_port;
        source.address.s6_addr[10] = 0xff;
        source.address.s6_addr[11] = 0xff;
        memcpy(&source.address.s6_addr[12], &ipv4.sin_addr, sizeof ipv4.sin_addr);
    }
    return source;
}

bool relay_is_same_source(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    struct source x = source_of(a);
    struct source y = source_of(b);
    return x.port != 0 && x.port == y.port && memcmp(&x.address, &y.address, sizeof x.address) == 0;
}

static void drop(struct relay_claims *claims, size_t at)
{
    claims->waiting[at] = claims->waiting[--claims->count];
}

/* A port may be used again: what is old must not serve another's connection. */
static void drop_old(struct relay_claims *claims, uint64_t now_ms)
{
    for (size_t i = claims->count; i > 0; i--) {
        if (now_ms - claims->waiting[i - 1].since_ms > RELAY_CLAIM_MS) {
            drop(claims, i - 1);
        }
    }
}

bool relay_claims_add(struct relay_claims *claims, const struct relay_claim *claim, uint64_t now_ms)
{
    drop_old(claims, now_ms);
    if (claims->count == claims->size) {
        size_t size = claims->size == 0 ? 64 : 2 * claims->size;
        struct relay_waiting_claim *grown =
            reallocarray(claims->waiting, size, sizeof *claims->waiting);
        if (grown == NULL) {
            return false;
        }
        claims->waiting = grown;
        claims->size = size;
    }
    claims->waiting[claims->count++] =
        (struct relay_waiting_claim){.claim = *claim, .since_ms = now_ms};
    return true;
}

bool relay_claims_take(struct relay_claims *claims, const struct sockaddr_storage *source,
                       uint64_t now_ms, struct relay_claim *claim)
{
    drop_old(claims, now_ms);
    for (size_t i = 0; i < claims->count; i++) {
        if (relay_is_same_source(&claims->waiting[i].claim.source, source)) {
            *claim = claims->waiting[i].claim;
            drop(claims, i);
            return true;
        }
    }
    return false;
}

void relay_claims_free(struct relay_claims *claims)
{
    free(claims->waiting);
    *claims = (struct relay_claims){.waiting = NULL};
}
