/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event loop of the relay: one thread for all connections. */
#ifndef TOOLS_RELAY_LOOP_H
#define TOOLS_RELAY_LOOP_H

#include "tools/relay/connection.h"

enum { RELAY_LISTENERS = 2 };

struct relay_loop {
    struct relay_shared *shared;
    int link;                       /* to the supervisor */
    int listeners[RELAY_LISTENERS]; /* -1: none */
};

/* Serves until the supervisor has ended, and the connections with it. */
void relay_loop_run(const struct relay_loop *loop);

#endif
