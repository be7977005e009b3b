/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The GnuTLS adapter's hooks. On Debian libgnutls calls some of its own functions through the hooks
 * too, so each of them is a pass-through while the thread is inside one; a handshake, which calls
 * the application back, shuts out its own session only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine.h"
#include "shim/gnutls.h"

/* The session that gnutls_init is making: its defaults can be seen being set. */
struct initialising {
    struct gnutls_transport defaults;
};

static __thread unsigned depth;
static __thread gnutls_session_t shaking_hands;
static __thread struct initialising *initialising;

static struct gnutls_connection *ours(const struct gnutls *gnutls, gnutls_session_t session)
{
    bool own = depth == 0 && session != shaking_hands && gnutls != NULL && gnutls->supported;
    return own ? gnutls_connection_find(session) : NULL;
}

#define REAL(library, name) ((__typeof__(&name))(library)->fn[SHIM_HOOK_##name])

/* The result of a real call, made so that hooks that it runs into pass. */
#define INSIDE(call)                                                                               \
    __extension__({                                                                                \
        depth++;                                                                                   \
        int inside_result = (call);                                                                \
        depth--;                                                                                   \
        inside_result;                                                                             \
    })

/* ---- sessions ---- */

static int init(struct shim_library *library, gnutls_session_t *session, unsigned flags)
{
    const struct gnutls *gnutls = gnutls_of(library);
    if (depth != 0 || (flags & GNUTLS_CLIENT) == 0 || session == NULL) {
        return REAL(library, gnutls_init)(session, flags);
    }
    if (gnutls == NULL || !gnutls->supported) {
        return REAL(library, gnutls_init)(session, flags);
    }
    struct gnutls_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    struct initialising now = {.defaults = {.pull_timeout = gnutls->gnutls_system_recv_timeout}};
    initialising = &now;
    int result = INSIDE(REAL(library, gnutls_init)(session, flags));
    initialising = NULL;
    if (result < 0) {
        free(connection);
        return result;
    }
    connection->session = *session;
    connection->gnutls = gnutls;
    connection->flags = flags;
    connection->quic = (flags & GNUTLS_DATAGRAM) != 0;
    connection->own = now.defaults;
    connection->default_transport = true;
    gnutls_transport_complete(&connection->own, flags);
    gnutls_connection_add(connection);
    return result;
}

static void deinit(struct shim_library *library, gnutls_session_t session)
{
    struct gnutls_connection *connection = depth == 0 ? gnutls_connection_take(session) : NULL;
    depth++;
    REAL(library, gnutls_deinit)(session);
    depth--;
    gnutls_connection_free(connection);
}

/* ---- what the application sets, noted ---- */

static int server_name_set(struct shim_library *library, gnutls_session_t session,
                           gnutls_server_name_type_t type, const void *name, size_t length)
{
    int result = REAL(library, gnutls_server_name_set)(session, type, name, length);
    struct gnutls_connection *connection = ours(library->engine_data, session);
    if (result >= 0 && connection != NULL && type == GNUTLS_NAME_DNS) {
        /* One that does not fit is no DNS name. */
        size_t kept = length < sizeof connection->server_name ? length : 0;
        if (kept > 0) {
            memcpy(connection->server_name, name, kept);
        }
        connection->server_name[kept] = '\0';
    }
    return result;
}

static int priority_init2(struct shim_library *library, gnutls_priority_t *cache,
                          const char *priorities, const char **error, unsigned flags)
{
    int result = INSIDE(REAL(library, gnutls_priority_init2)(cache, priorities, error, flags));
    if (result >= 0 && depth == 0) {
        gnutls_note_cache(*cache, priorities, flags);
    }
    return result;
}

static int priority_init(struct shim_library *library, gnutls_priority_t *cache,
                         const char *priorities, const char **error)
{
    int result = INSIDE(REAL(library, gnutls_priority_init)(cache, priorities, error));
    if (result >= 0 && depth == 0) {
        gnutls_note_cache(*cache, priorities, 0);
    }
    return result;
}

static void priority_deinit(struct shim_library *library, gnutls_priority_t cache)
{
    if (depth == 0) {
        gnutls_forget_cache(cache);
    }
    REAL(library, gnutls_priority_deinit)(cache);
}

static int priority_set(struct shim_library *library, gnutls_session_t session,
                        gnutls_priority_t priority)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    int result = INSIDE(REAL(library, gnutls_priority_set)(session, priority));
    if (result >= 0 && connection != NULL) {
        gnutls_use_cache(connection, priority);
    }
    return result;
}

static int priority_set_direct(struct shim_library *library, gnutls_session_t session,
                               const char *priorities, const char **error)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    int result = INSIDE(REAL(library, gnutls_priority_set_direct)(session, priorities, error));
    if (result >= 0 && connection != NULL) {
        (void)gnutls_use_priorities(connection, priorities, 0);
    }
    return result;
}

static int set_default_priority(struct shim_library *library, gnutls_session_t session)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    int result = INSIDE(REAL(library, gnutls_set_default_priority)(session));
    if (result >= 0 && connection != NULL) {
        (void)gnutls_use_priorities(connection, NULL, 0);
    }
    return result;
}

static int set_default_priority_append(struct shim_library *library, gnutls_session_t session,
                                       const char *appended, const char **error, unsigned flags)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    int result =
        INSIDE(REAL(library, gnutls_set_default_priority_append)(session, appended, error, flags));
    if (result >= 0 && connection != NULL) {
        (void)gnutls_use_priorities(connection, appended, flags | GNUTLS_PRIORITY_INIT_DEF_APPEND);
    }
    return result;
}

/*
 * A pull that has to push first (a retry on a connection that is still being made) ends in "later":
 * the application has to wait until it can write, or it waits for ever.
 */
static int record_get_direction(struct shim_library *library, gnutls_session_t session)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    if (connection != NULL && connection->phase == GNUTLS_STARTED &&
        ech_exchange_to_net(shim_session_exchange(connection->shim)).len > 0) {
        return 1;
    }
    return REAL(library, gnutls_record_get_direction)(session);
}

/* Held back until it is decided whether it may be used. */
static int session_set_data(struct shim_library *library, gnutls_session_t session,
                            const void *data, size_t size)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    if (connection == NULL || connection->phase != GNUTLS_IDLE || data == NULL || size == 0 ||
        size > UINT32_MAX) {
        return REAL(library, gnutls_session_set_data)(session, data, size);
    }
    unsigned char *copy = malloc(size);
    if (copy == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    memcpy(copy, data, size);
    if (connection->session_data.data != NULL) {
        ech_wipe(connection->session_data.data, connection->session_data.size);
        free(connection->session_data.data);
    }
    connection->session_data = (gnutls_datum_t){.data = copy, .size = (unsigned)size};
    return GNUTLS_E_SUCCESS;
}

static void handshake_set_read_function(struct shim_library *library, gnutls_session_t session,
                                        gnutls_handshake_read_func read)
{
    struct gnutls_connection *connection = ours(library->engine_data, session);
    if (connection != NULL) {
        connection->quic = true; /* nothing goes over a transport of records */
    }
    REAL(library, gnutls_handshake_set_read_function)(session, read);
}

/* ---- the transport ---- */

/* Where a setter's value belongs: the defaults of a session in the making, or a session's own.
 * NULL: not ours. */
static struct gnutls_transport *transport_of(struct shim_library *library, gnutls_session_t session,
                                             bool *set)
{
    *set = true;
    if (initialising != NULL) {
        return &initialising->defaults;
    }
    struct gnutls_connection *connection = ours(library->engine_data, session);
    if (connection == NULL) {
        return NULL;
    }
    connection->default_transport = false;
    *set = connection->phase != GNUTLS_STARTED; /* while the wrappers are in they stay */
    return &connection->own;
}

static void transport_set_push_function(struct shim_library *library, gnutls_session_t session,
                                        gnutls_push_func push)
{
    bool set;
    struct gnutls_transport *transport = transport_of(library, session, &set);
    if (transport != NULL) {
        transport->push = push;
        transport->vec_push = NULL;
    }
    if (set) {
        REAL(library, gnutls_transport_set_push_function)(session, push);
    }
}

static void transport_set_vec_push_function(struct shim_library *library, gnutls_session_t session,
                                            gnutls_vec_push_func vec_push)
{
    bool set;
    struct gnutls_transport *transport = transport_of(library, session, &set);
    if (transport != NULL) {
        transport->push = NULL;
        transport->vec_push = vec_push;
    }
    if (set) {
        REAL(library, gnutls_transport_set_vec_push_function)(session, vec_push);
    }
}

static void transport_set_pull_function(struct shim_library *library, gnutls_session_t session,
                                        gnutls_pull_func pull)
{
    bool set;
    struct gnutls_transport *transport = transport_of(library, session, &set);
    if (transport != NULL) {
        transport->pull = pull;
        gnutls_transport_pull_replaced(transport, library->engine_data);
    }
    if (set) {
        REAL(library, gnutls_transport_set_pull_function)(session, pull);
    }
}

static void transport_set_pull_timeout_function(struct shim_library *library,
                                                gnutls_session_t session,
                                                gnutls_pull_timeout_func pull_timeout)
{
    bool set;
    struct gnutls_transport *transport = transport_of(library, session, &set);
    if (transport != NULL) {
        transport->pull_timeout = pull_timeout;
    }
    if (set) {
        REAL(library, gnutls_transport_set_pull_timeout_function)(session, pull_timeout);
    }
}

/* ---- the handshake ---- */

static int send_inner_marker(gnutls_session_t session, gnutls_buffer_t buffer)
{
    (void)session;
    static const unsigned char inner_marker[] = {1}; /* RFC 9849, 5 */
    const struct gnutls_connection *connection = gnutls_connection_find(session);
    if (connection == NULL || connection->gnutls->gnutls_buffer_append_data(
                                  buffer, inner_marker, sizeof inner_marker) != GNUTLS_E_SUCCESS) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    return sizeof inner_marker;
}

/* HelloRetryRequest's confirmation was checked by the exchange. */
static int ignore_answer(gnutls_session_t session, const unsigned char *data, size_t length)
{
    (void)session, (void)data, (void)length;
    return GNUTLS_E_SUCCESS;
}

/* From now on the application's hello goes to the exchange, and only what that makes of it to the
 * network. */
static void stand_between(struct gnutls_connection *connection)
{
    gnutls_transport_wrap(connection);
    connection->phase = GNUTLS_STARTED;
}

/*
 * Makes the session's hello a ClientHelloInner. EncryptedExtensions
 * is not among the messages, so that an answer there is unsolicited (RFC 9849, 5).
 */
static bool arm(struct gnutls_connection *connection, gnutls_priority_t tls13_only)
{
    const struct gnutls *gnutls = connection->gnutls;
    unsigned flags = GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_HRR;
    if (gnutls->gnutls_priority_set(connection->session, tls13_only) != GNUTLS_E_SUCCESS ||
        gnutls->gnutls_session_ext_register(
            connection->session, "encrypted_client_hello", ENCRYPTED_CLIENT_HELLO, GNUTLS_EXT_TLS,
            ignore_answer, send_inner_marker, NULL, NULL, NULL, flags) != GNUTLS_E_SUCCESS) {
        return false;
    }
    if (connection->session_data.data != NULL &&
        gnutls_session_data_psk(connection, tls13_only) > 0) {
        (void)gnutls->gnutls_session_set_data(connection->session, connection->session_data.data,
                                              connection->session_data.size);
    }
    return true;
}

/* The application's own handshake, with the session data that was held back. */
static void pass(struct gnutls_connection *connection, enum gnutls_phase phase)
{
    connection->phase = phase;
    if (connection->session_data.data == NULL) {
        return;
    }
    /* Programs do not stop at data that cannot be used. */
    (void)connection->gnutls->gnutls_session_set_data(
        connection->session, connection->session_data.data, connection->session_data.size);
}

static int decide(struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    gnutls_priority_t tls13_only = connection->quic ? NULL : gnutls_tls13_only(connection);
    struct shim_session_facts facts = {
        .library = "gnutls",
        .server_name = connection->server_name,
        .fd = gnutls_transport_fd(connection),
        .quic = connection->quic,
        .library_supported = !connection->priorities_unknown,
        .tls13 = tls13_only != NULL,
        .floor = ECH_FLOOR_GNUTLS,
    };
    int result = GNUTLS_E_SUCCESS;
    bool armed = false;
    enum shim_action action = shim_session_begin(&connection->shim, &facts);
    switch (action) {
    case SHIM_ACTION_OFFER:
    case SHIM_ACTION_REFUSE:
        if (connection->shim != NULL && !connection->quic) {
            armed = action == SHIM_ACTION_REFUSE || arm(connection, tls13_only);
        }
        if (armed) {
            stand_between(connection);
        } else {
            shim_session_free(connection->shim);
            connection->shim = NULL;
            result = GNUTLS_E_INTERNAL_ERROR;
        }
        break;
    case SHIM_ACTION_GREASE:
        pass(connection, tls13_only != NULL && gnutls_grease_arm(connection, tls13_only)
                             ? GNUTLS_GREASE
                             : GNUTLS_PASS);
        break;
    default:
        pass(connection, GNUTLS_PASS);
        break;
    }
    if (tls13_only != NULL) {
        gnutls->gnutls_priority_deinit(tls13_only);
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
        return connection->taken == 0 &&
               ech_exchange_drained(shim_session_exchange(connection->shim));
    default:
        return false;
    }
}

/* Out of the data path, if it is over. */
static void step_out(struct gnutls_connection *connection, int result)
{
    if (!is_over(connection, result)) {
        return;
    }
    if (connection->phase == GNUTLS_STARTED) {
        gnutls_transport_unwrap(connection);
    }
    connection->phase = GNUTLS_DONE;
    shim_session_free(connection->shim);
    connection->shim = NULL;
}

static int handshake(struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls *gnutls = gnutls_of(library);
    if ((gnutls == NULL || !gnutls->supported) &&
        shim_engine_state()->settings.mode == SHIM_MODE_STRICT) {
        return GNUTLS_E_INTERNAL_ERROR; /* not in gnutls_init: programs do not look at its result */
    }
    struct gnutls_connection *connection = ours(gnutls, session);
    if (connection == NULL || connection->phase == GNUTLS_PASS ||
        connection->phase == GNUTLS_DONE) {
        return REAL(library, gnutls_handshake)(session);
    }
    int saved = errno;
    if (connection->phase == GNUTLS_IDLE) {
        depth++;
        int result = decide(connection);
        depth--;
        if (result != GNUTLS_E_SUCCESS) {
            errno = saved;
            return result;
        }
    }
    errno = saved;
    /* Only wrappers ask whose handshake it is. */
    struct gnutls_connection *outer =
        gnutls_transport_enter(connection->phase == GNUTLS_STARTED ? connection : NULL);
    gnutls_session_t outer_session = shaking_hands;
    shaking_hands = session;
    int result = REAL(library, gnutls_handshake)(session);
    shaking_hands = outer_session;
    (void)gnutls_transport_enter(outer);
    saved = errno;
    depth++;
    step_out(connection, result);
    depth--;
    errno = saved;
    return result;
}

void shim_gnutls_fill(struct shim_engine *engine)
{
    engine->gnutls_init = init;
    engine->gnutls_deinit = deinit;
    engine->gnutls_handshake = handshake;
    engine->gnutls_server_name_set = server_name_set;
    engine->gnutls_priority_init = priority_init;
    engine->gnutls_priority_init2 = priority_init2;
    engine->gnutls_priority_deinit = priority_deinit;
    engine->gnutls_priority_set = priority_set;
    engine->gnutls_priority_set_direct = priority_set_direct;
    engine->gnutls_set_default_priority = set_default_priority;
    engine->gnutls_set_default_priority_append = set_default_priority_append;
    engine->gnutls_record_get_direction = record_get_direction;
    engine->gnutls_session_set_data = session_set_data;
    engine->gnutls_transport_set_push_function = transport_set_push_function;
    engine->gnutls_transport_set_vec_push_function = transport_set_vec_push_function;
    engine->gnutls_transport_set_pull_function = transport_set_pull_function;
    engine->gnutls_transport_set_pull_timeout_function = transport_set_pull_timeout_function;
    engine->gnutls_handshake_set_read_function = handshake_set_read_function;
}
