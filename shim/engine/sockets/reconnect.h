/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new connection under an application's descriptor, for the hidden retry (RFC 9849, 6.1.6): to
 * the same address, with the same options, put over the old one by dup2, so that nothing the
 * application holds has to change.
 */
#ifndef SHIM_ENGINE_SOCKETS_RECONNECT_H
#define SHIM_ENGINE_SOCKETS_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/engine/settings/settings.h"

enum shim_reconnect_result {
    SHIM_RECONNECT_DONE, /* the descriptor is the new connection, made or (non-blocking) being made
                          */
    SHIM_RECONNECT_NO_WAY, /* not a TCP socket, or not known which, or another by now: nothing was
                              changed */
    SHIM_RECONNECT_SHARED, /* another descriptor of the process is the same connection: nothing was
                              changed */
    SHIM_RECONNECT_USED,   /* other octets than the hello's went over it before (a proxy's CONNECT,
                              STARTTLS) */
    SHIM_RECONNECT_FAILED, /* the new connection could not be made: errno; nothing was changed */
};
/* A fixed word for the report. */
const char *shim_reconnect_name(enum shim_reconnect_result result);

/* The connection that is to be replaced. */
struct shim_old_connection {
    int fd;
    uint64_t socket; /* which one it was: socket_identity.h */
    /* Where it leads, for the kernel forgets that when both sides have closed. Set by
     * shim_reconnect_check; length 0: not known. */
    struct sockaddr_storage peer;
    socklen_t peer_length;
};

/*
 * Can the connection be made anew? `sent` is how many octets of it the hello exchange has sent: if
 * the kernel counts more, something went before.
 */
enum shim_reconnect_result shim_reconnect_check(struct shim_old_connection *old, uint64_t sent);

/*
 * Tells the peer that the old connection is over, before it is replaced: a server may come to the
 * next one only then. The descriptor stays what it is.
 */
void shim_reconnect_end(const struct shim_old_connection *old);

/*
 * A connection of the engine's own to the same peer, with the same options, non-blocking: one
 * of own_socket.h; waits for it. -1 with errno.
 */
int shim_connect_like(const struct shim_old_connection *old, unsigned timeout_ms);

/*
 * Makes the connection anew. A blocking descriptor waits for it, at most timeout_ms or its own
 * SO_SNDTIMEO; a non-blocking one is replaced while it connects, and the application's own waiting
 * does the rest.
 */
enum shim_reconnect_result shim_reconnect(const struct shim_old_connection *old,
                                          unsigned timeout_ms);

/*
 * Puts a fresh connection of own_socket.h, which is then the descriptor's alone, in the place of
 * the one that a descriptor leads to. Closes `fresh` in any case. SHIM_RECONNECT_DONE, _NO_WAY or
 * _FAILED.
 */
enum shim_reconnect_result shim_reconnect_put(const struct shim_old_connection *old, int fresh);

/* How long the application is ready to wait for a connection: SO_SNDTIMEO, or timeout_ms if that is
 * less or fd is -1. */
unsigned shim_reconnect_bound(int fd, unsigned timeout_ms);

/* Has the connection carried octets to its peer already? Not for -1, and not for what is no TCP. */
bool shim_reconnect_used(int fd);

#endif
