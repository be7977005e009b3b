/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exported functions of GnuTLS (hooks_openssl.c says what an exported function does).
 */
#include "shim/stub/guard.h"
#include "shim/stub/library.h"

/* The session among the arguments of a hook: the first one, or none. */
#define FIRST(first, ...) first
#define SESSION(...) SESSION_IN(FIRST(__VA_ARGS__, ))
#define SESSION_IN(first) _Generic((first), gnutls_session_t : (first), default : NULL)

/* The engine calls the real function; without an engine we call it. */
#define GNUTLS_HOOK_IF(of_interest, name, missing, ...)                                            \
    struct shim_library *library = stub_library(SHIM_HOOK_##name, SESSION(__VA_ARGS__), CALLER);   \
    if (library == NULL || library->fn[SHIM_HOOK_##name] == NULL) {                                \
        PASS_ON(name, missing, __VA_ARGS__);                                                       \
    }                                                                                              \
    const struct shim_engine *engine = stub_engine_if_loaded();                                    \
    if (engine != NULL && (of_interest)) {                                                         \
        return engine->name(library, __VA_ARGS__);                                                 \
    }                                                                                              \
    return REAL(library, name)(__VA_ARGS__)

#define GNUTLS_HOOK(name, missing, ...) GNUTLS_HOOK_IF(true, name, missing, __VA_ARGS__)

/* On Debian the library's own calls pass here too. They are not the application's. */
#define GNUTLS_OUTER_HOOK(name, missing, ...)                                                      \
    GNUTLS_HOOK_IF(!stub_library_calls(library, CALLER), name, missing, __VA_ARGS__)

SHIM_EXPORT int gnutls_init(gnutls_session_t *session, unsigned int flags)
{
    if ((flags & GNUTLS_CLIENT) != 0) {
        (void)stub_engine();
    }
    GNUTLS_OUTER_HOOK(gnutls_init, GNUTLS_E_UNIMPLEMENTED_FEATURE, session, flags);
}

SHIM_EXPORT void gnutls_deinit(gnutls_session_t session)
{
    GNUTLS_OUTER_HOOK(gnutls_deinit, , session);
}

/* Refuse here, not in gnutls_init: some programs (wget) ignore the result of that. */
SHIM_EXPORT int gnutls_handshake(gnutls_session_t session)
{
    if (stub_must_refuse()) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    GNUTLS_HOOK(gnutls_handshake, GNUTLS_E_UNIMPLEMENTED_FEATURE, session);
}

SHIM_EXPORT int gnutls_server_name_set(gnutls_session_t session, gnutls_server_name_type_t type,
                                       const void *name, size_t name_length)
{
    GNUTLS_OUTER_HOOK(gnutls_server_name_set, GNUTLS_E_UNIMPLEMENTED_FEATURE, session, type, name,
                      name_length);
}

SHIM_EXPORT int gnutls_alpn_set_protocols(gnutls_session_t session, const gnutls_datum_t *protocols,
                                          unsigned count, unsigned flags)
{
    GNUTLS_OUTER_HOOK(gnutls_alpn_set_protocols, GNUTLS_E_UNIMPLEMENTED_FEATURE, session, protocols,
                      count, flags);
}

/* A program may make a priority cache before its first session. The cache decides about TLS 1.3, so
 * the engine must see it. */
SHIM_EXPORT int gnutls_priority_init(gnutls_priority_t *cache, const char *priorities,
                                     const char **error_position)
{
    (void)stub_engine();
    GNUTLS_OUTER_HOOK(gnutls_priority_init, GNUTLS_E_UNIMPLEMENTED_FEATURE, cache, priorities,
                      error_position);
}

SHIM_EXPORT int gnutls_priority_init2(gnutls_priority_t *cache, const char *priorities,
                                      const char **error_position, unsigned flags)
{
    (void)stub_engine();
    GNUTLS_OUTER_HOOK(gnutls_priority_init2, GNUTLS_E_UNIMPLEMENTED_FEATURE, cache, priorities,
                      error_position, flags);
}

SHIM_EXPORT void gnutls_priority_deinit(gnutls_priority_t cache)
{
    GNUTLS_OUTER_HOOK(gnutls_priority_deinit, , cache);
}

SHIM_EXPORT int gnutls_priority_set(gnutls_session_t session, gnutls_priority_t priority)
{
    GNUTLS_OUTER_HOOK(gnutls_priority_set, GNUTLS_E_UNIMPLEMENTED_FEATURE, session, priority);
}

SHIM_EXPORT int gnutls_priority_set_direct(gnutls_session_t session, const char *priorities,
                                           const char **error_position)
{
    GNUTLS_OUTER_HOOK(gnutls_priority_set_direct, GNUTLS_E_UNIMPLEMENTED_FEATURE, session,
                      priorities, error_position);
}

SHIM_EXPORT int gnutls_set_default_priority(gnutls_session_t session)
{
    GNUTLS_OUTER_HOOK(gnutls_set_default_priority, GNUTLS_E_UNIMPLEMENTED_FEATURE, session);
}

SHIM_EXPORT int gnutls_set_default_priority_append(gnutls_session_t session, const char *add_prio,
                                                   const char **err_pos, unsigned flags)
{
    GNUTLS_OUTER_HOOK(gnutls_set_default_priority_append, GNUTLS_E_UNIMPLEMENTED_FEATURE, session,
                      add_prio, err_pos, flags);
}

SHIM_EXPORT void gnutls_session_enable_compatibility_mode(gnutls_session_t session)
{
    GNUTLS_OUTER_HOOK(gnutls_session_enable_compatibility_mode, , session);
}

/* Requests to a proxy that is reached by TLS travel inside that TLS. */
#define GNUTLS_SENDS(name, ...)                                                                    \
    struct shim_library *library = stub_library(SHIM_HOOK_##name, session, CALLER);                \
    if (library == NULL || library->fn[SHIM_HOOK_##name] == NULL) {                                \
        PASS_ON(name, GNUTLS_E_UNIMPLEMENTED_FEATURE, __VA_ARGS__);                                \
    }                                                                                              \
    stub_tunnel_inside_tls(session, data, size);                                                   \
    return REAL(library, name)(__VA_ARGS__)

SHIM_EXPORT ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t size)
{
    GNUTLS_SENDS(gnutls_record_send, session, data, size);
}

SHIM_EXPORT ssize_t gnutls_record_send2(gnutls_session_t session, const void *data, size_t size,
                                        size_t pad, unsigned flags)
{
    GNUTLS_SENDS(gnutls_record_send2, session, data, size, pad, flags);
}

SHIM_EXPORT int gnutls_record_get_direction(gnutls_session_t session)
{
    GNUTLS_HOOK(gnutls_record_get_direction, GNUTLS_E_UNIMPLEMENTED_FEATURE, session);
}

/* The extension's functions run while the hello is built, and may still change it. */
SHIM_EXPORT int gnutls_session_ext_register(gnutls_session_t session, const char *name, int id,
                                            gnutls_ext_parse_type_t parse_point,
                                            gnutls_ext_recv_func recv_func,
                                            gnutls_ext_send_func send_func,
                                            gnutls_ext_deinit_data_func deinit_func,
                                            gnutls_ext_pack_func pack_func,
                                            gnutls_ext_unpack_func unpack_func, unsigned flags)
{
    GNUTLS_HOOK(gnutls_session_ext_register, GNUTLS_E_UNIMPLEMENTED_FEATURE, session, name, id,
                parse_point, recv_func, send_func, deinit_func, pack_func, unpack_func, flags);
}

SHIM_EXPORT int gnutls_session_set_data(gnutls_session_t session, const void *data, size_t size)
{
    GNUTLS_OUTER_HOOK(gnutls_session_set_data, GNUTLS_E_UNIMPLEMENTED_FEATURE, session, data, size);
}

SHIM_EXPORT void gnutls_transport_set_push_function(gnutls_session_t session, gnutls_push_func push)
{
    GNUTLS_HOOK(gnutls_transport_set_push_function, , session, push);
}

SHIM_EXPORT void gnutls_transport_set_vec_push_function(gnutls_session_t session,
                                                        gnutls_vec_push_func vec_push)
{
    GNUTLS_HOOK(gnutls_transport_set_vec_push_function, , session, vec_push);
}

SHIM_EXPORT void gnutls_transport_set_pull_function(gnutls_session_t session, gnutls_pull_func pull)
{
    GNUTLS_HOOK(gnutls_transport_set_pull_function, , session, pull);
}

SHIM_EXPORT void gnutls_transport_set_pull_timeout_function(gnutls_session_t session,
                                                            gnutls_pull_timeout_func pull_timeout)
{
    GNUTLS_HOOK(gnutls_transport_set_pull_timeout_function, , session, pull_timeout);
}

SHIM_EXPORT void gnutls_transport_set_errno_function(gnutls_session_t session,
                                                     gnutls_errno_func errno_func)
{
    GNUTLS_HOOK(gnutls_transport_set_errno_function, , session, errno_func);
}

SHIM_EXPORT void gnutls_transport_set_errno(gnutls_session_t session, int err)
{
    GNUTLS_HOOK(gnutls_transport_set_errno, , session, err);
}

SHIM_EXPORT void gnutls_transport_set_ptr(gnutls_session_t session, gnutls_transport_ptr_t ptr)
{
    GNUTLS_HOOK(gnutls_transport_set_ptr, , session, ptr);
}

SHIM_EXPORT void gnutls_transport_set_ptr2(gnutls_session_t session,
                                           gnutls_transport_ptr_t recv_ptr,
                                           gnutls_transport_ptr_t send_ptr)
{
    GNUTLS_HOOK(gnutls_transport_set_ptr2, , session, recv_ptr, send_ptr);
}

SHIM_EXPORT void gnutls_transport_set_int2(gnutls_session_t session, int recv_int, int send_int)
{
    GNUTLS_HOOK(gnutls_transport_set_int2, , session, recv_int, send_int);
}

SHIM_EXPORT gnutls_transport_ptr_t gnutls_transport_get_ptr(gnutls_session_t session)
{
    GNUTLS_HOOK(gnutls_transport_get_ptr, NULL, session);
}

SHIM_EXPORT void gnutls_transport_get_ptr2(gnutls_session_t session,
                                           gnutls_transport_ptr_t *recv_ptr,
                                           gnutls_transport_ptr_t *send_ptr)
{
    GNUTLS_HOOK(gnutls_transport_get_ptr2, , session, recv_ptr, send_ptr);
}

SHIM_EXPORT int gnutls_transport_get_int(gnutls_session_t session)
{
    GNUTLS_HOOK(gnutls_transport_get_int, -1, session);
}

SHIM_EXPORT void gnutls_transport_get_int2(gnutls_session_t session, int *recv_int, int *send_int)
{
    GNUTLS_HOOK(gnutls_transport_get_int2, , session, recv_int, send_int);
}

SHIM_EXPORT void gnutls_handshake_set_read_function(gnutls_session_t session,
                                                    gnutls_handshake_read_func read)
{
    GNUTLS_HOOK(gnutls_handshake_set_read_function, , session, read);
}
