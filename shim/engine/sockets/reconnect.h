/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new connection under an application's descriptor, for the hidden retry (RFC 9849, 6.1.6). It
 * goes to the same address with the same options. dup2 puts it over the old one, so that the
 * application's descriptor stays the same.
 */
#ifndef SHIM_ENGINE_SOCKETS_RECONNECT_H
#define SHIM_ENGINE_SOCKETS_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/engine/settings/settings.h"

enum shim_reconnect_result {
    SHIM_RECONNECT_DONE,   /* the descriptor is the new connection; a non-blocking one may still be
                              connecting */
    SHIM_RECONNECT_NO_WAY, /* not a TCP socket, or an unknown one, or replaced meanwhile: nothing
                              was changed */
    SHIM_RECONNECT_SHARED, /* the process has another descriptor of the same connection: nothing was
                              changed */
    SHIM_RECONNECT_USED,   /* it carried other octets before the hello (a proxy's CONNECT, STARTTLS)
                            */
    SHIM_RECONNECT_FAILED, /* no new connection could be made (errno): nothing was changed */
};
/* A fixed word for the report. */
const char *shim_reconnect_name(enum shim_reconnect_result result);

/* The connection to replace. */
struct shim_old_connection {
    int fd;
    uint64_t socket; /* identity of the socket: socket_identity.h */
    /* Its peer, which the kernel forgets when both sides have closed. Set by shim_reconnect_check;
     * length 0: not known. */
    struct sockaddr_storage peer;
    socklen_t peer_length;
};

/*
 * Can we make the connection again? `sent` is how many octets the hello exchange has sent on it: if
 * the kernel counts more, something else was sent before.
 */
enum shim_reconnect_result shim_reconnect_check(struct shim_old_connection *old, uint64_t sent);

/*
 * Tells the peer that the old connection is over, before it is replaced: some servers take the next
 * connection only then. The descriptor stays as it is.
 */
void shim_reconnect_end(const struct shim_old_connection *old);

/*
 * Connects a non-blocking socket of our own (own_socket.h) to the same peer, with the same options,
 * and waits for it. -1 with errno.
 */
int shim_connect_like(const struct shim_old_connection *old, unsigned timeout_ms);

/*
 * Makes the connection again. For a blocking descriptor it waits, at most timeout_ms or the
 * descriptor's SO_SNDTIMEO. A non-blocking one is replaced while it connects: the application waits
 * by itself.
 */
enum shim_reconnect_result shim_reconnect(const struct shim_old_connection *old,
                                          unsigned timeout_ms);

/*
 * Puts a connected socket of own_socket.h in the place of the descriptor's connection. Closes
 * `fresh` in any case. Gives SHIM_RECONNECT_DONE, _NO_WAY or _FAILED.
 */
enum shim_reconnect_result shim_reconnect_put(const struct shim_old_connection *old, int fresh);

/* How long the application would wait for a connection: its SO_SNDTIMEO, but at most timeout_ms. fd
 * -1: timeout_ms. */
unsigned shim_reconnect_bound(int fd, unsigned timeout_ms);

/* Has the connection carried octets to its peer already? False for -1 and for all but TCP. */
bool shim_reconnect_used(int fd);

#endif
