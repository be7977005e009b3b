/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connects to several addresses and takes the first that answers (RFC 9460, 3; RFC 8305, 5).
 */
#ifndef SHIM_ENGINE_ENDPOINT_RACE_H
#define SHIM_ENGINE_ENDPOINT_RACE_H

#include "shim/engine/endpoint/route.h"

/* RFC 8305, 8: Connection Attempt Delay. */
enum { SHIM_RACE_DELAY_MS = 250 };

struct shim_race {
    int like; /* take the options of this connection; -1: defaults */
    const struct shim_hop *hops;
    size_t count;
    unsigned timeout_ms; /* bound of the whole race */
    bool wait;           /* false: do not wait for the only hop of a race */
};

enum { SHIM_RACE_IN_PLACE = -2, SHIM_RACE_LOST = -1 };

/*
 * Tries the hops in their order: the next begins when the one before has failed, or 250 ms after it
 * began. Gives the winner's socket, non-blocking and close-on-exec, which the caller owns;
 * SHIM_RACE_IN_PLACE if the winner needs none; SHIM_RACE_LOST with errno. *winner is the winner's
 * place among the hops.
 */
int shim_race_run(const struct shim_race *race, size_t *winner);

#endif
