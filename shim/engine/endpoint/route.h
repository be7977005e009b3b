/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the endpoint of an answer to which a connection has to go (RFC 9460, 3; RFC 9848, 3 and
 * 5.1; docs/architecture.md, The way of a hello). Pure, except that it asks for addresses where
 * they decide.
 */
#ifndef SHIM_ENGINE_ENDPOINT_ROUTE_H
#define SHIM_ENGINE_ENDPOINT_ROUTE_H

#include "dns/answer.h"
#include "shim/common/address.h"

enum { SHIM_HOPS_MAX = 16 };

/* A way to an endpoint. */
struct shim_hop {
    size_t endpoint; /* index into the answer */
    bool in_place;   /* the present connection goes there already */
    struct shim_address address;
    uint16_t port;
};

enum shim_route_kind {
    SHIM_ROUTE_NO_RECORD, /* no endpoint has an ech parameter */
    SHIM_ROUTE_UNUSABLE,  /* some endpoints have ech, without a usable config, and others have none:
                             the program's own connection is as good as any */
    SHIM_ROUTE_PRIVATE,   /* the peer's address is private, and this resolver did not give it */
    SHIM_ROUTE_IN_PLACE,  /* hops[0].in_place: nothing to do. If addresses told that, they follow */
    SHIM_ROUTE_REDIRECT,  /* try the hops in their order; one may be `in_place` */
    SHIM_ROUTE_FORBIDDEN, /* the connection cannot be redirected to any endpoint: it goes through a
                             tunnel, or a limit forbids the address or port */
    SHIM_ROUTE_NO_ADDRESS, /* no endpoint has an address */
};

struct shim_route {
    enum shim_route_kind kind;
    bool usable; /* true: the endpoints of the hops have usable configs. False: all have ech, none a
                    usable config (RFC 9848, 5.1); even then the connection may go only there */
    struct shim_hop hops[SHIM_HOPS_MAX];
    size_t count;
};

/* What is known of a connection and of the answer. All borrowed. */
struct shim_route_facts {
    const struct dns_endpoints *answer; /* with result DNS_FOUND */
    const char *host;
    uint16_t port;                   /* of the origin, host order */
    bool tunnel;                     /* a proxy connects, to an address unknown here */
    const struct shim_address *peer; /* NULL: not known */
    bool private_allowed;            /* a private address is allowed, whoever gave it */
    uint32_t random;                 /* chooses which hint comes first (RFC 9460, 7.3) */
    /* Asks the resolver that gave the answer. Leaves the list empty where there is no address. */
    void (*resolve)(void *context, const char *host, struct shim_addresses *addresses);
    void *context;
};

/*
 * Finds the route. Endpoints with a usable config come in the order of the answer; among equal
 * priorities, the one already connected to comes first. If one endpoint has ech, those without are
 * left out: falling back to them would be the downgrade that RFC 9848, 8 warns of.
 *
 * A connection goes to an endpoint if the port is the same and either the endpoint's target is the
 * origin's own name, or the peer's address is one of the target's. Addresses come from `resolve`;
 * the record's hints count only if that gives none.
 *
 * Limits of what a record may point at (RFC 9460, 9 and 12): no private address, unless the peer
 * has one too; no port below 1024 but 443 and the origin's own.
 */
void shim_route_find(const struct shim_route_facts *facts, struct shim_route *route);

#endif
