/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_POOLS_H
#define TESTS_PRELOAD_POOLS_H

/* More servers beside that of the world, each with an ECH key of its own and a recording relay at
 * an address of its own, and a zone that says which is whose. */

#include "world.h"

struct pool {
    const char *certificate; /* of build/pki by file name, to be set before; NULL: "inner" */
    const char *name;
    char configs[1024]; /* its ECHConfigList, base64 */
};

/* An ECH server for INNER_NAME and PUBLIC_NAME at ADDRESS:PORT, behind a relay that records to the
 * folder wire-NAME. */
void pool_start(struct world *world, struct pool *pool, const char *name, const char *address);

/* ClientHellos that this pool's server has accepted, waiting for at least so many. */
unsigned pool_accepted(struct world *world, const struct pool *pool, unsigned at_least);
/* Connections to the pool, and those whose client octets contain `text`. */
unsigned pool_connections(const struct world *world, const struct pool *pool);
unsigned pool_wire_count(const struct world *world, const struct pool *pool, const char *text);

/*
 * A DNS server with these records of the zone "." and no others, at ZONE_UDP and ZONE_TLS: lines of
 * "NAME TTL IN TYPE ...", in which {0} is the ECHConfigList of the world's own server, {1} and so
 * on are those of the pools, and {-} is one without a usable config. What is asked of it stands in
 * zone.out.
 */
void zone_start(struct world *world, const char *const lines[], const struct pool *const pools[]);
#define ZONE_UDP "udp://127.0.0.55:53"
#define ZONE_TLS "tls://127.0.0.55:853#dns.example"
#define ZONE "ECHSHIM_RESOLVER=" ZONE_UDP

/* Questions that it was asked for this name, of any type. */
unsigned zone_questions(const struct world *world, const char *name);

#endif
