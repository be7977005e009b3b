/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections to real servers that are made before the program's own connect returns, because the
 * program has to learn from it whether the server can be reached.
 */
#ifndef TOOLS_RELAY_AHEAD_H
#define TOOLS_RELAY_AHEAD_H

#include <stdint.h>

#include "tools/echshim/supervisor/relay_link.h"

struct relay_ahead;

/* All of them, with what they need. */
struct relay_aheads {
    int loop; /* epoll */
    int link; /* to the supervisor */
    struct relay_ahead *first;
};

/* Begins to connect. A descriptor that does not block, or a negative error number. */
int relay_dial(const struct sockaddr_storage *to);
/* Is it connected? 1: yes, 0: not yet, or a negative error number. */
int relay_dial_state(int fd);

/* The supervisor asks for a connection. */
void relay_ahead_begin(struct relay_aheads *aheads, const struct relay_claim *claim,
                       uint64_t now_ms);
/* Something has happened to the one that an event names. */
void relay_ahead_go_on(struct relay_aheads *aheads, void *source, uint64_t now_ms);
/* The connection of this number, connected or not yet; it belongs to the caller then. -1: none. */
int relay_ahead_take(struct relay_aheads *aheads, uint64_t number);
/* Ends what nobody has taken. Called from time to time, not while events are handled. */
void relay_ahead_tick(struct relay_aheads *aheads, uint64_t now_ms);

#endif
