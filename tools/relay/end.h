/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One end of a relayed connection: a socket, in TLS or as it is, and what the loop waits for there.
 */
#ifndef TOOLS_RELAY_END_H
#define TOOLS_RELAY_END_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What an epoll event is about. Each watched thing begins with this. */
enum relay_source {
    RELAY_SOURCE_LISTENER,
    RELAY_SOURCE_LINK,
    RELAY_SOURCE_POOL,
    RELAY_SOURCE_END,
    RELAY_SOURCE_AHEAD,
};

struct relay_connection;

struct relay_end {
    enum relay_source source; /* RELAY_SOURCE_END; the first member */
    struct relay_connection *connection;
    int fd;                   /* -1: none */
    gnutls_session_t session; /* NULL: octets as they are */
    bool fin;                 /* TCP has told the end of what the peer sends; for TLS alone */
    uint32_t watched;         /* by epoll; 0: not registered */
    uint32_t wanted;
};

/* Makes epoll wait for what is wanted. False: the end cannot be watched. */
bool relay_end_watch(struct relay_end *end, int loop);

/* What a read or a write gave, besides a number of octets. */
enum {
    RELAY_WAIT = -1,   /* `wanted` says for what */
    RELAY_FIN = -2,    /* read: TCP has ended, in TLS without close_notify */
    RELAY_NOTIFY = -3, /* read: close_notify; TCP goes on */
    RELAY_RESET = -4,  /* the connection is of no more use */
};

/* For gnutls_transport_set_pull_function; the pointer is a struct relay_end. GnuTLS never meets the
 * end of TCP here: afterwards it would refuse to write, too. `fin` says it instead. */
ssize_t relay_end_pull(gnutls_transport_ptr_t pointer, void *out, size_t size);
/* The session, whose handshake is over, belongs to this end from now on. */
void relay_end_take(struct relay_end *end, gnutls_session_t session);

/* Octets, or one of the above. RELAY_RESET: *alert is a fatal alert of the peer, or -1. */
ssize_t relay_end_read(struct relay_end *end, void *out, size_t size, int *alert);
/* After close_notify: RELAY_WAIT, RELAY_FIN or RELAY_RESET. `room`: for octets that do not count
 * (RFC 8446, 6.1). */
ssize_t relay_end_await_fin(struct relay_end *end, void *room, size_t size);
ssize_t relay_end_write(struct relay_end *end, const void *data, size_t length);
/* Sends close_notify; nothing without TLS. 0, RELAY_WAIT or RELAY_RESET. */
ssize_t relay_end_notify(struct relay_end *end);
/* Ends our direction of TCP. 0 or RELAY_RESET. */
ssize_t relay_end_finish(struct relay_end *end);
/* Whether the peer has everything that was written, or can get no more. */
bool relay_end_is_drained(const struct relay_end *end);

/* Sends a fatal alert; also where there is no TLS session yet (RFC 8446, 6). */
void relay_end_alert(struct relay_end *end, int alert);

/* Closes the socket. `reset`: the peer learns it as a reset. */
void relay_end_close(struct relay_end *end, bool reset);

#endif
