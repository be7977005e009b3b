/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to the OpenSSL adapter: the functions of one libssl (and its libcrypto) in the process,
 * and the state of one SSL. We link neither: each table is filled from the library that the
 * application uses.
 */
#ifndef SHIM_OPENSSL_H
#define SHIM_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "shim/abi.h"
#include "shim/session.h"

/* Functions without which a library is not one that we know; types are the headers' own. */
#define SHIM_OPENSSL_FUNCTIONS(F)                                                                  \
    F(BIO_callback_ctrl)                                                                           \
    F(BIO_clear_flags)                                                                             \
    F(BIO_ctrl)                                                                                    \
    F(BIO_find_type)                                                                               \
    F(BIO_free)                                                                                    \
    F(BIO_get_data)                                                                                \
    F(BIO_get_new_index)                                                                           \
    F(BIO_get_retry_reason)                                                                        \
    F(BIO_meth_new)                                                                                \
    F(BIO_meth_set_callback_ctrl)                                                                  \
    F(BIO_meth_set_create)                                                                         \
    F(BIO_meth_set_ctrl)                                                                           \
    F(BIO_meth_set_destroy)                                                                        \
    F(BIO_meth_set_read)                                                                           \
    F(BIO_meth_set_write)                                                                          \
    F(BIO_method_type)                                                                             \
    F(BIO_new)                                                                                     \
    F(BIO_next)                                                                                    \
    F(BIO_ptr_ctrl)                                                                                \
    F(BIO_read)                                                                                    \
    F(BIO_set_data)                                                                                \
    F(BIO_set_flags)                                                                               \
    F(BIO_set_init)                                                                                \
    F(BIO_set_next)                                                                                \
    F(BIO_set_retry_reason)                                                                        \
    F(BIO_test_flags)                                                                              \
    F(BIO_up_ref)                                                                                  \
    F(BIO_write)                                                                                   \
    F(CRYPTO_get_ex_new_index)                                                                     \
    F(ERR_pop_to_mark)                                                                             \
    F(ERR_set_mark)                                                                                \
    F(OPENSSL_sk_free)                                                                             \
    F(OPENSSL_sk_num)                                                                              \
    F(OpenSSL_version_num)                                                                         \
    F(SSL_CTX_add_custom_ext)                                                                      \
    F(SSL_CTX_get_ex_data)                                                                         \
    F(SSL_CTX_set_ex_data)                                                                         \
    F(SSL_ctrl)                                                                                    \
    F(SSL_extension_supported)                                                                     \
    F(SSL_get1_supported_ciphers)                                                                  \
    F(SSL_get_SSL_CTX)                                                                             \
    F(SSL_get_ex_data)                                                                             \
    F(SSL_get_fd)                                                                                  \
    F(SSL_get_options)                                                                             \
    F(SSL_get_rbio)                                                                                \
    F(SSL_get_servername)                                                                          \
    F(SSL_get_wbio)                                                                                \
    F(SSL_in_before)                                                                               \
    F(SSL_is_dtls)                                                                                 \
    F(SSL_is_server)                                                                               \
    F(SSL_renegotiate_pending)                                                                     \
    F(SSL_set0_rbio)                                                                               \
    F(SSL_set0_wbio)                                                                               \
    F(SSL_set_ex_data)

struct openssl {
    struct shim_library *library;
    bool supported;    /* false: nothing below may be used */
    int context_index; /* of ex_data: a context of ours has a value there */
    int ssl_index;     /* of ex_data: struct openssl_connection */
    int filter_type;
    BIO_METHOD *filter_method;
#define F(name) __typeof__(&name) name;
    SHIM_OPENSSL_FUNCTIONS(F)
#undef F
    int (*SSL_is_quic)(const SSL *ssl); /* OpenSSL 3.2 and later, else NULL */
};

/* Where a handshake stands, as far as we are concerned. */
enum openssl_phase {
    OPENSSL_IDLE,    /* nothing decided */
    OPENSSL_PASS,    /* decided: the application's own hello */
    OPENSSL_ARMED,   /* decided: ECH or refusal; session is set */
    OPENSSL_STARTED, /* the filter is in, the hello is being made or gone */
    OPENSSL_DONE,    /* the exchange was accepted and the filter is out */
};

/* One SSL. Shared by its ex_data and the filter BIOs, which OpenSSL frees in no order that we know.
 */
struct openssl_connection {
    atomic_int references;
    const struct openssl *openssl;
    SSL *ssl; /* NULL once it is being freed */
    enum openssl_phase phase;
    bool hello_made; /* the custom extension was asked for since the decision */
    bool quic;
    struct shim_session *session;
    int filters;        /* how many filter BIOs are alive: 0, 1 or 2 */
    unsigned replacing; /* depth of calls that put other BIOs under the SSL */
    size_t taken;       /* octets of a write that were taken before the transport said "later" */
    bool minimum_raised;
    long minimum; /* the application's own, while raised */
    bool late;    /* no hook saw the handshake start */
};

/* The table of a library, made at the first call; never NULL but for want of memory. Look at
 * `supported`. */
struct openssl *openssl_of(struct shim_library *library);
/* The connection that an SSL already has, or NULL. */
struct openssl_connection *openssl_connection_get(const struct openssl *openssl, const SSL *ssl);
/* The same, made if need be; NULL for want of memory. */
struct openssl_connection *openssl_connection_need(const struct openssl *openssl, SSL *ssl);
void openssl_connection_release(struct openssl_connection *connection);
/* The library of an SSL that is alive, or NULL. */
struct shim_library *openssl_library_of(const SSL *ssl);

/* ---- openssl_filter.c ---- */

/* Makes the BIO_METHOD of a library; false for want of memory or of a BIO type. */
bool openssl_filter_init(struct openssl *openssl);
/* Puts the filter between the SSL and its BIOs. False if it has none, or for want of memory: then
 * nothing is changed. */
bool openssl_filter_install(struct openssl_connection *connection);
/* Is it between the SSL and its BIOs now, in both directions? */
bool openssl_filter_installed(const struct openssl_connection *connection);
/* Takes it out; the SSL has the application's BIOs again. */
void openssl_filter_remove(struct openssl_connection *connection);
/* The BIO under one of our filters; any other BIO is returned as it is. */
BIO *openssl_filter_below(const struct openssl *openssl, BIO *bio);

/* ---- the callbacks of the custom extension, openssl_hello.c ---- */

int openssl_extension_add(SSL *ssl, unsigned int type, unsigned int context,
                          const unsigned char **out, size_t *outlen, X509 *x, size_t chain_index,
                          int *alert, void *argument);
int openssl_extension_parse(SSL *ssl, unsigned int type, unsigned int context,
                            const unsigned char *in, size_t inlen, X509 *x, size_t chain_index,
                            int *alert, void *argument);

/* Decides what becomes of a handshake that is about to start. False: it must fail. */
bool openssl_decide(struct openssl_connection *connection);
/* Ends what was decided, and gives the SSL back as the application left it. */
void openssl_reset(struct openssl_connection *connection);
/* Raises the minimum version to TLS 1.3, or gives the application's own back. */
bool openssl_minimum_raise(struct openssl_connection *connection);
void openssl_minimum_restore(struct openssl_connection *connection);

#endif
