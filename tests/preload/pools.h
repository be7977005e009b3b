/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_POOLS_H
#define TESTS_PRELOAD_POOLS_H

/* Further servers beside the world's own. Each has its own ECH key, and a recording relay at its
 * own address. A zone publishes their records. */

#include "world.h"

struct pool {
    const char *certificate; /* a file name in build/pki, set by the caller; NULL: "inner" */
    const char *name;
    char configs[1024]; /* its ECHConfigList, base64 */
};

/* Starts an ECH server for INNER_NAME and PUBLIC_NAME at ADDRESS:PORT. Its relay records to the
 * folder wire-NAME. */
void pool_start(struct world *world, struct pool *pool, const char *name, const char *address);

/* The number of ClientHellos that this pool's server accepted. Waits for at least so many. */
unsigned pool_accepted(struct world *world, const struct pool *pool, unsigned at_least);
/* The number of connections to the pool, and of those in which the client sent `text`. */
unsigned pool_connections(const struct world *world, const struct pool *pool);
unsigned pool_wire_count(const struct world *world, const struct pool *pool, const char *text);

/*
 * Starts a DNS server at ZONE_UDP and ZONE_TLS that has these records of the zone "." only. A line
 * is "NAME TTL IN TYPE ..."; {0} stands for the ECHConfigList of the world's own server, {1} and so
 * on for those of the pools, and {-} for one without a usable config. The server writes the
 * questions to zone.out.
 */
void zone_start(struct world *world, const char *const lines[], const struct pool *const pools[]);
#define ZONE_UDP "udp://127.0.0.55:53"
#define ZONE_TLS "tls://127.0.0.55:853#dns.example"
#define ZONE "ECHSHIM_RESOLVER=" ZONE_UDP

/* The number of questions for this name, of any type. */
unsigned zone_questions(const struct world *world, const char *name);

#endif
