/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to the OpenSSL adapter: the functions of one libssl (and its libcrypto) in the process,
 * and the state of one SSL. We link neither: each table is filled from the library that the
 * application uses.
 */
#ifndef SHIM_ENGINE_OPENSSL_OPENSSL_H
#define SHIM_ENGINE_OPENSSL_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "dns/name.h"
#include "shim/common/abi.h"
#include "shim/common/compat_tls.h"
#include "shim/engine/bio/bio_filter.h"
#include "shim/engine/boringssl/boringssl.h"
#include "shim/engine/session/session.h"

/* A supported library has all of these functions. Their types come from OpenSSL's headers. */
#define SHIM_OPENSSL_FUNCTIONS(F)                                                                  \
    SHIM_BIO_FUNCTIONS(F)                                                                          \
    F(BIO_callback_ctrl)                                                                           \
    F(BIO_find_type)                                                                               \
    F(BIO_get_new_index)                                                                           \
    F(BIO_meth_set_callback_ctrl)                                                                  \
    F(BIO_ptr_ctrl)                                                                                \
    F(BIO_set_next)                                                                                \
    F(CRYPTO_get_ex_new_index)                                                                     \
    F(ERR_pop_to_mark)                                                                             \
    F(ERR_load_strings)                                                                            \
    F(ERR_reason_error_string)                                                                     \
    F(ERR_set_mark)                                                                                \
    F(OPENSSL_sk_free)                                                                             \
    F(OPENSSL_sk_num)                                                                              \
    F(OPENSSL_sk_value)                                                                            \
    F(SSL_CIPHER_get_auth_nid)                                                                     \
    F(SSL_CIPHER_get_protocol_id)                                                                  \
    F(SSL_CIPHER_get_version)                                                                      \
    F(SSL_CTX_add_custom_ext)                                                                      \
    F(SSL_CTX_get_security_callback)                                                               \
    F(SSL_SESSION_get0_cipher)                                                                     \
    F(SSL_SESSION_get0_ticket)                                                                     \
    F(SSL_SESSION_get_protocol_version)                                                            \
    F(SSL_clear_options)                                                                           \
    F(SSL_ctrl)                                                                                    \
    F(SSL_extension_supported)                                                                     \
    F(SSL_get1_supported_ciphers)                                                                  \
    F(SSL_get_SSL_CTX)                                                                             \
    F(SSL_get_client_random)                                                                       \
    F(SSL_get_options)                                                                             \
    F(SSL_get_security_callback)                                                                   \
    F(SSL_get_servername)                                                                          \
    F(SSL_get_session)                                                                             \
    F(SSL_get_state)                                                                               \
    F(SSL_in_before)                                                                               \
    F(SSL_is_dtls)                                                                                 \
    F(SSL_is_init_finished)                                                                        \
    F(SSL_is_server)                                                                               \
    F(SSL_renegotiate_pending)                                                                     \
    F(SSL_set_options)                                                                             \
    F(SSL_set_security_callback)

/* Of OpenSSL 4.0 and later, beside those above; the headers of earlier releases have not all. */
struct ossl_echstore_st;
typedef int openssl_SSL_set1_ech_config_list(SSL *ssl, const uint8_t *list, size_t length);
typedef struct ossl_echstore_st *openssl_SSL_get1_echstore(const SSL *ssl);
typedef void openssl_OSSL_ECHSTORE_free(struct ossl_echstore_st *store);
typedef struct ossl_echstore_st *openssl_OSSL_ECHSTORE_new(OSSL_LIB_CTX *libctx, const char *propq);
typedef void openssl_SSL_CTX_set_info_callback(SSL_CTX *context, shim_info_callback *callback);
typedef shim_info_callback *openssl_SSL_CTX_get_info_callback(SSL_CTX *context);
typedef long openssl_SSL_CTX_ctrl(SSL_CTX *context, int command, long number, void *pointer);
typedef struct evp_kem_st *openssl_EVP_KEM_fetch(OSSL_LIB_CTX *libctx, const char *name,
                                                 const char *propq);
typedef void openssl_EVP_KEM_free(struct evp_kem_st *kem);
typedef OPENSSL_STACK *openssl_OPENSSL_sk_new_null(void);
typedef int openssl_OPENSSL_sk_num(const OPENSSL_STACK *stack);
typedef void *openssl_OPENSSL_sk_value(const OPENSSL_STACK *stack, int index);
typedef void openssl_OPENSSL_sk_free(OPENSSL_STACK *stack);
#define SHIM_OPENSSL_NATIVE_FUNCTIONS(F)                                                           \
    F(EVP_KEM_fetch)                                                                               \
    F(EVP_KEM_free)                                                                                \
    F(OPENSSL_sk_free)                                                                             \
    F(OPENSSL_sk_new_null)                                                                         \
    F(OPENSSL_sk_num)                                                                              \
    F(OPENSSL_sk_value)                                                                            \
    F(OSSL_ECHSTORE_new)                                                                           \
    F(OSSL_ECHSTORE_free)                                                                          \
    F(SSL_CTX_ctrl)                                                                                \
    F(SSL_CTX_get_info_callback)                                                                   \
    F(SSL_CTX_set_info_callback)                                                                   \
    F(SSL_get1_echstore)                                                                           \
    F(SSL_set1_ech_config_list)

struct openssl_native {
#define F(name) openssl_##name *name;
    SHIM_OPENSSL_NATIVE_FUNCTIONS(F)
#undef F
};

/* Of libcrypto, for keys.c: those that 1.1.1 has too, those of 3.0 (KEMs are of 3.0 as well), and
 * two whose names differ. */
typedef int openssl_EVP_PKEY_keygen(EVP_PKEY_CTX *context, EVP_PKEY **key);
typedef int openssl_EVP_PKEY_up_ref(EVP_PKEY *key);
typedef void openssl_EVP_PKEY_free(EVP_PKEY *key);
typedef EVP_PKEY *openssl_EVP_PKEY_new(void);
typedef int openssl_EVP_PKEY_copy_parameters(EVP_PKEY *to, const EVP_PKEY *from);
typedef EVP_PKEY_CTX *openssl_EVP_PKEY_CTX_new(EVP_PKEY *key, ENGINE *engine);
typedef void openssl_EVP_PKEY_CTX_free(EVP_PKEY_CTX *context);
typedef int openssl_EVP_PKEY_derive_init(EVP_PKEY_CTX *context);
typedef int openssl_EVP_PKEY_derive_set_peer(EVP_PKEY_CTX *context, EVP_PKEY *peer);
typedef int openssl_EVP_PKEY_derive(EVP_PKEY_CTX *context, unsigned char *out, size_t *length);
typedef void openssl_CRYPTO_free(void *memory, const char *file, int line);
#define SHIM_OPENSSL_KEY_FUNCTIONS(F)                                                              \
    F(CRYPTO_free)                                                                                 \
    F(EVP_PKEY_CTX_free)                                                                           \
    F(EVP_PKEY_CTX_new)                                                                            \
    F(EVP_PKEY_copy_parameters)                                                                    \
    F(EVP_PKEY_derive)                                                                             \
    F(EVP_PKEY_derive_init)                                                                        \
    F(EVP_PKEY_derive_set_peer)                                                                    \
    F(EVP_PKEY_free)                                                                               \
    F(EVP_PKEY_keygen)                                                                             \
    F(EVP_PKEY_new)                                                                                \
    F(EVP_PKEY_up_ref)
typedef OSSL_LIB_CTX *openssl_EVP_PKEY_CTX_get0_libctx(EVP_PKEY_CTX *context);
typedef const char *openssl_EVP_PKEY_CTX_get0_propq(const EVP_PKEY_CTX *context);
typedef EVP_PKEY_CTX *openssl_EVP_PKEY_CTX_new_from_pkey(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                                                         const char *propq);
typedef EVP_PKEY_CTX *openssl_EVP_PKEY_CTX_new_from_name(OSSL_LIB_CTX *libctx, const char *name,
                                                         const char *propq);
typedef int openssl_EVP_PKEY_keygen_init(EVP_PKEY_CTX *context);
typedef int openssl_EVP_PKEY_CTX_set_group_name(EVP_PKEY_CTX *context, const char *name);
typedef int openssl_EVP_PKEY_CTX_set_dh_pad(EVP_PKEY_CTX *context, int pad);
typedef int openssl_EVP_PKEY_decapsulate_init(EVP_PKEY_CTX *context, const void *parameters);
typedef int openssl_EVP_PKEY_decapsulate(EVP_PKEY_CTX *context, unsigned char *out, size_t *length,
                                         const unsigned char *wrapped, size_t wrapped_length);
#define SHIM_OPENSSL_KEY_FUNCTIONS_3(F)                                                            \
    F(EVP_PKEY_CTX_get0_libctx)                                                                    \
    F(EVP_PKEY_CTX_get0_propq)                                                                     \
    F(EVP_PKEY_CTX_new_from_name)                                                                  \
    F(EVP_PKEY_CTX_new_from_pkey)                                                                  \
    F(EVP_PKEY_keygen_init)                                                                        \
    F(EVP_PKEY_CTX_set_group_name)                                                                 \
    F(EVP_PKEY_CTX_set_dh_pad)                                                                     \
    F(EVP_PKEY_decapsulate)                                                                        \
    F(EVP_PKEY_decapsulate_init)
typedef size_t openssl_get1_public_key(EVP_PKEY *key, unsigned char **octets);
typedef int openssl_set1_public_key(EVP_PKEY *key, const unsigned char *octets, size_t length);

struct openssl_keys {
    bool usable; /* false: a function of the first list is missing, so no key can be used */
#define F(name) openssl_##name *name;
    SHIM_OPENSSL_KEY_FUNCTIONS(F)
    SHIM_OPENSSL_KEY_FUNCTIONS_3(F) /* NULL in 1.1.1 */
#undef F
    openssl_get1_public_key *get1_public_key; /* allocates the octets; 0: it has none */
    openssl_set1_public_key *set1_public_key;
};

/* The type that SSL_set_security_callback takes. */
typedef int openssl_security(const SSL *ssl, const SSL_CTX *context, int operation, int bits,
                             int number, void *other, void *argument);

struct openssl {
    struct shim_library *library;
    struct boringssl *boringssl; /* its adapter takes over; NULL: this is not BoringSSL with ECH */
    bool supported;              /* false: use nothing below */
    bool has_ech;                /* an ECH client of its own (native.h) */
    bool post_quantum;           /* its default groups are (OpenSSL 3.5 and later) */
    struct openssl_native native;
    struct openssl_keys keys;
    shim_info_callback *on_info; /* ours, for its contexts */
    int hello_state;             /* what SSL_get_state says while a ClientHello is made */
    struct shim_bio_library bios;
    openssl_security *default_security; /* the callback of a context that has not been changed */
    ERR_STRING_DATA reason_text[2];     /* our addition to the library's texts; ends with zeros */
#define F(name) __typeof__(&name) name;
    SHIM_OPENSSL_FUNCTIONS(F)
#undef F
    int (*SSL_is_quic)(const SSL *ssl); /* OpenSSL 3.2 and later, else NULL */
};

/* How far a handshake has come, for us. */
enum openssl_phase {
    OPENSSL_IDLE,   /* nothing decided */
    OPENSSL_PASS,   /* decided: the application's own hello */
    OPENSSL_GREASE, /* decided: the application's own hello with GREASE ECH; session is set */
    OPENSSL_ARMED,  /* decided: ECH or refusal; session is set. Not with an ECH client of its own */
    OPENSSL_STARTED, /* the filter is in; the hello is being made, or has left */
    OPENSSL_CLEAR,   /* ECH was securely disabled: the hello went out in the clear and the filter is
                        out; a second hello has to list the same as the first */
    OPENSSL_FAILED,  /* decided: no hello may be made */
    OPENSSL_DONE,    /* the exchange was accepted and the filter is out, or GREASE is over */
};

/* How our security callback (versions.c) changes what the hello lists. */
enum openssl_versions {
    OPENSSL_VERSIONS_OWN,   /* not at all: as the application set them */
    OPENSSL_VERSIONS_INNER, /* those of ClientHelloInner: TLS 1.3 alone */
    OPENSSL_VERSIONS_NONE,  /* none, so the handshake fails */
};

/* What the ordinary hello lists (ech/ordinary.h), in wire format. */
struct openssl_ordinary {
    uint8_t cipher_suites[2 * 256]; /* OpenSSL has fewer */
    size_t cipher_suites_length;    /* octets */
    uint8_t versions[2 * 5];
    size_t versions_length;
    bool psk;      /* it lists suites for pre-shared keys, so the program has a callback for them */
    bool elliptic; /* a suite of TLS 1.2 uses elliptic curves: OpenSSL 4.0 has ec_point_formats only
                      then */
};

enum { OPENSSL_NAME_DIGEST = 32 };

/* The state of one SSL. Shared by the table of SSLs and the filter BIOs, for OpenSSL frees them in
 * any order. */
struct openssl_connection {
    atomic_int references;
    const struct openssl *openssl;
    SSL *ssl; /* NULL once OpenSSL frees it */
    enum openssl_phase phase;
    /* SHA-256 of the name that the decision was made for, unless there is a session, which has the
     * name. Every handshake has one of these structs, and a name would be long. */
    unsigned char server_name[OPENSSL_NAME_DIGEST];
    bool named;      /* there is one */
    bool hello_made; /* libssl has asked for the extension since the decision, or
                        has an ECH client of its own */
    unsigned char random[SSL3_RANDOM_SIZE]; /* of that hello */
    bool quic;
    struct shim_session *session;
    struct shim_bio_filter filter;
    bool replacing;             /* other BIOs are being set, and the filter is out */
    openssl_security *security; /* the application's, while ours replaces it; else NULL */
    enum openssl_versions versions;
    bool second_began;          /* libssl makes the second hello, after a HelloRetryRequest */
    bool older_pass;            /* at this moment the application's older versions count */
    unsigned char inner_hellos; /* of this handshake that have their signature_algorithms */
    unsigned char allowed; /* versions to which the application's callback said yes: 1 is SSL 3.0 */
    bool (*decide)(struct openssl_connection *connection); /* from openssl_versions_watch */
    bool deciding;    /* our security callback only hands on the application's answer */
    bool padding_off; /* the application's SSL_OP_TLSEXT_PADDING has to be set again */
    bool late;        /* the decision was made while the hello was being built */
    /* With an ECH client of its own: */
    bool seals;       /* the library can seal this hello */
    bool cannot_seal; /* the library's ECH client lacks an algorithm */
    bool spent;       /* the SSL was given a list, so it can make no other handshake */
    bool grease_set;  /* our SSL_OP_ECH_GREASE has to be taken back */
};

/* ---- library.c ---- */

/* The table of a library, made at the first call. Look at `supported`. NULL only for want of
 * memory. */
struct openssl *openssl_of(struct shim_library *library);
/* The same table, if it exists and the library is supported; else NULL. */
const struct openssl *openssl_supported(const struct shim_library *library);
/* The table of the library of this SSL, if that has an ECH client of its own; else NULL. */
const struct openssl *openssl_native_of(const SSL *ssl);
/* The same for BoringSSL. */
const struct boringssl *openssl_boringssl(const struct shim_library *library);
/* See struct shim_tls_adapter. */
void openssl_before_fork(void);
void openssl_after_fork(void);

/* ---- foreign.c ---- */

/* For a library that is not supported: may a call that can start a handshake go on? If not, reports
 * that. */
bool openssl_foreign_allows(struct shim_library *library, SSL *ssl, bool connect);

/* ---- objects.c ---- */

/* Makes OpenSSL tell when an SSL or SSL_CTX is made or freed. False if it cannot. */
bool openssl_objects_notice(struct openssl *openssl);
/* Will handshakes on this context call us? Remembers that they do. False for want of memory. */
bool openssl_context_armed(const SSL_CTX *context);
bool openssl_context_note(const struct openssl *openssl, const SSL_CTX *context);
/* Does the program add an extension to the hellos of this context? Remembers that. */
bool openssl_context_extended(const SSL_CTX *context);
bool openssl_context_note_extension(const struct openssl *openssl, const SSL_CTX *context);
/* The program's info callback of an SSL or SSL_CTX, where ours stands in its place; NULL: none. The
 * second keeps it, and returns false for want of memory. */
shim_info_callback *openssl_info_callback_of(const void *object);
bool openssl_info_callback_keep(const struct openssl *openssl, const void *object,
                                shim_info_callback *callback);
/* What makes the hello of an SSL longer, as far as the program set it where a hook saw it. Without
 * memory it is not known, and a GREASE hello may be too short. */
struct openssl_lengths {
    bool psk;    /* the program may give a pre-shared key of its own */
    size_t alpn; /* octets of the ALPN list */
};
void openssl_note_alpn(const struct openssl *openssl, const void *object, size_t octets);
void openssl_note_psk(const struct openssl *openssl, const void *object, enum shim_psk_kind kind,
                      bool set);
void openssl_note_copy(const struct openssl *openssl, const SSL *ssl, const SSL *copy);
struct openssl_lengths openssl_lengths_of(const struct openssl *openssl, const SSL *ssl);
/* The connection that an SSL already has, or NULL. */
struct openssl_connection *openssl_connection_get(const SSL *ssl);
/* The same, but makes one if need be. NULL for want of memory. */
struct openssl_connection *openssl_connection_need(const struct openssl *openssl, SSL *ssl);
void openssl_connection_release(struct openssl_connection *connection);
/* The library of a living SSL, or NULL. */
struct shim_library *openssl_library_of(const SSL *ssl);

/* ---- filter.c ---- */

/* Fills in openssl->bios. False for want of memory or of a BIO type. */
bool openssl_filter_init(struct openssl *openssl);

/* ---- versions.c ---- */

/*
 * Puts our security callback before the application's. It calls `decide` when libssl begins to
 * build the ClientHello, after the last callback in which programs change settings. If `decide`
 * gives false, no version is offered. False for a library that does not keep our callback.
 */
bool openssl_versions_watch(struct openssl_connection *connection,
                            bool (*decide)(struct openssl_connection *connection));
/* Is our callback still there? The application may have set another one, or another context. */
bool openssl_versions_watched(const struct openssl_connection *connection);
/* Decides now about an SSL that is IDLE: the hello is about to be built. */
void openssl_versions_decide(struct openssl_connection *connection,
                             bool (*decide)(struct openssl_connection *connection));
/* For an SSL without memory for a connection: it makes no hello any more. */
void openssl_versions_forbid(const struct openssl *openssl, SSL *ssl);
/* Puts the application's callback back. */
void openssl_versions_unwatch(struct openssl_connection *connection);
/*
 * Restricts the hello of a watched SSL to what ClientHelloInner may list, and fills in what the
 * ordinary hello would have listed. False if that would not offer TLS 1.3: nothing is changed then.
 */
bool openssl_versions_restrict(struct openssl_connection *connection,
                               struct openssl_ordinary *ordinary);

/* ---- the callbacks of the custom extension, hello.c ---- */

int openssl_extension_add(SSL *ssl, unsigned int type, unsigned int context,
                          const unsigned char **out, size_t *outlen, X509 *x, size_t chain_index,
                          int *alert, void *argument);
int openssl_extension_parse(SSL *ssl, unsigned int type, unsigned int context,
                            const unsigned char *in, size_t inlen, X509 *x, size_t chain_index,
                            int *alert, void *argument);

/* ---- grease.c ---- */

/* Octets of the pre_shared_key extension for the session to resume, header and all; 0: none of TLS
 * 1.3. While the hello is made, libssl has dropped a session that it will not offer. */
size_t openssl_resumed_psk(const struct openssl *openssl, const SSL *ssl);

/* Gives the GREASE extension for a first or second hello. Returns what an add callback returns. */
int openssl_grease_add(struct openssl_connection *connection, const unsigned char **out,
                       size_t *length);
/* Judges the server's answer to it. Returns what a parse callback returns. */
int openssl_grease_parse(unsigned context, struct bytes extension_data, int *alert);

/* ---- hello.c ---- */

/* A client's handshake is about to start: waits for its hello. */
void openssl_watch(const struct openssl *openssl, SSL *ssl);
/* Decides about a watched SSL whose hello is about to be made. False: the handshake must fail. */
bool openssl_decide(struct openssl_connection *connection);
/* Undoes the decision, and leaves the SSL as the application set it. */
void openssl_reset(struct openssl_connection *connection);

#endif
