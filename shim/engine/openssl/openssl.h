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
#include "shim/engine/session/session.h"

/* Functions without which a library is not one that we know; types are the headers' own. */
#define SHIM_OPENSSL_FUNCTIONS(F)                                                                  \
    F(BIO_callback_ctrl)                                                                           \
    F(BIO_clear_flags)                                                                             \
    F(BIO_ctrl)                                                                                    \
    F(BIO_find_type)                                                                               \
    F(BIO_free)                                                                                    \
    F(BIO_get_new_index)                                                                           \
    F(BIO_get_retry_reason)                                                                        \
    F(BIO_meth_new)                                                                                \
    F(BIO_meth_set_callback_ctrl)                                                                  \
    F(BIO_meth_set_ctrl)                                                                           \
    F(BIO_meth_set_destroy)                                                                        \
    F(BIO_meth_set_read)                                                                           \
    F(BIO_meth_set_write)                                                                          \
    F(BIO_method_type)                                                                             \
    F(BIO_new)                                                                                     \
    F(BIO_next)                                                                                    \
    F(BIO_ptr_ctrl)                                                                                \
    F(BIO_read)                                                                                    \
    F(BIO_set_flags)                                                                               \
    F(BIO_set_init)                                                                                \
    F(BIO_set_next)                                                                                \
    F(BIO_set_retry_reason)                                                                        \
    F(BIO_test_flags)                                                                              \
    F(BIO_up_ref)                                                                                  \
    F(BIO_write)                                                                                   \
    F(CRYPTO_get_ex_new_index)                                                                     \
    F(ERR_pop_to_mark)                                                                             \
    F(ERR_load_strings)                                                                            \
    F(ERR_reason_error_string)                                                                     \
    F(ERR_set_mark)                                                                                \
    F(OPENSSL_sk_free)                                                                             \
    F(OPENSSL_sk_num)                                                                              \
    F(OPENSSL_sk_value)                                                                            \
    F(OpenSSL_version_num)                                                                         \
    F(SSL_CIPHER_get_protocol_id)                                                                  \
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
    F(SSL_get_fd)                                                                                  \
    F(SSL_get_options)                                                                             \
    F(SSL_get_rbio)                                                                                \
    F(SSL_get_security_callback)                                                                   \
    F(SSL_get_servername)                                                                          \
    F(SSL_get_session)                                                                             \
    F(SSL_get_state)                                                                               \
    F(SSL_get_wbio)                                                                                \
    F(SSL_in_before)                                                                               \
    F(SSL_is_dtls)                                                                                 \
    F(SSL_is_init_finished)                                                                        \
    F(SSL_is_server)                                                                               \
    F(SSL_renegotiate_pending)                                                                     \
    F(SSL_set0_rbio)                                                                               \
    F(SSL_set0_wbio)                                                                               \
    F(SSL_set_options)                                                                             \
    F(SSL_set_security_callback)

/* What SSL_set_security_callback takes. */
typedef int openssl_security(const SSL *ssl, const SSL_CTX *context, int operation, int bits,
                             int number, void *other, void *argument);

struct openssl {
    struct shim_library *library;
    bool supported; /* false: nothing below may be used */
    BIO_METHOD *filter_method;
    openssl_security *default_security; /* of a context that nobody changed */
    ERR_STRING_DATA reason_text[2];     /* that was added to the library's own; ends with zeros */
#define F(name) __typeof__(&name) name;
    SHIM_OPENSSL_FUNCTIONS(F)
#undef F
    int (*SSL_is_quic)(const SSL *ssl); /* OpenSSL 3.2 and later, else NULL */
};

/* Where a handshake stands, as far as we are concerned. */
enum openssl_phase {
    OPENSSL_IDLE,    /* nothing decided */
    OPENSSL_PASS,    /* decided: the application's own hello */
    OPENSSL_GREASE,  /* decided: the application's own hello with GREASE ECH; session is set */
    OPENSSL_ARMED,   /* decided: ECH or refusal; session is set */
    OPENSSL_STARTED, /* the filter is in, the hello is being made or gone */
    OPENSSL_CLEAR, /* ECH was securely disabled: the hello went out in clear, the filter is out, and
                      a second hello has to list what the first one did */
    OPENSSL_FAILED, /* decided: no hello may be made */
    OPENSSL_DONE,   /* the exchange was accepted and the filter is out, or GREASE is over */
};

/* What our security callback (versions.c) makes of the versions. */
enum openssl_versions {
    OPENSSL_VERSIONS_OWN,   /* the application's */
    OPENSSL_VERSIONS_TLS13, /* TLS 1.3 alone */
    OPENSSL_VERSIONS_NONE,  /* none: the handshake is to fail */
};

/* One SSL. Shared by the table of SSLs and the filter BIOs, which OpenSSL frees in no order that we
 * know. */
struct openssl_connection {
    atomic_int references;
    const struct openssl *openssl;
    SSL *ssl; /* NULL once it is being freed */
    enum openssl_phase phase;
    char server_name[DNS_HOST_SIZE]; /* that the decision was made for */
    bool hello_made;                 /* the custom extension was asked for since the decision */
    unsigned char random[SSL3_RANDOM_SIZE]; /* of the hello that it was asked for */
    bool quic;
    struct shim_session *session;
    int filters;    /* how many filter BIOs are alive: 0, 1 or 2 */
    bool replacing; /* other BIOs are being put under the SSL, and the filter is out */
    size_t taken;   /* octets of a write that were taken before the transport said "later" */
    bool unflushed; /* octets of ours were written, and the transport was not flushed since */
    openssl_security *security; /* the application's own, while ours is in its place; else NULL */
    enum openssl_versions versions;
    bool (*decide)(struct openssl_connection *connection); /* of openssl_versions_watch */
    bool deciding;    /* the security callback is ours, and nothing else than the application's */
    bool padding_off; /* the application's SSL_OP_TLSEXT_PADDING is to be given back */
    bool late;        /* the hello was half made when it was decided about */
};

/* ---- library.c ---- */

/* The table of a library, made at the first call; never NULL but for want of memory. Look at
 * `supported`. */
struct openssl *openssl_of(struct shim_library *library);
/* The same, if it was made and the library is supported; else NULL. */
const struct openssl *openssl_supported(const struct shim_library *library);
/* As in struct shim_tls_adapter. */
void openssl_before_fork(void);
void openssl_after_fork(void);

/* ---- foreign.c ---- */

/* May a call that may start a handshake be made, with a library that is not supported? If not, that
 * is reported. */
bool openssl_foreign_allows(struct shim_library *library, SSL *ssl, bool connect);

/* ---- objects.c ---- */

/* Has OpenSSL tell when an SSL or SSL_CTX comes and goes. False if it cannot. */
bool openssl_objects_notice(struct openssl *openssl);
/* Do handshakes on this context call our extension? Notes that they do; false for want of memory.
 */
bool openssl_context_armed(const SSL_CTX *context);
bool openssl_context_note(const struct openssl *openssl, const SSL_CTX *context);
/* The connection that an SSL already has, or NULL. */
struct openssl_connection *openssl_connection_get(const SSL *ssl);
/* The same, made if need be; NULL for want of memory. */
struct openssl_connection *openssl_connection_need(const struct openssl *openssl, SSL *ssl);
void openssl_connection_release(struct openssl_connection *connection);
/* The library of an SSL that is alive, or NULL. */
struct shim_library *openssl_library_of(const SSL *ssl);

/* ---- filter.c ---- */

/* Makes the BIO_METHOD of a library; false for want of memory or of a BIO type. */
bool openssl_filter_init(struct openssl *openssl);
/* Puts the filter between the SSL and its BIOs, as far as it has them: libssl can send nothing, or
 * read nothing, until the program sets the other one. False for want of memory: then nothing is
 * changed. */
bool openssl_filter_install(struct openssl_connection *connection);
/* Is it over each BIO that the SSL has now? */
bool openssl_filter_installed(const struct openssl_connection *connection);
/* Takes it out; the SSL has the application's BIOs again. */
void openssl_filter_remove(struct openssl_connection *connection);
/* The BIO under one of our filters; any other BIO is returned as it is. */
BIO *openssl_filter_below(const struct openssl *openssl, BIO *bio);

/* ---- versions.c ---- */

/*
 * Puts our security callback in front of the application's. It calls `decide` when libssl
 * begins to build the ClientHello, after the last callback in which programs change settings; where
 * that is false no version is offered. False for a library that does not keep our callback.
 */
bool openssl_versions_watch(struct openssl_connection *connection,
                            bool (*decide)(struct openssl_connection *connection));
/* Is it still there? The application may have set another, or another context. */
bool openssl_versions_watched(const struct openssl_connection *connection);
/* Gives the application's callback back. */
void openssl_versions_unwatch(struct openssl_connection *connection);
/* Restricts a watched SSL to TLS 1.3. False if it would not offer TLS 1.3: nothing is changed
 * then. */
bool openssl_versions_restrict(struct openssl_connection *connection);

/* ---- the callbacks of the custom extension, hello.c ---- */

int openssl_extension_add(SSL *ssl, unsigned int type, unsigned int context,
                          const unsigned char **out, size_t *outlen, X509 *x, size_t chain_index,
                          int *alert, void *argument);
int openssl_extension_parse(SSL *ssl, unsigned int type, unsigned int context,
                            const unsigned char *in, size_t inlen, X509 *x, size_t chain_index,
                            int *alert, void *argument);

/* ---- grease.c ---- */

/* Gives the GREASE extension for a hello, first or second; the same values as an add callback. */
int openssl_grease_add(struct openssl_connection *connection, const unsigned char **out,
                       size_t *length);
/* Judges what a server answers to it; the same values as a parse callback. */
int openssl_grease_parse(unsigned context, struct bytes extension_data, int *alert);

/* ---- hello.c ---- */

/* Decides what becomes of a watched SSL whose hello is about to be made. False: it must fail. */
bool openssl_decide(struct openssl_connection *connection);
/* Ends what was decided, and gives the SSL back as the application left it. */
void openssl_reset(struct openssl_connection *connection);

#endif
