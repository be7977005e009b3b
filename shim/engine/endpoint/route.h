/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To which endpoint of an answer a connection has to lead (RFC 9460, 3; RFC 9848, 3 and 5.1;
 * docs/architecture.md, The way of a hello). Pure but for the addresses, which are asked for only
 * where they decide.
 */
#ifndef SHIM_ENGINE_ENDPOINT_ROUTE_H
#define SHIM_ENGINE_ENDPOINT_ROUTE_H

#include "dns/answer.h"
#include "shim/common/address.h"

enum { SHIM_HOPS_MAX = 16 };

/* One way to an endpoint. */
struct shim_hop {
    size_t endpoint; /* of the answer */
    bool here;       /* the connection that stands leads there already */
    struct shim_address address;
    uint16_t port;
};

enum shim_route_kind {
    SHIM_ROUTE_NO_RECORD, /* no endpoint has an ech parameter */
    SHIM_ROUTE_UNUSABLE,  /* some have, with no config that can be used, and others have none: the
                             program's own connection is as good as any */
    SHIM_ROUTE_PRIVATE,   /* the peer has a private address, and not from this resolver */
    SHIM_ROUTE_IN_PLACE,  /* hops[0].here: nothing to be done. Where that was told by addresses they
                         follow */
    SHIM_ROUTE_REDIRECT,  /* the hops are to be tried in their order; one may be `here` */
    SHIM_ROUTE_FORBIDDEN, /* a connection cannot be led to any of them: through a tunnel, or past
                          the limits of what a record may point at */
    SHIM_ROUTE_NO_ADDRESS, /* none of them has an address */
};

struct shim_route {
    enum shim_route_kind kind;
    bool usable; /* the endpoints of the hops have usable configs; else all have ech parameters, and
                    none a usable config (RFC 9848, 5.1): no connection past them all the same */
    struct shim_hop hops[SHIM_HOPS_MAX];
    size_t count;
};

/* What is known of a connection and its answer. All borrowed. */
struct shim_route_facts {
    const struct dns_endpoints *answer; /* of DNS_FOUND */
    const char *host;
    uint16_t port;                   /* of the origin, host order */
    bool tunnel;                     /* a proxy connects, and nobody here knows to whom */
    const struct shim_address *peer; /* NULL: not known */
    bool private_allowed;            /* whoever gave a private address */
    uint32_t random;                 /* which of the hints comes first (RFC 9460, 7.3) */
    /* Asks the resolver that gave the answer; what cannot be had stays empty. */
    void (*resolve)(void *context, const char *host, struct shim_addresses *addresses);
    void *context;
};

/*
 * Finds the route. Endpoints with a usable config come in the order of the answer, but that of
 * equal priority the one comes first to which the connection leads already. An endpoint without
 * ech is never among them if another has it: to fall over to it would be the downgrade that RFC
 * 9848, 8 warns of.
 *
 * A connection leads to an endpoint if the port is the same and the endpoint's target is the
 * origin's own name, or the peer's address one of the target's. Addresses of a target are those
 * that resolve gives; only if it gives none the record's hints.
 *
 * Limits of what a record may point at (RFC 9460, 9 and 12): from a peer that is not private, or
 * not known, to no private address; and to no port below 1024 but 443 and the origin's own.
 */
void shim_route_find(const struct shim_route_facts *facts, struct shim_route *route);

#endif
