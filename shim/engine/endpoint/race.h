/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connecting to the first of several addresses that answers (RFC 9460, 3; RFC 8305, 5).
 */
#ifndef SHIM_ENGINE_ENDPOINT_RACE_H
#define SHIM_ENGINE_ENDPOINT_RACE_H

#include "shim/engine/endpoint/route.h"

/* RFC 8305, 8: Connection Attempt Delay. */
enum { SHIM_RACE_DELAY_MS = 250 };

struct shim_race {
    int like; /* options are taken from this connection; -1: there is none */
    const struct shim_hop *hops;
    size_t count;
    unsigned timeout_ms; /* bound of it all */
    bool wait;           /* else the only hop of a race is not waited for */
};

enum { SHIM_RACE_HERE = -2, SHIM_RACE_LOST = -1 };

/*
 * The hops begin in their order, each as soon as the one before has failed, or 250 ms after it
 * began. The winner's socket, non-blocking and close-on-exec and the caller's; SHIM_RACE_HERE if
 * the winner needs none; SHIM_RACE_LOST with errno. *winner is its place among the hops.
 */
int shim_race_run(const struct shim_race *race, size_t *winner);

#endif
