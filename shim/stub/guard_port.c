/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kind of socket that a write goes to, and the port. */
#include <errno.h>
#include <netinet/in.h>

#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

static bool port_of(const struct sockaddr *address, socklen_t length, uint16_t *port)
{
    if (length >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        *port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
        return true;
    }
    if (length >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
        *port = ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
        return true;
    }
    return false;
}

/* Asks for the identity, which is needed later anyway. NULL: no `connect` was seen. */
static struct stub_connection *connection_of(struct stub_attempt *attempt)
{
    stub_attempt_identify(attempt);
    return attempt->socket != SHIM_SOCKET_UNKNOWN
               ? stub_connection_find(attempt->socket, attempt->fd)
               : NULL;
}

int stub_attempt_type(struct stub_attempt *attempt)
{
    int type = 0;
    socklen_t length = sizeof type;
    if (stub_locked()) {
        return attempt->address != NULL && (attempt->flags & MSG_FASTOPEN) == 0 ? SOCK_DGRAM
                                                                                : SOCK_STREAM;
    }
    if (stub_mark_of(attempt->fd) == STUB_MARK_READ) {
        const struct stub_connection *connection = connection_of(attempt);
        if (connection != NULL && (atomic_load_explicit(&connection->flags, memory_order_acquire) &
                                   STUB_CONNECTION_STREAM) != 0) {
            return SOCK_STREAM;
        }
    }
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) {
        return -1;
    }
    if (type == SOCK_STREAM && stub_mark_of(attempt->fd) == STUB_MARK_CONNECTED) {
        struct stub_connection *connection = connection_of(attempt);
        if (connection != NULL) {
            stub_connection_note_stream(connection, attempt->fd);
        }
    }
    return type;
}

static bool peer_port(int fd, uint16_t *port)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof peer;
    if (stub_locked()) {
        return stub_connection_port(fd, port);
    }
    if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0) {
        return port_of((const struct sockaddr *)&peer, length, port);
    }
    /* TCP_FASTOPEN_CONNECT: connect has returned, the kernel knows no peer yet, and the first write
     * goes out with the SYN. */
    return errno == ENOTCONN && stub_connection_port(fd, port);
}

bool stub_guard_watches(int fd)
{
    uint16_t port;
    struct shim_way way;
    if (!peer_port(fd, &port) || stub_port_watched(port)) {
        return true;
    }
    stub_way_find(fd, stub_socket_of(fd), &way);
    return way.watched;
}

bool stub_attempt_port(struct stub_attempt *attempt)
{
    socklen_t length = attempt->address_length;
    socklen_t looked_at = sizeof(struct sockaddr_in6);
    /* A stream socket uses an address for fast open only; otherwise it ignores it. */
    bool addressed = attempt->address != NULL &&
                     (attempt->type == SOCK_DGRAM || (attempt->flags & MSG_FASTOPEN) != 0);
    if (!addressed) {
        return peer_port(attempt->fd, &attempt->port);
    }
    return stub_can_read(attempt->address, length < looked_at ? length : looked_at) &&
           port_of(attempt->address, length, &attempt->port);
}
