/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notes what the application sets for its hello, for GnuTLS does not give it back. The stub lets
 * the library's own calls of these functions pass.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/engine/gnutls/gnutls.h"
#include "shim/engine/state/state.h"

/* ---- the server name ---- */

/* Notes the name as GnuTLS writes it, whatever its type: an internationalized name in its DNS form.
 * */
static void note_name(struct gnutls_connection *connection, const void *name, size_t length)
{
    const struct gnutls *gnutls = connection->gnutls;
    gnutls_datum_t mapped = {NULL, 0};
    connection->server_name[0] = '\0';
    if (length == 0 || gnutls->gnutls_idna_map(name, (unsigned)length, &mapped, 0) < 0) {
        return;
    }
    /* A name that does not fit, or holds a NUL, is no DNS name. */
    if (mapped.size < sizeof connection->server_name &&
        memchr(mapped.data, '\0', mapped.size) == NULL) {
        memcpy(connection->server_name, mapped.data, mapped.size);
        connection->server_name[mapped.size] = '\0';
    }
    (*gnutls->free_function)(mapped.data);
}

static int server_name_set(struct shim_library *library, gnutls_session_t session,
                           gnutls_server_name_type_t type, const void *name, size_t length)
{
    int result = GNUTLS_REAL(library, gnutls_server_name_set)(session, type, name, length);
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (result >= 0 && connection != NULL) {
        note_name(connection, name, length);
    } else if (result >= 0) {
        gnutls_foreign_name(session, name, length);
    }
    return result;
}

static int alpn_set_protocols(struct shim_library *library, gnutls_session_t session,
                              const gnutls_datum_t *protocols, unsigned count, unsigned flags)
{
    int result = GNUTLS_REAL(library, gnutls_alpn_set_protocols)(session, protocols, count, flags);
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (result >= 0 && connection != NULL) {
        connection->alpn = 0;
        for (unsigned i = 0; i < count; i++) {
            connection->alpn += 1 + protocols[i].size; /* RFC 7301, 3.1: with its length */
        }
    }
    return result;
}

static int session_ext_register(struct shim_library *library, gnutls_session_t session,
                                const char *name, int id, gnutls_ext_parse_type_t parse_point,
                                gnutls_ext_recv_func receive, gnutls_ext_send_func send,
                                gnutls_ext_deinit_data_func deinit, gnutls_ext_pack_func pack,
                                gnutls_ext_unpack_func unpack, unsigned flags)
{
    int result = GNUTLS_REAL(library, gnutls_session_ext_register)(
        session, name, id, parse_point, receive, send, deinit, pack, unpack, flags);
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (result >= 0 && connection != NULL) {
        connection->extensions = true;
    }
    return result;
}

/* ---- priorities ---- */

static int priority_init2(struct shim_library *library, gnutls_priority_t *cache,
                          const char *priorities, const char **error, unsigned flags)
{
    int result = GNUTLS_REAL(library, gnutls_priority_init2)(cache, priorities, error, flags);
    if (result >= 0) {
        gnutls_note_cache(*cache, priorities, flags);
    }
    return result;
}

static int priority_init(struct shim_library *library, gnutls_priority_t *cache,
                         const char *priorities, const char **error)
{
    int result = GNUTLS_REAL(library, gnutls_priority_init)(cache, priorities, error);
    if (result >= 0) {
        gnutls_note_cache(*cache, priorities, 0);
    }
    return result;
}

static void priority_deinit(struct shim_library *library, gnutls_priority_t cache)
{
    gnutls_forget_cache(cache);
    GNUTLS_REAL(library, gnutls_priority_deinit)(cache);
}

/* A hello that is made already may be followed by a second one, which needs them too. */
static void priorities_changed(struct gnutls_connection *connection)
{
    if (connection->phase == GNUTLS_STARTED && !connection->narrow_late) {
        (void)gnutls_narrow(connection);
    }
}

static int priority_set(struct shim_library *library, gnutls_session_t session,
                        gnutls_priority_t priority)
{
    int result = GNUTLS_REAL(library, gnutls_priority_set)(session, priority);
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (result >= 0 && connection != NULL) {
        gnutls_use_cache(connection, priority);
        priorities_changed(connection);
    }
    return result;
}

static int use_priorities(struct shim_library *library, gnutls_session_t session, int result,
                          const char *priorities, unsigned flags)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (result >= 0 && connection != NULL) {
        (void)gnutls_use_priorities(connection, priorities, flags);
        priorities_changed(connection);
    }
    return result;
}

static int priority_set_direct(struct shim_library *library, gnutls_session_t session,
                               const char *priorities, const char **error)
{
    /* gnutls_set_default_priority jumps here, so the caller does not tell which of two libraries it
     * is. */
    const struct gnutls_connection *connection = gnutls_connection_find(session);
    if (connection != NULL) {
        library = connection->gnutls->library;
    }
    int result = GNUTLS_REAL(library, gnutls_priority_set_direct)(session, priorities, error);
    return use_priorities(library, session, result, priorities, 0);
}

static int set_default_priority(struct shim_library *library, gnutls_session_t session)
{
    int result = GNUTLS_REAL(library, gnutls_set_default_priority)(session);
    return use_priorities(library, session, result, NULL, 0);
}

static int set_default_priority_append(struct shim_library *library, gnutls_session_t session,
                                       const char *appended, const char **error, unsigned flags)
{
    int result =
        GNUTLS_REAL(library, gnutls_set_default_priority_append)(session, appended, error, flags);
    return use_priorities(library, session, result, appended,
                          flags | GNUTLS_PRIORITY_INIT_DEF_APPEND);
}

/* Its effects last until priorities are set, and we set some for a hello. So it is noted, and
 * becomes a part of ours. */
static void session_enable_compatibility_mode(struct shim_library *library,
                                              gnutls_session_t session)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    GNUTLS_REAL(library, gnutls_session_enable_compatibility_mode)(session);
    if (connection != NULL) {
        connection->compatible = true;
        priorities_changed(connection);
    }
}

/* ---- the session to resume ---- */

static void forget_session_data(struct gnutls_connection *connection)
{
    if (connection->session_data.data != NULL) {
        ech_wipe(connection->session_data.data, connection->session_data.size);
        free(connection->session_data.data);
        connection->session_data = (gnutls_datum_t){NULL, 0};
    }
    connection->session_data_held = false;
}

/*
 * GnuTLS gets TLS 1.3 data at once: early data are written before the handshake, within the limit
 * in these data. Other data wait for the decision whether they may be used.
 */
static int session_set_data(struct shim_library *library, gnutls_session_t session,
                            const void *data, size_t size)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    bool late =
        connection == NULL || connection->phase == GNUTLS_PASS || connection->phase == GNUTLS_DONE;
    if (late || data == NULL || size == 0 || size > UINT32_MAX) {
        return GNUTLS_REAL(library, gnutls_session_set_data)(session, data, size);
    }
    unsigned char *copy = malloc(size);
    if (copy == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    enum gnutls_session_data kind = gnutls_session_data_kind(connection->gnutls, data, size);
    int result = kind == GNUTLS_SESSION_TLS12
                     ? GNUTLS_E_SUCCESS
                     : GNUTLS_REAL(library, gnutls_session_set_data)(session, data, size);
    if (result != GNUTLS_E_SUCCESS) {
        free(copy);
        return result;
    }
    forget_session_data(connection);
    memcpy(copy, data, size);
    connection->session_data = (gnutls_datum_t){.data = copy, .size = (unsigned)size};
    connection->session_data_held = kind == GNUTLS_SESSION_TLS12;
    return result;
}

static void handshake_set_read_function(struct shim_library *library, gnutls_session_t session,
                                        gnutls_handshake_read_func read)
{
    struct gnutls_connection *connection = gnutls_ours(library, session);
    if (connection != NULL) {
        connection->quic = true; /* no octets go over a transport of records */
    }
    GNUTLS_REAL(library, gnutls_handshake_set_read_function)(session, read);
}

void shim_gnutls_fill_settings(struct shim_engine *engine)
{
    engine->gnutls_server_name_set = server_name_set;
    engine->gnutls_alpn_set_protocols = alpn_set_protocols;
    engine->gnutls_session_ext_register = session_ext_register;
    engine->gnutls_priority_init = priority_init;
    engine->gnutls_priority_init2 = priority_init2;
    engine->gnutls_priority_deinit = priority_deinit;
    engine->gnutls_priority_set = priority_set;
    engine->gnutls_priority_set_direct = priority_set_direct;
    engine->gnutls_set_default_priority = set_default_priority;
    engine->gnutls_set_default_priority_append = set_default_priority_append;
    engine->gnutls_session_enable_compatibility_mode = session_enable_compatibility_mode;
    engine->gnutls_session_set_data = session_set_data;
    engine->gnutls_handshake_set_read_function = handshake_set_read_function;
}
