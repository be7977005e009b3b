/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Push and pull functions that stand before the application's during the hello exchange. GnuTLS
 * gives them the session as transport pointer, so neither the thread nor the application's
 * pointers, which sessions may share, have to tell whose handshake it is. The application's
 * functions get its own pointers. They may set others, switch to another handshake, and never
 * return. No protocol here.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/common/frame.h"
#include "shim/engine/gnutls/gnutls.h"
#include "shim/engine/state/state.h"

enum { CHUNK = 1024 };

/* ---- GnuTLS's own transport, which no function of GnuTLS returns ---- */

static int descriptor_of(gnutls_transport_ptr_t pointer)
{
    return (int)(intptr_t)pointer;
}

static ssize_t plain_pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    return recv(descriptor_of(pointer), out, size, 0);
}

/*
 * GnuTLS accepts its own waiting function only with its own pull function, and that cannot be set
 * again once it was replaced. So this is a copy of it.
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
    /* These are the application's octets, so the guard has to see them. By linkage another function
     * may answer. */
    return shim_state()->stub->guarded_sendmsg(descriptor_of(pointer), &message, flags);
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

void gnutls_transport_pointers(const struct gnutls_connection *connection,
                               gnutls_transport_ptr_t *receive, gnutls_transport_ptr_t *send)
{
    if (connection->wrapped) {
        *receive = connection->own.receive;
        *send = connection->own.send;
    } else {
        connection->gnutls->gnutls_transport_get_ptr2(connection->handle, receive, send);
    }
}

int gnutls_transport_fd(const struct gnutls_connection *connection)
{
    gnutls_transport_ptr_t receive;
    gnutls_transport_ptr_t send;
    if (!connection->default_transport) {
        return -1;
    }
    gnutls_transport_pointers(connection, &receive, &send);
    return descriptor_of(receive);
}

/* ---- our transport functions around the program's ---- */

/* The connection of a transport function's call. NULL: the session does not exist any more. */
static struct gnutls_connection *connection_of(gnutls_transport_ptr_t pointer)
{
    return gnutls_connection_find(pointer);
}

/* Sets an error of ours. errno is not enough, for the application may have a function that tells
 * errors. */
static ssize_t fail_with(const struct gnutls_connection *connection, int error)
{
    connection->gnutls->gnutls_transport_set_errno(connection->handle, error);
    errno = error;
    return -1;
}

static ssize_t fail_unknown(void)
{
    errno = EIO;
    return -1;
}

/* The error that GnuTLS sees after a transport function has failed. */
static int transport_error(const struct gnutls_connection *connection)
{
    if (connection->transport_errno != 0) {
        return connection->transport_errno;
    }
    return connection->own.error_number != NULL
               ? connection->own.error_number(connection->own.receive)
               : errno;
}

static bool transparent(const struct gnutls_connection *connection)
{
    return connection->phase != GNUTLS_STARTED || shim_session_drained(connection->session);
}

static ssize_t push_by(const struct gnutls_connection *connection, struct bytes out)
{
    if (connection->own.push != NULL) {
        return connection->own.push(connection->own.send, out.data, out.len);
    }
    if (connection->own.vec_push == NULL) {
        return fail_with(connection, EBADF);
    }
    giovec_t part = {.iov_base = (void *)(uintptr_t)out.data, .iov_len = out.len};
    return connection->own.vec_push(connection->own.send, &part, 1);
}

/* The octets are the session's or GnuTLS's, so they can be read. */
static ssize_t own_push(const struct gnutls_connection *connection, struct bytes out)
{
    shim_session_carry(connection->session, out, SHIM_FRAME_HERE);
    ssize_t pushed = push_by(connection, out);
    shim_session_carried();
    return pushed;
}

/* 1: everything was pushed; else the push function's result, with its errno. After a failure the
 * connection may be gone. */
static ssize_t flush_to_net(struct gnutls_connection *connection)
{
    gnutls_session_t session = connection->handle;
    uint64_t serial = connection->serial;
    for (struct bytes out = shim_session_to_net(connection->session); out.len > 0;
         out = shim_session_to_net(connection->session)) {
        ssize_t written = own_push(connection, out);
        if (!gnutls_connection_stays(session, serial)) {
            return fail_unknown();
        }
        if (written < 0) {
            return written;
        }
        if (written == 0) {
            return fail_with(connection, EAGAIN);
        }
        size_t octets = (size_t)written < out.len ? (size_t)written : out.len;
        shim_session_net_took(connection->session, octets);
    }
    return 1;
}

/* A hello was built without asking for our extension: it has no extensions at all (%NO_EXTENSIONS).
 * */
static bool decide_late(struct gnutls_connection *connection)
{
    if (connection->phase == GNUTLS_OPEN) {
        connection->priorities_unknown = true; /* they are of no use for ECH */
        return connection->hello->decide(connection) == GNUTLS_E_SUCCESS;
    }
    return true;
}

static ssize_t wrapped_push(gnutls_transport_ptr_t pointer, const void *data, size_t length)
{
    struct gnutls_connection *connection = connection_of(pointer);
    if (connection == NULL) {
        return fail_unknown();
    }
    if (!decide_late(connection)) {
        return fail_with(connection, EIO);
    }
    if (transparent(connection) && connection->taken == 0) {
        return own_push(connection, bytes_of(data, length));
    }
    /* After -1 GnuTLS pushes the same octets again. Do not take them twice. */
    if (connection->taken < length) {
        const uint8_t *octets = data;
        size_t before = connection->taken;
        connection->taken = length;
        shim_session_from_app(connection->session, bytes_of(octets + before, length - before));
        connection->hello->built(connection);
    }
    ssize_t flushed = flush_to_net(connection);
    if (flushed < 0) {
        return flushed;
    }
    connection->taken = 0;
    return (ssize_t)length;
}

/* Calls the application's pull function, and feeds the exchange. Returns 1 to go on, else the
 * function's result. */
static ssize_t feed_from_net(struct gnutls_connection *connection, size_t wanted)
{
    uint8_t chunk[CHUNK];
    gnutls_session_t session = connection->handle;
    uint64_t serial = connection->serial;
    if (connection->own.pull == NULL) {
        return fail_with(connection, EBADF);
    }
    connection->transport_errno = 0;
    errno = 0;
    ssize_t got = connection->own.pull(connection->own.receive, chunk,
                                       wanted < sizeof chunk ? wanted : sizeof chunk);
    if (!gnutls_connection_stays(session, serial)) {
        return fail_unknown();
    }
    if (got > 0) {
        size_t octets = (size_t)got < sizeof chunk ? (size_t)got : sizeof chunk;
        shim_session_from_net(connection->session, bytes_of(chunk, octets));
        return 1;
    }
    int saved = errno;
    int failure = got < 0 ? transport_error(connection) : 0;
    /* A function that says "again" by gnutls_transport_set_errno need not set errno. */
    if (got == 0 ||
        (failure != EAGAIN && failure != EWOULDBLOCK && failure != EINTR && failure != 0)) {
        shim_session_net_closed(connection->session);
    }
    errno = saved;
    return got;
}

/* False: the application's push function has ended the session. */
static bool send_last_words(struct gnutls_connection *connection)
{
    gnutls_session_t session = connection->handle;
    uint64_t serial = connection->serial;
    if (!shim_session_has_last_words(connection->session)) {
        return true;
    }
    int saved = errno;
    (void)flush_to_net(connection);
    errno = saved;
    return gnutls_connection_stays(session, serial);
}

static ssize_t wrapped_pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    struct gnutls_connection *connection = connection_of(pointer);
    if (connection == NULL) {
        return fail_unknown();
    }
    while (!transparent(connection)) {
        if (shim_session_to_app(connection->session).len > 0) {
            if (!send_last_words(connection)) {
                return fail_unknown();
            }
            struct bytes ready = shim_session_to_app(connection->session);
            size_t octets = ready.len < size ? ready.len : size;
            memcpy(out, ready.data, octets);
            shim_session_app_took(connection->session, octets);
            return (ssize_t)octets;
        }
        if (shim_session_wants_connection(connection->session)) {
            shim_session_reconnect(connection->session, gnutls_transport_fd(connection));
            continue;
        }
        ssize_t result = flush_to_net(connection);
        if (result < 0) {
            return result;
        }
        if (transparent(connection)) {
            break; /* ECH is disabled, and the hello has just gone out */
        }
        size_t wanted = shim_session_net_wanted(connection->session);
        if (wanted == 0) {
            return 0; /* failed, and the alert was read: end of file */
        }
        result = feed_from_net(connection, wanted);
        if (result <= 0) {
            return result;
        }
    }
    if (connection->own.pull == NULL) {
        return fail_with(connection, EBADF);
    }
    return connection->own.pull(connection->own.receive, out, size);
}

/*
 * The waiting function that fits the pull function. GnuTLS fails if an application combines its own
 * pull function with GnuTLS's waiting function. GnuTLS has to see that pair, so the pair stays as
 * it is.
 */
static gnutls_pull_timeout_func waiting_function(const struct gnutls_connection *connection)
{
    const struct gnutls_transport *own = &connection->own;
    bool system = own->pull_timeout == connection->gnutls->gnutls_system_recv_timeout;
    return system && own->pull == plain_pull ? plain_pull_timeout : own->pull_timeout;
}

static int wrapped_pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    const struct gnutls_connection *connection = connection_of(pointer);
    if (connection == NULL) {
        return (int)fail_unknown();
    }
    if (!transparent(connection)) {
        if (shim_session_to_app(connection->session).len > 0 ||
            shim_session_net_wanted(connection->session) == 0) {
            return 1;
        }
    }
    return waiting_function(connection)(connection->own.receive, milliseconds);
}

static int wrapped_error_number(gnutls_transport_ptr_t pointer)
{
    const struct gnutls_connection *connection = connection_of(pointer);
    return connection != NULL && connection->own.error_number != NULL
               ? connection->own.error_number(connection->own.receive)
               : errno;
}

void gnutls_transport_wrap_waiting(const struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    gnutls_pull_timeout_func own = waiting_function(connection);
    bool unfit = own == NULL || own == gnutls->gnutls_system_recv_timeout;
    gnutls->gnutls_transport_set_pull_timeout_function(connection->handle,
                                                       unfit ? own : wrapped_pull_timeout);
}

void gnutls_transport_wrap_error_number(const struct gnutls_connection *connection)
{
    if (connection->own.error_number != NULL) {
        connection->gnutls->gnutls_transport_set_errno_function(connection->handle,
                                                                wrapped_error_number);
    }
}

void gnutls_transport_wrap(struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    if (connection->wrapped) {
        return;
    }
    gnutls->gnutls_transport_get_ptr2(connection->handle, &connection->own.receive,
                                      &connection->own.send);
    connection->wrapped = true;
    gnutls->gnutls_transport_set_ptr(connection->handle, connection->handle);
    gnutls->gnutls_transport_set_push_function(connection->handle, wrapped_push);
    gnutls->gnutls_transport_set_pull_function(connection->handle, wrapped_pull);
    gnutls_transport_wrap_waiting(connection);
    gnutls_transport_wrap_error_number(connection);
}

void gnutls_transport_unwrap(struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    const struct gnutls_transport *own = &connection->own;
    if (!connection->wrapped) {
        return;
    }
    connection->wrapped = false;
    gnutls->gnutls_transport_set_ptr2(connection->handle, own->receive, own->send);
    if (own->push != NULL) {
        gnutls->gnutls_transport_set_push_function(connection->handle, own->push);
    } else {
        gnutls->gnutls_transport_set_vec_push_function(connection->handle, own->vec_push);
    }
    gnutls->gnutls_transport_set_pull_function(connection->handle, own->pull);
    gnutls->gnutls_transport_set_pull_timeout_function(connection->handle,
                                                       waiting_function(connection));
    if (own->error_number != NULL) {
        gnutls->gnutls_transport_set_errno_function(connection->handle, own->error_number);
    }
}
