/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Push and pull functions that stand before the application's for the time of the hello exchange.
 * The transport pointer stays the application's, so whose handshake it is comes from the thread
 * that runs it. No protocol here.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/engine.h"
#include "shim/gnutls.h"

enum { CHUNK = 4096 };

static __thread struct gnutls_connection *current;

struct gnutls_connection *gnutls_transport_enter(struct gnutls_connection *connection)
{
    struct gnutls_connection *before = current;
    current = connection;
    return before;
}

/* An alert or a bye after a handshake that failed is pushed by nobody's handshake. */
static struct gnutls_connection *connection_for(gnutls_transport_ptr_t pointer, bool sending)
{
    return current != NULL ? current : gnutls_connection_of_transport(pointer, sending);
}

/* ---- GnuTLS's own transport, where a version does not show it to us ---- */

static int descriptor_of(gnutls_transport_ptr_t pointer)
{
    return (int)(intptr_t)pointer;
}

static ssize_t plain_pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    return recv(descriptor_of(pointer), out, size, 0);
}

/*
 * GnuTLS takes its own waiting function only together with its own pull function, and a pull
 * function that was replaced once cannot be given back.
 */
static int plain_pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    return gnutls_system_recv_timeout(pointer, milliseconds);
}

static ssize_t vec_push_with(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count,
                             int flags)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    /* The application's octets, so the guard is to see them; by linkage it might be anybody's. */
    return shim_engine_state()->stub->guarded_sendmsg(descriptor_of(pointer), &message, flags);
}

static ssize_t plain_vec_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    return vec_push_with(pointer, parts, count, 0);
}

static ssize_t quiet_vec_push(gnutls_transport_ptr_t pointer, const giovec_t *parts, int count)
{
    return vec_push_with(pointer, parts, count, MSG_NOSIGNAL);
}

void gnutls_transport_complete(struct gnutls_transport *transport, unsigned flags)
{
    if (transport->push == NULL && transport->vec_push == NULL) {
        transport->vec_push = (flags & GNUTLS_NO_SIGNAL) != 0 ? quiet_vec_push : plain_vec_push;
    }
    if (transport->pull == NULL) {
        transport->pull = plain_pull;
        transport->pull_timeout = plain_pull_timeout;
    }
}

void gnutls_transport_pull_replaced(struct gnutls_transport *transport, const struct gnutls *gnutls)
{
    if (transport->pull_timeout == plain_pull_timeout) {
        transport->pull_timeout = gnutls->gnutls_system_recv_timeout;
    }
}

int gnutls_transport_fd(const struct gnutls_connection *connection)
{
    gnutls_transport_ptr_t receive;
    gnutls_transport_ptr_t send;
    if (!connection->default_transport) {
        return -1;
    }
    connection->gnutls->gnutls_transport_get_ptr2(connection->session, &receive, &send);
    return descriptor_of(receive);
}

/* ---- the wrappers ---- */

static bool transparent(const struct gnutls_connection *connection)
{
    return connection->shim == NULL ||
           ech_exchange_drained(shim_session_exchange(connection->shim));
}

static ssize_t own_push(const struct gnutls_connection *connection, gnutls_transport_ptr_t pointer,
                        struct bytes out)
{
    if (connection->own.push != NULL) {
        return connection->own.push(pointer, out.data, out.len);
    }
    giovec_t part = {.iov_base = (void *)(uintptr_t)out.data, .iov_len = out.len};
    return connection->own.vec_push(pointer, &part, 1);
}

/* 1: everything went; else what the push function said, with its errno. */
static ssize_t flush_to_net(struct gnutls_connection *connection, gnutls_transport_ptr_t pointer)
{
    struct ech_exchange *exchange = shim_session_exchange(connection->shim);
    for (struct bytes out = ech_exchange_to_net(exchange); out.len > 0;
         out = ech_exchange_to_net(exchange)) {
        ssize_t written = own_push(connection, pointer, out);
        if (written < 0) {
            return written;
        }
        if (written == 0) {
            errno = EAGAIN;
            return -1;
        }
        shim_session_net_took(connection->shim, (size_t)written);
    }
    return 1;
}

static ssize_t wrapped_push(gnutls_transport_ptr_t pointer, const void *data, size_t length)
{
    struct gnutls_connection *connection = connection_for(pointer, true);
    if (connection == NULL) {
        errno = EIO;
        return -1;
    }
    if (transparent(connection) && connection->taken == 0) {
        return own_push(connection, pointer, bytes_of(data, length));
    }
    /* GnuTLS pushes the same octets again after -1: what was taken already is not taken twice. */
    if (connection->taken < length) {
        const uint8_t *octets = data;
        shim_session_from_app(connection->shim,
                              bytes_of(octets + connection->taken, length - connection->taken));
        connection->taken = length;
    }
    ssize_t flushed = flush_to_net(connection, pointer);
    if (flushed < 0) {
        return flushed;
    }
    connection->taken = 0;
    return (ssize_t)length;
}

/* The peer end of the pull function: what the application's own one gives, fed to the exchange. Its
 * result, or 1 to go on. */
static ssize_t feed_from_net(struct gnutls_connection *connection, gnutls_transport_ptr_t pointer,
                             size_t wanted)
{
    uint8_t chunk[CHUNK];
    /* A function that says "again" by gnutls_transport_set_errno leaves errno alone. */
    errno = 0;
    ssize_t got =
        connection->own.pull(pointer, chunk, wanted < sizeof chunk ? wanted : sizeof chunk);
    if (got > 0) {
        shim_session_from_net(connection->shim, bytes_of(chunk, (size_t)got));
        return 1;
    }
    int failure = errno;
    if (got == 0 ||
        (failure != EAGAIN && failure != EWOULDBLOCK && failure != EINTR && failure != 0)) {
        shim_session_net_closed(connection->shim);
    }
    errno = failure;
    return got;
}

/* Where to push from a pull: the two directions may have two pointers. */
static gnutls_transport_ptr_t write_pointer(const struct gnutls_connection *connection)
{
    gnutls_transport_ptr_t receive;
    gnutls_transport_ptr_t send;
    connection->gnutls->gnutls_transport_get_ptr2(connection->session, &receive, &send);
    return send;
}

static ssize_t wrapped_pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    struct gnutls_connection *connection = connection_for(pointer, false);
    if (connection == NULL) {
        errno = EIO;
        return -1;
    }
    while (!transparent(connection)) {
        struct ech_exchange *exchange = shim_session_exchange(connection->shim);
        struct bytes ready = ech_exchange_to_app(exchange);
        if (ready.len > 0) {
            size_t octets = ready.len < size ? ready.len : size;
            memcpy(out, ready.data, octets);
            ech_exchange_app_took(exchange, octets);
            return (ssize_t)octets;
        }
        if (shim_session_wants_connection(connection->shim)) {
            shim_session_reconnect(connection->shim, gnutls_transport_fd(connection));
            continue;
        }
        ssize_t result = flush_to_net(connection, write_pointer(connection));
        if (result < 0) {
            return result;
        }
        if (transparent(connection)) {
            break; /* ECH is disabled, and the hello has just gone out */
        }
        size_t wanted = ech_exchange_net_wanted(exchange);
        if (wanted == 0) {
            return 0; /* failed, and the alert has been read: end of file */
        }
        result = feed_from_net(connection, pointer, wanted);
        if (result <= 0) {
            return result;
        }
    }
    return connection->own.pull(pointer, out, size);
}

static int wrapped_pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    struct gnutls_connection *connection = connection_for(pointer, false);
    if (connection == NULL) {
        errno = EIO;
        return -1;
    }
    if (!transparent(connection)) {
        const struct ech_exchange *exchange = shim_session_exchange(connection->shim);
        if (ech_exchange_to_app(exchange).len > 0 || ech_exchange_net_wanted(exchange) == 0) {
            return 1;
        }
    }
    return connection->own.pull_timeout(pointer, milliseconds);
}

void gnutls_transport_wrap(const struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    gnutls->gnutls_transport_set_push_function(connection->session, wrapped_push);
    gnutls->gnutls_transport_set_pull_function(connection->session, wrapped_pull);
    gnutls->gnutls_transport_set_pull_timeout_function(connection->session, wrapped_pull_timeout);
}

void gnutls_transport_unwrap(const struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    if (connection->own.push != NULL) {
        gnutls->gnutls_transport_set_push_function(connection->session, connection->own.push);
    } else {
        gnutls->gnutls_transport_set_vec_push_function(connection->session,
                                                       connection->own.vec_push);
    }
    gnutls->gnutls_transport_set_pull_function(connection->session, connection->own.pull);
    gnutls->gnutls_transport_set_pull_timeout_function(connection->session,
                                                       connection->own.pull_timeout);
}
