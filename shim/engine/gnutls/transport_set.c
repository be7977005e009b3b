/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hooks of the functions that set and read the transport. While our wrappers are in, they use what
 * the application sets, and the application reads back its own.
 */
#include <stdint.h>

#include "shim/engine/gnutls/gnutls.h"
#include "shim/engine/state/state.h"

/* The connection that has to note the application's function; NULL: not ours. */
static struct gnutls_connection *with_own_function(struct shim_library *library,
                                                   gnutls_session_t session)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (connection != NULL) {
        connection->default_transport = false;
    }
    return connection;
}

static bool wrapped(const struct gnutls_connection *connection)
{
    return connection != NULL && connection->wrapped;
}

/* ---- functions ---- */

static void set_push_function(struct shim_library *library, gnutls_session_t session,
                              gnutls_push_func push)
{
    struct gnutls_connection *connection = with_own_function(library, session);
    if (connection != NULL) {
        connection->own.push = push;
        connection->own.vec_push = NULL;
    }
    if (!wrapped(connection)) {
        GNUTLS_REAL(library, gnutls_transport_set_push_function)(session, push);
    }
}

static void set_vec_push_function(struct shim_library *library, gnutls_session_t session,
                                  gnutls_vec_push_func vec_push)
{
    struct gnutls_connection *connection = with_own_function(library, session);
    if (connection != NULL) {
        connection->own.push = NULL;
        connection->own.vec_push = vec_push;
    }
    if (!wrapped(connection)) {
        GNUTLS_REAL(library, gnutls_transport_set_vec_push_function)(session, vec_push);
    }
}

static void set_pull_function(struct shim_library *library, gnutls_session_t session,
                              gnutls_pull_func pull)
{
    struct gnutls_connection *connection = with_own_function(library, session);
    if (connection != NULL) {
        connection->own.pull = pull;
        gnutls_transport_pull_replaced(&connection->own, connection->gnutls);
    }
    if (!wrapped(connection)) {
        GNUTLS_REAL(library, gnutls_transport_set_pull_function)(session, pull);
    } else {
        gnutls_transport_wrap_waiting(connection);
    }
}

static void set_pull_timeout_function(struct shim_library *library, gnutls_session_t session,
                                      gnutls_pull_timeout_func pull_timeout)
{
    struct gnutls_connection *connection = with_own_function(library, session);
    if (connection != NULL) {
        connection->own.pull_timeout = pull_timeout;
    }
    if (!wrapped(connection)) {
        GNUTLS_REAL(library, gnutls_transport_set_pull_timeout_function)(session, pull_timeout);
    } else {
        gnutls_transport_wrap_waiting(connection);
    }
}

static void set_errno_function(struct shim_library *library, gnutls_session_t session,
                               gnutls_errno_func error_number)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (connection != NULL) {
        connection->own.error_number = error_number;
    }
    if (!wrapped(connection)) {
        GNUTLS_REAL(library, gnutls_transport_set_errno_function)(session, error_number);
    } else {
        gnutls_transport_wrap_error_number(connection);
    }
}

static void set_errno(struct shim_library *library, gnutls_session_t session, int error)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (connection != NULL) {
        connection->transport_errno = error;
    }
    GNUTLS_REAL(library, gnutls_transport_set_errno)(session, error);
}

/* ---- pointers ---- */

static gnutls_transport_ptr_t pointer_of(int value)
{
    return (gnutls_transport_ptr_t)(intptr_t)value;
}

static int int_of(gnutls_transport_ptr_t pointer)
{
    return (int)(intptr_t)pointer;
}

static void set_ptr2(struct shim_library *library, gnutls_session_t session,
                     gnutls_transport_ptr_t receive, gnutls_transport_ptr_t send)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (wrapped(connection)) {
        connection->own.receive = receive;
        connection->own.send = send;
    } else {
        GNUTLS_REAL(library, gnutls_transport_set_ptr2)(session, receive, send);
    }
}

static void set_ptr(struct shim_library *library, gnutls_session_t session,
                    gnutls_transport_ptr_t pointer)
{
    if (wrapped(gnutls_ours(library, session))) {
        set_ptr2(library, session, pointer, pointer);
    } else {
        GNUTLS_REAL(library, gnutls_transport_set_ptr)(session, pointer);
    }
}

static void set_int2(struct shim_library *library, gnutls_session_t session, int receive, int send)
{
    if (wrapped(gnutls_ours(library, session))) {
        set_ptr2(library, session, pointer_of(receive), pointer_of(send));
    } else {
        GNUTLS_REAL(library, gnutls_transport_set_int2)(session, receive, send);
    }
}

static void get_ptr2(struct shim_library *library, gnutls_session_t session,
                     gnutls_transport_ptr_t *receive, gnutls_transport_ptr_t *send)
{
    const struct gnutls_connection *connection = gnutls_ours(library, session);
    if (wrapped(connection)) {
        gnutls_transport_pointers(connection, receive, send);
    } else {
        GNUTLS_REAL(library, gnutls_transport_get_ptr2)(session, receive, send);
    }
}

static gnutls_transport_ptr_t get_ptr(struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls_connection *connection = gnutls_ours(library, session);
    return wrapped(connection) ? connection->own.receive
                               : GNUTLS_REAL(library, gnutls_transport_get_ptr)(session);
}

static int get_int(struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls_connection *connection = gnutls_ours(library, session);
    return wrapped(connection) ? int_of(connection->own.receive)
                               : GNUTLS_REAL(library, gnutls_transport_get_int)(session);
}

static void get_int2(struct shim_library *library, gnutls_session_t session, int *receive,
                     int *send)
{
    const struct gnutls_connection *connection = gnutls_ours(library, session);
    if (wrapped(connection)) {
        *receive = int_of(connection->own.receive);
        *send = int_of(connection->own.send);
    } else {
        GNUTLS_REAL(library, gnutls_transport_get_int2)(session, receive, send);
    }
}

void shim_gnutls_fill_transport(struct shim_engine *engine)
{
    engine->gnutls_transport_set_push_function = set_push_function;
    engine->gnutls_transport_set_vec_push_function = set_vec_push_function;
    engine->gnutls_transport_set_pull_function = set_pull_function;
    engine->gnutls_transport_set_pull_timeout_function = set_pull_timeout_function;
    engine->gnutls_transport_set_errno_function = set_errno_function;
    engine->gnutls_transport_set_errno = set_errno;
    engine->gnutls_transport_set_ptr = set_ptr;
    engine->gnutls_transport_set_ptr2 = set_ptr2;
    engine->gnutls_transport_set_int2 = set_int2;
    engine->gnutls_transport_get_ptr = get_ptr;
    engine->gnutls_transport_get_ptr2 = get_ptr2;
    engine->gnutls_transport_get_int = get_int;
    engine->gnutls_transport_get_int2 = get_int2;
}
