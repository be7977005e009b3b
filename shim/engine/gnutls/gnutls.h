/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to the GnuTLS adapter: the functions of the application's libgnutls and the state of one
 * client session.
 */
#ifndef SHIM_ENGINE_GNUTLS_GNUTLS_H
#define SHIM_ENGINE_GNUTLS_GNUTLS_H

#include <gnutls/gnutls.h>

#include "shim/common/abi.h"
#include "shim/engine/session/session.h"

enum { ENCRYPTED_CLIENT_HELLO = 0xfe0d };

/* What we call of the application's libgnutls: never by linkage, for some of these are the stub's
 * hooks. */
#define SHIM_GNUTLS_FUNCTIONS(F)                                                                   \
    F(gnutls_buffer_append_data)                                                                   \
    F(gnutls_certificate_allocate_credentials)                                                     \
    F(gnutls_certificate_free_credentials)                                                         \
    F(gnutls_credentials_get)                                                                      \
    F(gnutls_credentials_set)                                                                      \
    F(gnutls_deinit)                                                                               \
    F(gnutls_ext_get_current_msg)                                                                  \
    F(gnutls_handshake)                                                                            \
    F(gnutls_handshake_set_read_function)                                                          \
    F(gnutls_idna_map)                                                                             \
    F(gnutls_init)                                                                                 \
    F(gnutls_priority_deinit)                                                                      \
    F(gnutls_priority_group_list)                                                                  \
    F(gnutls_priority_init)                                                                        \
    F(gnutls_priority_init2)                                                                       \
    F(gnutls_priority_protocol_list)                                                               \
    F(gnutls_priority_set)                                                                         \
    F(gnutls_priority_set_direct)                                                                  \
    F(gnutls_record_get_max_early_data_size)                                                       \
    F(gnutls_server_name_set)                                                                      \
    F(gnutls_session_get_random)                                                                   \
    F(gnutls_session_ext_register)                                                                 \
    F(gnutls_session_set_data)                                                                     \
    F(gnutls_set_default_priority)                                                                 \
    F(gnutls_set_default_priority_append)                                                          \
    F(gnutls_system_recv_timeout)                                                                  \
    F(gnutls_transport_get_ptr2)                                                                   \
    F(gnutls_transport_set_errno)                                                                  \
    F(gnutls_transport_set_errno_function)                                                         \
    F(gnutls_transport_set_ptr)                                                                    \
    F(gnutls_transport_set_ptr2)                                                                   \
    F(gnutls_transport_set_pull_function)                                                          \
    F(gnutls_transport_set_pull_timeout_function)                                                  \
    F(gnutls_transport_set_push_function)                                                          \
    F(gnutls_transport_set_vec_push_function)

struct gnutls {
    struct shim_library *library;
    bool supported; /* false: some function is missing, and nothing below may be used */
    gnutls_free_function *free_function; /* where the library keeps the one that it has now */
#define F(name) __typeof__(&name) name;
    SHIM_GNUTLS_FUNCTIONS(F)
#undef F
};

enum gnutls_phase {
    GNUTLS_IDLE,   /* nothing decided */
    GNUTLS_OPEN,   /* nothing decided either; the decision is made while the hello is built, and the
                      wrappers let nothing leave before */
    GNUTLS_PASS,   /* decided: the application's own hello */
    GNUTLS_GREASE, /* decided: the application's own hello with GREASE ECH; shim is set */
    GNUTLS_STARTED, /* the wrappers are in, the hello is being made or gone */
    GNUTLS_DONE,    /* the exchange was accepted and the wrappers are out, or GREASE is over */
};

/* The functions that move octets, and what they are called with; any function may be NULL. */
struct gnutls_transport {
    gnutls_push_func push;
    gnutls_vec_push_func vec_push;
    gnutls_pull_func pull;
    gnutls_pull_timeout_func pull_timeout;
    gnutls_errno_func error_number;
    gnutls_transport_ptr_t receive; /* these two only while the wrappers are in: else the session */
    gnutls_transport_ptr_t send;    /* has them */
};

struct gnutls_connection;

/* What the transport functions call while a hello is made. */
struct gnutls_hello_events {
    /* gnutls_decide */
    int (*decide)(struct gnutls_connection *connection);
    /* GnuTLS has made a hello for the exchange. */
    void (*built)(struct gnutls_connection *connection);
};

/* One client session. */
struct gnutls_connection {
    gnutls_session_t handle;
    const struct gnutls *gnutls;
    uint64_t serial;           /* no other connection ever had it */
    unsigned flags;            /* of gnutls_init */
    char server_name[256];     /* as the hello will have it, with its NUL; "" for none */
    char *priorities;          /* NULL: the default */
    unsigned priorities_flags; /* for gnutls_priority_init2 */
    bool priorities_set;       /* GnuTLS makes no hello without */
    bool priorities_unknown;   /* a cache that we did not see being made */
    bool quic;
    bool extensions;             /* the application has some of its own: their functions run while
                                    the hello is built, and may set anything */
    bool extension_ours;         /* encrypted_client_hello is registered */
    bool narrow_late;            /* the cipher suites are written before the priorities are those of
                                    ClientHelloInner */
    gnutls_datum_t session_data; /* of the last gnutls_session_set_data */
    bool session_data_held;      /* GnuTLS has not got them yet */
    struct gnutls_transport own; /* the application's, or GnuTLS's defaults */
    bool default_transport;      /* the application set no function: the transport pointer is a
                                    descriptor */
    bool wrapped;                /* our functions are in the place of the application's */
    int transport_errno;         /* of the last gnutls_transport_set_errno */
    enum gnutls_phase phase;
    const struct gnutls_hello_events *hello;
    struct shim_session *session;
    struct ech_grease_shape grease_shape;
    size_t taken; /* octets of a push that were taken before the transport said "later" */
};

/* The table of a library, made at the first call; NULL for want of memory. Look at `supported`. */
const struct gnutls *gnutls_of(struct shim_library *library);
/* The connection of a client session, or NULL: a server's, or one made before we were there. */
struct gnutls_connection *gnutls_connection_find(gnutls_session_t session);
/* The connection of a session in a library that we know; NULL: not ours. */
struct gnutls_connection *gnutls_ours(struct shim_library *library, gnutls_session_t session);
/* False for want of memory. */
ECH_MUST_USE bool gnutls_connection_add(struct gnutls_connection *connection);
/* Takes it out and returns it, or NULL. */
struct gnutls_connection *gnutls_connection_take(gnutls_session_t session);
void gnutls_connection_free(struct gnutls_connection *connection);
/*
 * The application was called: is the connection still there, with its exchange? Its functions may
 * end the session, and another one may get the same address.
 */
bool gnutls_connection_stays(gnutls_session_t session, uint64_t serial);

/* As in struct shim_tls_adapter. */
void gnutls_before_fork(void);
void gnutls_after_fork(void);

/* ---- priority.c: a priority cache's string is noted, for there is no call that gives it
 * back ---- */

void gnutls_note_cache(gnutls_priority_t cache, const char *priorities, unsigned flags);
void gnutls_forget_cache(gnutls_priority_t cache);
/* Copies what is known of a cache into the connection. */
void gnutls_use_cache(struct gnutls_connection *connection, gnutls_priority_t cache);
/* Sets the connection's priorities by their string; NULL is the default. False for want of memory:
 * they are unknown then. */
bool gnutls_use_priorities(struct gnutls_connection *connection, const char *priorities,
                           unsigned flags);
/*
 * The application's priorities narrowed to TLS 1.3, or NULL if they are unknown or do not hold it.
 * The caller ends it with gnutls_priority_deinit.
 */
gnutls_priority_t gnutls_tls13_only(const struct gnutls_connection *connection);

/* The session's own priorities with extensions that keep their order, which real ECH asks for too;
 * versions that never shuffle do not know the word. NULL if they are unknown. The caller frees it.
 */
gnutls_priority_t gnutls_own_in_order(const struct gnutls_connection *connection);

/* ---- transport.c ---- */

/* Puts our functions in the place of the application's, and the other way round. While they are in,
 * GnuTLS has the session as its transport pointer. */
void gnutls_transport_wrap(struct gnutls_connection *connection);
void gnutls_transport_unwrap(struct gnutls_connection *connection);
/* What GnuTLS itself would use. */
void gnutls_transport_complete(struct gnutls_transport *transport, unsigned flags);
/* The application set a pull function: GnuTLS's own waiting function does not go with it. */
void gnutls_transport_pull_replaced(struct gnutls_transport *transport,
                                    const struct gnutls *gnutls);
/* The functions that go with the application's own while the wrappers are in. */
void gnutls_transport_wrap_waiting(const struct gnutls_connection *connection);
void gnutls_transport_wrap_error_number(const struct gnutls_connection *connection);
/* The transport pointers as the application set them. */
void gnutls_transport_pointers(const struct gnutls_connection *connection,
                               gnutls_transport_ptr_t *receive, gnutls_transport_ptr_t *send);
/* The descriptor of the transport, or -1 if it hides it. */
int gnutls_transport_fd(const struct gnutls_connection *connection);

/* ---- resume.c ---- */

/* What session data are, by a session that is thrown away. */
enum gnutls_session_data {
    GNUTLS_SESSION_UNUSABLE, /* gnutls_session_set_data fails with them */
    GNUTLS_SESSION_TLS12,    /* or below, or without a ticket */
    GNUTLS_SESSION_TLS13,
};
enum gnutls_session_data gnutls_session_data_kind(const struct gnutls *gnutls, const void *data,
                                                  size_t size);
/*
 * The octets of the pre_shared_key extension, header and all, that the session data give; 0 if they
 * are not of TLS 1.3. They are tried on a session that is thrown away.
 */
size_t gnutls_session_data_psk(const struct gnutls_connection *connection,
                               gnutls_priority_t tls13_only);

/* ---- hello.c ---- */

/*
 * What becomes of the hello. Called before GnuTLS builds it, or while it does. An error of GnuTLS's
 * if no handshake is possible.
 */
int gnutls_decide(struct gnutls_connection *connection);
/* Registers the extension encrypted_client_hello, once. */
bool gnutls_extension_add(struct gnutls_connection *connection);
extern const struct gnutls_hello_events gnutls_hello_events;
/* Sets the priorities of ClientHelloInner; also after the application set other ones. False for
 * want of memory, or where these hold no TLS 1.3. */
bool gnutls_narrow(const struct gnutls_connection *connection);

/* ---- the hooks ---- */

#define GNUTLS_REAL(library, name) ((__typeof__(&name))(library)->fn[SHIM_HOOK_##name])
void shim_gnutls_fill_settings(struct shim_engine *engine);
void shim_gnutls_fill_transport(struct shim_engine *engine);

/* ---- grease.c ---- */

/* What the extension of GREASE ECH has to be like; then the order of extensions is as with real
 * ECH. */
void gnutls_grease_arm(struct gnutls_connection *connection, gnutls_priority_t tls13_only);
/* Appends its data to the hello; the result is that of an extension's function. */
int gnutls_grease_send(const struct gnutls_connection *connection, gnutls_buffer_t buffer);
/* What the server says to it. */
int gnutls_grease_judge(const struct gnutls_connection *connection, struct bytes answer);

#endif
