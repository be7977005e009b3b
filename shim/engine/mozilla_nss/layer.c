/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our layer of NSPR, right under NSS's. During the hello exchange it carries octets between NSS,
 * the exchange and the layer below. Before and after that, octets pass as if it were not there. It
 * stays until the socket is closed: other threads may be in it at any time. No protocol here.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/common/frame.h"
#include "shim/common/hold.h"
#include "shim/engine/mozilla_nss/mozilla_nss.h"

enum { CHUNK = 1024 };

/* ---- how long a call may still wait ---- */

struct limit {
    uint32_t timeout; /* as NSPR gives it: no waiting is 0 */
    uint32_t begun;
};

static struct limit limit_of(const struct nss *nss, uint32_t timeout)
{
    bool runs = timeout != 0 && timeout != NSPR_NO_TIMEOUT;
    return (struct limit){timeout, runs ? nss->PR_IntervalNow() : 0};
}

static uint32_t left(const struct nss *nss, struct limit limit)
{
    if (limit.timeout == 0 || limit.timeout == NSPR_NO_TIMEOUT) {
        return limit.timeout;
    }
    uint32_t gone = nss->PR_IntervalNow() - limit.begun;
    return gone < limit.timeout ? limit.timeout - gone : 0;
}

/* ---- the exchange ---- */

/* Are our octets none of a handshake that we take part in? Only these phases need the session. */
static bool takes_part(const struct nss_connection *connection)
{
    enum nss_phase phase = atomic_load_explicit(&connection->phase, memory_order_acquire);
    return phase == NSS_ARMED || phase == NSS_STARTED;
}

/* Ends our part if the exchange is over; tells PR_Poll otherwise. */
static void settle(struct nss_connection *connection)
{
    struct shim_session *session = connection->session;
    if (!takes_part(connection)) {
        return;
    }
    if (connection->taken == 0 && shim_session_drained(session)) {
        struct shim_hold hold;
        shim_hold_begin(&hold);
        atomic_store(&connection->phase, NSS_OVER);
        connection->session = NULL;
        shim_session_free(session);
        shim_hold_end(&hold);
        atomic_store(&connection->readable, false);
        atomic_store(&connection->writes, false);
        return;
    }
    atomic_store(&connection->readable, shim_session_to_app(session).len > 0 ||
                                            shim_session_wants_connection(session) ||
                                            shim_session_net_wanted(session) == 0);
    atomic_store(&connection->writes, shim_session_to_net(session).len > 0);
}

/* Sends what waits for the network. 1: everything was sent; else the result of `send`. */
static int32_t flush_to_net(struct nss_connection *connection, struct nspr_file *below,
                            struct limit limit)
{
    for (struct bytes out = shim_session_to_net(connection->session); out.len > 0;
         out = shim_session_to_net(connection->session)) {
        int32_t part = out.len < INT32_MAX ? (int32_t)out.len : INT32_MAX;
        shim_session_carry(NULL, out, SHIM_FRAME_HERE); /* which socket: the guard asks */
        int32_t sent = below->methods->send(below, out.data, part, 0, left(connection->nss, limit));
        shim_session_carried();
        if (sent <= 0) {
            return sent;
        }
        shim_session_net_took(connection->session, (size_t)sent);
    }
    return 1;
}

/*
 * The exchange takes all octets at once. If the layer below then takes only a part of the
 * exchange's octets, NSS is told that none were taken, and writes the same octets again.
 */
static int32_t send_by_exchange(struct nss_connection *connection, struct nspr_file *below,
                                struct bytes data, uint32_t timeout)
{
    struct limit limit = limit_of(connection->nss, timeout);
    if (connection->taken < data.len) {
        struct bytes rest = bytes_of(data.data + connection->taken, data.len - connection->taken);
        struct shim_hold hold;
        shim_hold_begin(&hold);
        connection->hello_made = true;
        atomic_store(&connection->phase, NSS_STARTED);
        connection->taken = data.len;
        shim_session_from_app(connection->session, rest);
        shim_hold_end(&hold);
    }
    int32_t flushed = flush_to_net(connection, below, limit);
    if (flushed > 0) {
        connection->taken = 0;
    }
    settle(connection);
    return flushed > 0 ? (int32_t)data.len : flushed;
}

static bool is_to_be_tried_again(int32_t error)
{
    return error == NSPR_WOULD_BLOCK_ERROR || error == NSPR_IO_TIMEOUT_ERROR ||
           error == NSPR_PENDING_INTERRUPT_ERROR;
}

/* Reads from the layer below for the exchange. 1: go on; else the result of `recv`. */
static int32_t feed_from_net(struct nss_connection *connection, struct nspr_file *below,
                             struct limit limit)
{
    const struct nss *nss = connection->nss;
    uint8_t chunk[CHUNK];
    size_t wanted = shim_session_net_wanted(connection->session);
    if (wanted == 0) {
        return 0; /* failed, and NSS has read the alert: the end */
    }
    int32_t got = below->methods->recv(
        below, chunk, wanted < sizeof chunk ? (int32_t)wanted : (int32_t)sizeof chunk, 0,
        left(nss, limit));
    if (got > 0) {
        shim_session_from_net(connection->session, bytes_of(chunk, (size_t)got));
        return 1;
    }
    struct nss_error kept = nss_error_keep(nss);
    if (got == 0 || !is_to_be_tried_again(kept.error)) {
        shim_session_net_closed(connection->session);
    }
    nss_error_restore(nss, kept);
    return got;
}

static int32_t take_for_app(struct nss_connection *connection, void *out, int32_t size, bool peek)
{
    struct bytes ready = shim_session_to_app(connection->session);
    size_t octets = ready.len < (size_t)size ? ready.len : (size_t)size;
    memcpy(out, ready.data, octets);
    if (!peek) {
        shim_session_app_took(connection->session, octets);
    }
    return (int32_t)octets;
}

static void send_last_words(struct nss_connection *connection, struct nspr_file *below,
                            struct limit limit)
{
    if (shim_session_has_last_words(connection->session)) {
        struct nss_error kept = nss_error_keep(connection->nss);
        (void)flush_to_net(connection, below, limit);
        nss_error_restore(connection->nss, kept);
    }
}

/* Reads until there are octets for NSS. 1: there are, or the exchange is over; else the result. */
static int32_t await_octets(struct nss_connection *connection, struct nspr_file *below,
                            struct limit limit)
{
    struct shim_session *session = connection->session;
    while (shim_session_to_app(session).len == 0 && !shim_session_drained(session)) {
        if (shim_session_wants_connection(session)) {
            shim_session_reconnect(session, connection->nss->PR_FileDesc2NativeHandle(below));
            continue;
        }
        int32_t result = flush_to_net(connection, below, limit);
        if (result > 0 && !shim_session_drained(session)) {
            result = feed_from_net(connection, below, limit);
        }
        if (result <= 0 && shim_session_to_app(session).len == 0) {
            return result;
        }
    }
    return 1;
}

/* ---- the methods ---- */

static int32_t on_send(struct nspr_file *layer, const void *data, int32_t length, int flags,
                       uint32_t timeout)
{
    struct nss_connection *connection = layer->secret;
    struct nspr_file *below = layer->lower;
    if (!nss_hello_leaves(connection, layer)) {
        return -1;
    }
    return takes_part(connection) && length > 0
               ? send_by_exchange(connection, below, bytes_of(data, (size_t)length), timeout)
               : below->methods->send(below, data, length, flags, timeout);
}

static int32_t on_write(struct nspr_file *layer, const void *data, int32_t length)
{
    return on_send(layer, data, length, 0, NSPR_NO_TIMEOUT);
}

static int32_t on_recv(struct nspr_file *layer, void *out, int32_t size, int flags,
                       uint32_t timeout)
{
    struct nss_connection *connection = layer->secret;
    struct nspr_file *below = layer->lower;
    struct limit limit = limit_of(connection->nss, timeout);
    if (takes_part(connection) && size > 0) {
        int32_t result = await_octets(connection, below, limit);
        if (result > 0 && shim_session_to_app(connection->session).len > 0) {
            bool peek = (flags & NSPR_MSG_PEEK) != 0;
            send_last_words(connection, below, limit);
            result = take_for_app(connection, out, size, peek);
            settle(connection);
            return result;
        }
        settle(connection);
        if (result <= 0) {
            return result;
        }
    }
    return below->methods->recv(below, out, size, flags, left(connection->nss, limit));
}

static int32_t on_read(struct nspr_file *layer, void *out, int32_t size)
{
    return on_recv(layer, out, size, 0, NSPR_NO_TIMEOUT);
}

/* PR_Poll asks for reading and for writing, one at a time. */
static int16_t on_poll(struct nspr_file *layer, int16_t asked, int16_t *ready)
{
    struct nss_connection *connection = layer->secret;
    struct nspr_file *below = layer->lower;
    if ((asked & NSPR_POLL_READ) != 0 && takes_part(connection)) {
        if (atomic_load(&connection->readable)) {
            *ready = NSPR_POLL_READ;
            return asked;
        }
        if (atomic_load(&connection->writes)) {
            /* The answer cannot come before our octets have left. */
            asked = (int16_t)((asked & ~NSPR_POLL_READ) | NSPR_POLL_WRITE);
        }
    }
    if (below->methods->poll == NULL) {
        *ready = 0;
        return asked;
    }
    return below->methods->poll(below, asked, ready);
}

static int on_getpeername(struct nspr_file *layer, struct nspr_address *address)
{
    struct nspr_file *below = layer->lower;
    int status = below->methods->getpeername(below, address);
    if (status != NSPR_SUCCESS) {
        return status;
    }
    if (!nss_hello_begins(layer->secret, layer)) {
        return NSPR_FAILURE;
    }
    /* There may be another connection now. */
    return below->methods->getpeername(below, address);
}

/* NSPR's own method would copy our layer, with our state, to the connection that comes in. */
static struct nspr_file *on_accept(struct nspr_file *layer, struct nspr_address *address,
                                   uint32_t timeout)
{
    return layer->lower->methods->accept(layer->lower, address, timeout);
}

static int32_t on_acceptread(struct nspr_file *layer, struct nspr_file **accepted,
                             struct nspr_address **address, void *out, int32_t size,
                             uint32_t timeout)
{
    return layer->lower->methods->acceptread(layer->lower, accepted, address, out, size, timeout);
}

static void connection_free(struct nss_connection *connection)
{
    struct shim_hold hold;
    shim_hold_begin(&hold);
    nss_hello_reset(connection);
    free(connection);
    shim_hold_end(&hold);
}

/* NSS takes its own layer off before it closes the one below. NSPR's own method takes ours off. */
static int on_close(struct nspr_file *layer)
{
    struct nss_connection *connection = layer->secret;
    const struct nss *nss = connection->nss;
    layer->secret = NULL;
    connection_free(connection);
    return nss->PR_GetDefaultIOMethods()->close(layer);
}

/* ---- the stack ---- */

void nss_layer_methods(const struct nspr_methods *defaults, struct nspr_methods *methods)
{
    *methods = *defaults;
    methods->close = on_close;
    methods->read = on_read;
    methods->write = on_write;
    methods->accept = on_accept;
    methods->recv = on_recv;
    methods->send = on_send;
    methods->poll = on_poll;
    methods->acceptread = on_acceptread;
    methods->getpeername = on_getpeername;
}

struct nss_connection *nss_layer_push(const struct nss *nss, struct nspr_file *file)
{
    struct nss_connection *connection = calloc(1, sizeof *connection);
    struct nspr_file *layer =
        connection != NULL ? nss->PR_CreateIOLayerStub(nss->identity, &nss->methods) : NULL;
    if (layer == NULL) {
        free(connection);
        return NULL;
    }
    connection->nss = nss;
    layer->secret = connection;
    if (nss->PR_PushIOLayer(file, NSPR_TOP_LAYER, layer) != NSPR_SUCCESS) {
        layer->secret = NULL;
        layer->destroy(layer);
        free(connection);
        return NULL;
    }
    return connection;
}

void nss_layer_pop(const struct nss *nss, struct nspr_file *file)
{
    struct nspr_file *layer = nss->PR_PopIOLayer(file, nss->identity);
    if (layer != NULL) {
        struct nss_connection *connection = layer->secret;
        layer->secret = NULL;
        layer->destroy(layer);
        connection_free(connection);
    }
}

struct nss_connection *nss_connection_of(const struct nss *nss, struct nspr_file *file)
{
    struct nspr_file *layer = file != NULL ? nss->PR_GetIdentitiesLayer(file, nss->identity) : NULL;
    return layer != NULL ? layer->secret : NULL;
}
