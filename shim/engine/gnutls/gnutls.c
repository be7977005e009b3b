/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GnuTLS adapter: a client session from gnutls_init to gnutls_deinit, and its handshake. The
 * hooks keep nothing in the thread, for a call of the application may never return: a signal
 * handler jumps out of it, or another coroutine goes on. It may also come from a function of the
 * application that GnuTLS is calling. So all state belongs to the session.
 */
#include "shim/engine/gnutls/gnutls.h"
#include "shim/engine/tls_adapter.h"

#include <errno.h>
#include <stdlib.h>

#include "shim/common/hold.h"
#include "shim/engine/state/state.h"

/* ---- sessions ---- */

static int init(struct shim_library *library, gnutls_session_t *session, unsigned flags)
{
    const struct gnutls *gnutls = gnutls_of(library);
    if ((flags & GNUTLS_CLIENT) == 0 || session == NULL || gnutls == NULL) {
        return GNUTLS_REAL(library, gnutls_init)(session, flags);
    }
    struct gnutls_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    int result = GNUTLS_REAL(library, gnutls_init)(session, flags);
    if (result < 0) {
        free(connection);
        return result;
    }
    connection->handle = *session;
    connection->gnutls = gnutls;
    connection->flags = flags;
    connection->quic = (flags & GNUTLS_DATAGRAM) != 0;
    connection->default_transport = true;
    connection->hello = &gnutls_hello_events;
    if (gnutls->supported) {
        gnutls_transport_complete(&connection->own, flags);
    }
    if (!gnutls_connection_add(connection)) {
        if (GNUTLS_REAL(library, gnutls_deinit) != NULL) {
            GNUTLS_REAL(library, gnutls_deinit)(*session);
        }
        *session = NULL;
        gnutls_connection_free(connection);
        return GNUTLS_E_MEMORY_ERROR;
    }
    return result;
}

static void deinit(struct shim_library *library, gnutls_session_t session)
{
    struct gnutls_connection *connection = gnutls_connection_take(session);
    GNUTLS_REAL(library, gnutls_deinit)(session);
    gnutls_connection_free(connection);
}

/* ---- the handshake ---- */

/* Before GnuTLS makes a hello, or goes on with one. */
static int prepare(struct gnutls_connection *connection)
{
    int result = GNUTLS_E_SUCCESS;
    if (connection->phase == GNUTLS_IDLE && connection->priorities_set) {
        if (connection->extensions && !connection->quic && gnutls_extension_add(connection)) {
            gnutls_transport_wrap(connection);
            connection->phase = GNUTLS_OPEN;
        } else {
            result = gnutls_decide(connection);
        }
    }
    return result;
}

/* Is nothing of ours needed any more? */
static bool is_over(const struct gnutls_connection *connection, int result)
{
    switch (connection->phase) {
    case GNUTLS_GREASE:
        return result == GNUTLS_E_SUCCESS;
    case GNUTLS_STARTED:
        /* After ECH was disabled, a second hello has to match the first, so our settings stay until
         * the end. */
        return connection->taken == 0 && shim_session_drained(connection->session) &&
               (result == GNUTLS_E_SUCCESS || !shim_session_disabled(connection->session));
    default:
        return false;
    }
}

/* Steps out of the data path, as soon as nothing of ours is needed there. */
static void step_out(struct gnutls_connection *connection, int result)
{
    bool over = is_over(connection, result);
    if (over || connection->phase == GNUTLS_GREASE || connection->phase == GNUTLS_PASS) {
        gnutls_transport_unwrap(connection);
    }
    if (over) {
        gnutls_restore_compatibility(connection);
        struct shim_hold hold;
        struct shim_session *ended = connection->session;
        shim_hold_begin(&hold);
        connection->phase = GNUTLS_DONE;
        connection->session = NULL;
        shim_session_free(ended);
        shim_hold_end(&hold);
    }
}

static int handshake(struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls *gnutls = gnutls_of(library);
    if (gnutls == NULL || !gnutls->supported) {
        /* Refuse here, not in gnutls_init: programs ignore its result. */
        return gnutls_foreign_allows(library, session)
                   ? GNUTLS_REAL(library, gnutls_handshake)(session)
                   : GNUTLS_E_INTERNAL_ERROR;
    }
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (connection == NULL || connection->phase == GNUTLS_DONE ||
        (connection->phase == GNUTLS_PASS && !connection->wrapped)) {
        return GNUTLS_REAL(library, gnutls_handshake)(session);
    }
    int saved = errno;
    uint64_t serial = connection->serial;
    int result = prepare(connection);
    errno = saved;
    if (result != GNUTLS_E_SUCCESS) {
        return result;
    }
    result = GNUTLS_REAL(library, gnutls_handshake)(session);
    saved = errno;
    /* Functions of the application have run, and may have ended the session. */
    connection = gnutls_connection_find(session);
    if (connection != NULL && connection->serial == serial) {
        if (connection->session != NULL) {
            shim_session_call_over(connection->session);
        }
        step_out(connection, result);
    }
    errno = saved;
    return result;
}

/*
 * A pull may have to push first (a retry whose connection is still being made) and end in "later".
 * Then the application has to wait until it can write: if it waited to read, it would wait for
 * ever.
 */
static int record_get_direction(struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls_connection *connection = gnutls_ours(library, session);
    if (connection != NULL && connection->phase == GNUTLS_STARTED &&
        shim_session_to_net(connection->session).len > 0) {
        return 1;
    }
    return GNUTLS_REAL(library, gnutls_record_get_direction)(session);
}

static void fill(struct shim_engine *engine)
{
    engine->gnutls_init = init;
    engine->gnutls_library_of = gnutls_library_of;
    engine->gnutls_deinit = deinit;
    engine->gnutls_handshake = handshake;
    engine->gnutls_record_get_direction = record_get_direction;
    shim_gnutls_fill_settings(engine);
    shim_gnutls_fill_transport(engine);
}

const struct shim_tls_adapter shim_gnutls_adapter = {
    .fill = fill,
    .before_fork = gnutls_before_fork,
    .after_fork = gnutls_after_fork,
};
