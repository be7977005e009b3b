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

/* The functions of the application's libgnutls that we call. Never by linkage, for some of these
 * names are hooks of the stub. */
#define SHIM_GNUTLS_FUNCTIONS(F)                                                                   \
    F(gnutls_buffer_append_data)                                                                   \
    F(gnutls_certificate_allocate_credentials)                                                     \
    F(gnutls_certificate_free_credentials)                                                         \
    F(gnutls_cipher_suite_info)                                                                    \
    F(gnutls_credentials_get)                                                                      \
    F(gnutls_credentials_set)                                                                      \
    F(gnutls_deinit)                                                                               \
    F(gnutls_ext_get_current_msg)                                                                  \
    F(gnutls_handshake)                                                                            \
    F(gnutls_handshake_set_read_function)                                                          \
    F(gnutls_idna_map)                                                                             \
    F(gnutls_init)                                                                                 \
    F(gnutls_priority_deinit)                                                                      \
    F(gnutls_priority_get_cipher_suite_index)                                                      \
    F(gnutls_priority_init)                                                                        \
    F(gnutls_priority_init2)                                                                       \
    F(gnutls_priority_protocol_list)                                                               \
    F(gnutls_priority_set)                                                                         \
    F(gnutls_priority_set_direct)                                                                  \
    F(gnutls_record_get_max_early_data_size)                                                       \
    F(gnutls_server_name_set)                                                                      \
    F(gnutls_session_enable_compatibility_mode)                                                    \
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

/* Of libhogweed and GMP, for keys.c. Their headers are for ech/crypto* alone, and the library of
 * the application may be of another version. A number of GMP has this form since GMP 1. */
struct gnutls_number {
    int allocated; /* limbs */
    int size;
    void *limbs;
};
typedef void gnutls_nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n);
typedef void gnutls_nettle_curve448_mul_g(uint8_t *q, const uint8_t *n);
typedef void gnutls_nettle_ecdsa_generate_keypair(void *pub, void *key, void *random_ctx,
                                                  void *random);
typedef void gnutls_nettle_ecc_point_get(const void *point, struct gnutls_number *x,
                                         struct gnutls_number *y);
typedef void gnutls_nettle_ecc_scalar_get(const void *scalar, struct gnutls_number *number);
typedef unsigned gnutls_nettle_ecc_bit_size(const void *curve);
typedef void gnutls___gmpz_init(struct gnutls_number *number);
typedef void gnutls___gmpz_clear(struct gnutls_number *number);
typedef void *gnutls___gmpz_export(void *out, size_t *count, int order, size_t size, int endian,
                                   size_t nails, const struct gnutls_number *number);
typedef size_t gnutls___gmpz_sizeinbase(const struct gnutls_number *number, int base);
#define SHIM_GNUTLS_KEY_FUNCTIONS(F)                                                               \
    F(__gmpz_clear)                                                                                \
    F(__gmpz_export)                                                                               \
    F(__gmpz_init)                                                                                 \
    F(__gmpz_sizeinbase)                                                                           \
    F(nettle_curve25519_mul_g)                                                                     \
    F(nettle_curve448_mul_g)                                                                       \
    F(nettle_ecc_bit_size)                                                                         \
    F(nettle_ecc_point_get)                                                                        \
    F(nettle_ecc_scalar_get)                                                                       \
    F(nettle_ecdsa_generate_keypair)

struct gnutls_keys {
    bool has_nist;                   /* all functions for the keys of NIST curves are there */
#define F(name) gnutls_##name *name; /* NULL: GnuTLS contains it, or has none */
    SHIM_GNUTLS_KEY_FUNCTIONS(F)
#undef F
};

struct gnutls {
    struct shim_library *library;
    struct gnutls_keys keys;
    bool supported;                      /* false: a function is missing, so use nothing below */
    gnutls_free_function *free_function; /* where the library keeps its present function */
#define F(name) __typeof__(&name) name;
    SHIM_GNUTLS_FUNCTIONS(F)
#undef F
};

enum gnutls_phase {
    GNUTLS_IDLE, /* not decided */
    GNUTLS_OPEN, /* not decided: that happens while the hello is built, and until then the wrappers
                    let nothing leave */
    GNUTLS_PASS, /* decided: the application's own hello */
    GNUTLS_GREASE,  /* decided: the application's own hello with GREASE ECH; session is set */
    GNUTLS_STARTED, /* the wrappers are in; the hello is being made, or has left */
    GNUTLS_DONE,    /* the exchange was accepted and the wrappers are out, or GREASE is over */
};

/* Functions that move octets, and their arguments. Any function may be NULL. */
struct gnutls_transport {
    gnutls_push_func push;
    gnutls_vec_push_func vec_push;
    gnutls_pull_func pull;
    gnutls_pull_timeout_func pull_timeout;
    gnutls_errno_func error_number;
    gnutls_transport_ptr_t receive; /* receive and send are set only while the wrappers are in */
    gnutls_transport_ptr_t send;
};

struct gnutls_connection;

/* The transport functions call these while a hello is made. */
struct gnutls_hello_events {
    /* gnutls_decide */
    int (*decide)(struct gnutls_connection *connection);
    /* GnuTLS has made a hello for the exchange. */
    void (*built)(struct gnutls_connection *connection);
};

/* The state of one client session. */
struct gnutls_connection {
    gnutls_session_t handle; /* GnuTLS's own session */
    const struct gnutls *gnutls;
    uint64_t serial;            /* differs from that of any other connection */
    unsigned flags;             /* of gnutls_init */
    char server_name[256];      /* with its NUL, as the hello will have it; "" for none */
    char *priorities;           /* NULL: the default */
    unsigned priorities_flags;  /* for gnutls_priority_init2 */
    bool priorities_set;        /* without any GnuTLS makes no hello */
    bool priorities_unknown;    /* set from a cache whose making we did not see */
    bool compatible;            /* compatibility mode was switched on since */
    bool priorities_ours;       /* GnuTLS has ours in the place of these */
    struct gnutls_lists *lists; /* of these priorities, or of earlier ones; NULL: not made yet */
    bool quic;
    bool extensions; /* the application registered extensions: their functions run while the hello
                        is built, and may change any setting */
    bool extension_ours; /* encrypted_client_hello is registered */
    bool narrow_late;    /* the cipher suites are written before the priorities are narrowed to
                            ClientHelloInner's */
    gnutls_datum_t session_data; /* from the last gnutls_session_set_data */
    bool session_data_held;      /* GnuTLS has not been given them yet */
    struct gnutls_transport own; /* the application's functions, or GnuTLS's defaults */
    bool default_transport;      /* the application set no function, so the transport pointer is a
                                    descriptor */
    bool wrapped;                /* our functions replace the application's */
    int transport_errno;         /* from the last gnutls_transport_set_errno */
    enum gnutls_phase phase;
    const struct gnutls_hello_events *hello;
    struct shim_session *session;
    size_t alpn;        /* octets of the ALPN list */
    size_t resumed_psk; /* octets of a GREASE hello's pre_shared_key for the session data */
    size_t taken; /* octets of a push that the exchange took before the transport said "later" */
};

/* The table of a library, made at the first call. Look at `supported`. NULL if there is no memory.
 */
const struct gnutls *gnutls_of(struct shim_library *library);
/* The connection of a client session. NULL: it is a server's, or older than we are. */
struct gnutls_connection *gnutls_connection_find(gnutls_session_t session);
/* The same, but NULL for a library that is not supported. */
struct gnutls_connection *gnutls_ours(struct shim_library *library, gnutls_session_t session);
/* The library of a client session, or NULL. */
struct shim_library *gnutls_library_of(gnutls_session_t session);
/* False if there is no memory. */
ECH_MUST_USE bool gnutls_connection_add(struct gnutls_connection *connection);
/* Takes the connection out of the table and returns it, or NULL. */
struct gnutls_connection *gnutls_connection_take(gnutls_session_t session);
void gnutls_connection_free(struct gnutls_connection *connection);
/*
 * After a function of the application has run: does the connection still exist, with its exchange?
 * The function may have ended the session, and a new one may have the same address.
 */
bool gnutls_connection_stays(gnutls_session_t session, uint64_t serial);

/* ---- foreign.c: libraries that are not supported ---- */

/* Notes the name that a client session will send. */
void gnutls_foreign_name(gnutls_session_t session, const void *name, size_t length);
/* Reports a handshake. False: it must fail. */
bool gnutls_foreign_allows(const struct shim_library *library, gnutls_session_t session);

/* See struct shim_tls_adapter. */
void gnutls_before_fork(void);
void gnutls_after_fork(void);

/* ---- priority.c: a priority cache's string is noted, for there is no call that gives it
 * back ---- */

void gnutls_note_cache(gnutls_priority_t cache, const char *priorities, unsigned flags);
void gnutls_forget_cache(gnutls_priority_t cache);
/* Copies what is known of a priority cache into the connection. */
void gnutls_use_cache(struct gnutls_connection *connection, gnutls_priority_t cache);
/* Sets the connection's priorities by their string; NULL is the default. False if there is no
 * memory: the priorities then count as unknown. */
bool gnutls_use_priorities(struct gnutls_connection *connection, const char *priorities,
                           unsigned flags);
/* ---- lists.c: what a priority string means for a hello ---- */

struct gnutls_lists;
/* The application's priorities, narrowed to TLS 1.3. NULL: they are unknown, or have no TLS 1.3.
 * Borrowed until the application sets others. */
gnutls_priority_t gnutls_tls13_only(struct gnutls_connection *connection);
/* The session's own priorities with extensions in a fixed order and without padding, as real ECH
 * has them. NULL if they are unknown. Borrowed in the same way. */
gnutls_priority_t gnutls_own_in_order(struct gnutls_connection *connection);
enum { GNUTLS_SUITES_SIZE = 256 }; /* octets that the cipher suites of a hello take at most */
/* What the ordinary hello lists. Borrowed from `octets`, which is empty and has room for the cipher
 * suites, and from the connection. */
struct ech_ordinary_hello gnutls_ordinary_hello(struct gnutls_connection *connection,
                                                struct writer *octets);
/* Octets of the cipher suites that ClientHelloInner lists. With key exchanges for pre-shared keys
 * among the priorities, GnuTLS lists suites of TLS 1.2 even in a hello of TLS 1.3 alone. */
size_t gnutls_inner_suites(struct gnutls_connection *connection,
                           const struct ech_ordinary_hello *ordinary);
/* May the hello offer a PSK of the application's own? */
bool gnutls_may_offer_psk(struct gnutls_connection *connection);
/* After the handshake: switches compatibility mode on again, if our priorities took it away. */
void gnutls_restore_compatibility(const struct gnutls_connection *connection);
/* NULL is fine. */
void gnutls_lists_release(struct gnutls_lists *lists);
void gnutls_lists_before_fork(void);
void gnutls_lists_after_fork(void);

/* ---- transport.c ---- */

/* Puts our functions in the place of the application's, and back. While ours are in, the session
 * itself is GnuTLS's transport pointer. */
void gnutls_transport_wrap(struct gnutls_connection *connection);
void gnutls_transport_unwrap(struct gnutls_connection *connection);
/* Fills in the functions that GnuTLS would use by itself. */
void gnutls_transport_complete(struct gnutls_transport *transport, unsigned flags);
/* The application set a pull function, so GnuTLS's own waiting function no longer fits. */
void gnutls_transport_pull_replaced(struct gnutls_transport *transport,
                                    const struct gnutls *gnutls);
/* Set the functions that belong to the application's own while the wrappers are in. */
void gnutls_transport_wrap_waiting(const struct gnutls_connection *connection);
void gnutls_transport_wrap_error_number(const struct gnutls_connection *connection);
/* The transport pointers as the application set them. */
void gnutls_transport_pointers(const struct gnutls_connection *connection,
                               gnutls_transport_ptr_t *receive, gnutls_transport_ptr_t *send);
/* The descriptor of the transport; -1: it hides it. */
int gnutls_transport_fd(const struct gnutls_connection *connection);

/* ---- resume.c ---- */

/* What session data are, tested on a session that is thrown away. */
enum gnutls_session_data {
    GNUTLS_SESSION_UNUSABLE, /* gnutls_session_set_data fails with them */
    GNUTLS_SESSION_TLS12,    /* TLS 1.2 or older, or without a ticket */
    GNUTLS_SESSION_TLS13,
};
enum gnutls_session_data gnutls_session_data_kind(const struct gnutls *gnutls, const void *data,
                                                  size_t size);
/*
 * How many octets the pre_shared_key extension takes with these session data, header included; 0 if
 * they are not of TLS 1.3. Tested on a session that is thrown away.
 */
size_t gnutls_session_data_psk(const struct gnutls_connection *connection,
                               gnutls_priority_t tls13_only);

/* ---- hello.c ---- */

/*
 * Decides what becomes of the hello. Called before GnuTLS builds it, or while it does. Returns an
 * error of GnuTLS if no handshake is possible.
 */
int gnutls_decide(struct gnutls_connection *connection);
/* Registers the extension encrypted_client_hello, once. */
bool gnutls_extension_add(struct gnutls_connection *connection);
extern const struct gnutls_hello_events gnutls_hello_events;
/* Sets the priorities of ClientHelloInner; call it again after the application set other ones.
 * False if there is no memory, or if these have no TLS 1.3. */
bool gnutls_narrow(struct gnutls_connection *connection);

/* ---- the hooks ---- */

#define GNUTLS_REAL(library, name) ((__typeof__(&name))(library)->fn[SHIM_HOOK_##name])
void shim_gnutls_fill_settings(struct shim_engine *engine);
void shim_gnutls_fill_transport(struct shim_engine *engine);

/* ---- grease.c ---- */

/* Prepares the GREASE ECH extension; the order of extensions is then as with real ECH. */
void gnutls_grease_arm(struct gnutls_connection *connection, gnutls_priority_t tls13_only);
/* Appends its data to the hello. Returns what an extension's function returns. */
int gnutls_grease_send(const struct gnutls_connection *connection, gnutls_buffer_t buffer);
/* Judges the server's answer to it. */
int gnutls_grease_judge(const struct gnutls_connection *connection, struct bytes answer);

#endif
