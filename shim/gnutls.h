/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to the GnuTLS adapter: the functions of the application's libgnutls and the state of one
 * client session.
 */
#ifndef SHIM_GNUTLS_H
#define SHIM_GNUTLS_H

#include <gnutls/gnutls.h>

#include "shim/abi.h"
#include "shim/session.h"

enum { ENCRYPTED_CLIENT_HELLO = 0xfe0d };

/* What we call of the application's libgnutls: never by linkage, for some of these are the stub's
 * hooks. */
#define SHIM_GNUTLS_FUNCTIONS(F)                                                                   \
    F(gnutls_buffer_append_data)                                                                   \
    F(gnutls_certificate_allocate_credentials)                                                     \
    F(gnutls_certificate_free_credentials)                                                         \
    F(gnutls_credentials_set)                                                                      \
    F(gnutls_deinit)                                                                               \
    F(gnutls_ext_get_current_msg)                                                                  \
    F(gnutls_handshake)                                                                            \
    F(gnutls_handshake_set_read_function)                                                          \
    F(gnutls_init)                                                                                 \
    F(gnutls_priority_deinit)                                                                      \
    F(gnutls_priority_group_list)                                                                  \
    F(gnutls_priority_init)                                                                        \
    F(gnutls_priority_init2)                                                                       \
    F(gnutls_priority_protocol_list)                                                               \
    F(gnutls_priority_set)                                                                         \
    F(gnutls_priority_set_direct)                                                                  \
    F(gnutls_server_name_set)                                                                      \
    F(gnutls_session_ext_register)                                                                 \
    F(gnutls_session_set_data)                                                                     \
    F(gnutls_set_default_priority)                                                                 \
    F(gnutls_set_default_priority_append)                                                          \
    F(gnutls_system_recv_timeout)                                                                  \
    F(gnutls_transport_get_ptr2)                                                                   \
    F(gnutls_transport_set_ptr)                                                                    \
    F(gnutls_transport_set_pull_function)                                                          \
    F(gnutls_transport_set_pull_timeout_function)                                                  \
    F(gnutls_transport_set_push_function)                                                          \
    F(gnutls_transport_set_vec_push_function)

struct gnutls {
    struct shim_library *library;
    bool supported; /* false: some function is missing, and nothing below may be used */
#define F(name) __typeof__(&name) name;
    SHIM_GNUTLS_FUNCTIONS(F)
#undef F
};

enum gnutls_phase {
    GNUTLS_IDLE,    /* nothing decided */
    GNUTLS_PASS,    /* decided: the application's own hello */
    GNUTLS_GREASE,  /* decided: the application's own hello with GREASE ECH; shim is set */
    GNUTLS_STARTED, /* the wrappers are in, the hello is being made or gone */
    GNUTLS_DONE,    /* the exchange was accepted and the wrappers are out, or GREASE is over */
};

/* The functions that move octets; any of them may be NULL. */
struct gnutls_transport {
    gnutls_push_func push;
    gnutls_vec_push_func vec_push;
    gnutls_pull_func pull;
    gnutls_pull_timeout_func pull_timeout;
};

/* One client session. */
struct gnutls_connection {
    gnutls_session_t session;
    const struct gnutls *gnutls;
    struct gnutls_connection *next; /* in its bucket */
    unsigned flags;                 /* of gnutls_init */
    char server_name[256];          /* with its NUL; "" for none */
    char *priorities;               /* NULL: the default */
    unsigned priorities_flags;      /* for gnutls_priority_init2 */
    bool priorities_unknown;        /* a cache that we did not see being made */
    bool quic;
    gnutls_datum_t session_data; /* held back until the decision */
    struct gnutls_transport own; /* the application's, or GnuTLS's defaults */
    bool default_transport;      /* the application set no function: the transport pointer is a
                                    descriptor */
    enum gnutls_phase phase;
    struct shim_session *shim;
    struct ech_grease_shape grease_shape;
    size_t taken; /* octets of a push that were taken before the transport said "later" */
};

/* The table of a library, made at the first call; NULL for want of memory. Look at `supported`. */
const struct gnutls *gnutls_of(struct shim_library *library);
/* The connection of a client session, or NULL: a server's, or one made before we were there. */
struct gnutls_connection *gnutls_connection_find(gnutls_session_t session);
void gnutls_connection_add(struct gnutls_connection *connection);
/* Takes it out and returns it, or NULL. */
struct gnutls_connection *gnutls_connection_take(gnutls_session_t session);
void gnutls_connection_free(struct gnutls_connection *connection);
/* The connection whose wrappers are in and whose transport pointer this is; NULL if there is none,
 * or more than one. */
struct gnutls_connection *gnutls_connection_of_transport(gnutls_transport_ptr_t pointer,
                                                         bool sending);

/* ---- gnutls_priority.c: a priority cache's string is noted, for there is no call that gives it
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
 * NULL for versions that never shuffle. The caller frees it. */
gnutls_priority_t gnutls_own_in_order(const struct gnutls_connection *connection);
/* Takes or gives back the lock of the notes, over a fork. */
void gnutls_cache_lock(bool take);

/* ---- gnutls_transport.c ---- */

/* Puts our functions in the place of the application's, and the other way round. */
void gnutls_transport_wrap(const struct gnutls_connection *connection);
void gnutls_transport_unwrap(const struct gnutls_connection *connection);
/* What GnuTLS itself would use, as far as it did not show us its own. */
void gnutls_transport_complete(struct gnutls_transport *transport, unsigned flags);
/* The application set a pull function: GnuTLS's own waiting function does not go with it. */
void gnutls_transport_pull_replaced(struct gnutls_transport *transport,
                                    const struct gnutls *gnutls);
/* The descriptor of the transport, or -1 if it hides it. */
int gnutls_transport_fd(const struct gnutls_connection *connection);
/* The connection whose handshake this thread is in; returns the one before. */
struct gnutls_connection *gnutls_transport_enter(struct gnutls_connection *connection);

/* ---- gnutls_resume.c ---- */

/*
 * The octets of the pre_shared_key extension, header and all, that the held session data gives; 0
 * if they are not of TLS 1.3. They are tried on a session that is thrown away.
 */
size_t gnutls_session_data_psk(const struct gnutls_connection *connection,
                               gnutls_priority_t tls13_only);

/* ---- gnutls_grease.c ---- */

/* Adds the GREASE extension to the session, before its session data are set. False: it cannot have
 * one. */
bool gnutls_grease_arm(struct gnutls_connection *connection, gnutls_priority_t tls13_only);

#endif
