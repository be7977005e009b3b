/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BoringSSL as a shared library. It has many names of OpenSSL, so it comes to the hooks of OpenSSL,
 * and the adapter of OpenSSL hands it on to this one. It has an ECH client of its own, and gets a
 * local config (ech/local_config.h).
 */
#ifndef SHIM_ENGINE_BORINGSSL_BORINGSSL_H
#define SHIM_ENGINE_BORINGSSL_BORINGSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "dns/name.h"
#include "shim/common/abi.h"
#include "shim/engine/bio/bio_filter.h"
#include "shim/engine/session/session.h"

/* Functions of the same types as in OpenSSL's headers. */
#define SHIM_BORINGSSL_SAME(F)                                                                     \
    SHIM_BIO_FUNCTIONS(F)                                                                          \
    F(BIO_push)                                                                                    \
    F(ERR_pop_to_mark)                                                                             \
    F(ERR_set_mark)                                                                                \
    F(SSL_get_client_random)                                                                       \
    F(SSL_get_ex_data)                                                                             \
    F(SSL_get_servername)                                                                          \
    F(SSL_in_init)                                                                                 \
    F(SSL_is_dtls)                                                                                 \
    F(SSL_is_server)                                                                               \
    F(SSL_set_ex_data)

typedef void boringssl_ex_free(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index,
                               long number, void *argument);

/* Functions of BoringSSL's own types: F(result, name, parameters) */
#define SHIM_BORINGSSL_OWN(F)                                                                      \
    F(int, SSL_get_ex_new_index,                                                                   \
      (long number, void *argument, int *unused, void *unused_too, boringssl_ex_free *release))    \
    F(uint16_t, SSL_get_max_proto_version, (const SSL *ssl))                                       \
    F(int, SSL_set1_ech_config_list, (SSL * ssl, const uint8_t *list, size_t length))              \
    F(void, SSL_set_enable_ech_grease, (SSL * ssl, int enable))

struct boringssl {
    struct shim_library *library;
    struct shim_bio_library bios;
    int index;            /* of our data in an SSL */
    void *X25519_keypair; /* of its libcrypto; NULL: not found */
#define F(name) __typeof__(&name) name;
    SHIM_BORINGSSL_SAME(F)
#undef F
#define F(result, name, parameters) result(*name) parameters;
    SHIM_BORINGSSL_OWN(F)
#undef F
};

/* How far a handshake has come, for us. */
enum boringssl_phase {
    BORINGSSL_IDLE,    /* nothing decided */
    BORINGSSL_PASS,    /* decided: BoringSSL's own hello */
    BORINGSSL_GREASE,  /* decided: the same with its GREASE; session is set */
    BORINGSSL_ARMED,   /* decided: ECH. BoringSSL has the local config, session is set. */
    BORINGSSL_STARTED, /* the session has got octets of the hello */
    BORINGSSL_REFUSED, /* decided: no hello may be made */
    BORINGSSL_OVER,    /* the exchange is over, and the filter is out */
};

/* The state of one SSL, shared by the SSL and the filter BIOs. */
struct boringssl_connection {
    atomic_int references;
    const struct boringssl *boringssl;
    SSL *ssl; /* NULL once it is freed */
    enum boringssl_phase phase;
    bool quic;
    bool hello_made;
    bool replacing; /* other BIOs are being set, and the filter is out */
    char server_name[DNS_HOST_SIZE];
    struct shim_session *session;
    struct shim_bio_filter filter;
};

/* ---- boringssl.c: the entry points; see struct shim_engine ---- */

/* Makes the table of a library that is BoringSSL with ECH; NULL: it is not, or there is no memory.
 * The caller keeps it as long as the library. */
struct boringssl *boringssl_new(struct shim_library *library);
/* The library of an SSL whose handshake has begun; NULL: not known. */
struct shim_library *boringssl_library_of(const SSL *ssl);
bool boringssl_before(const struct boringssl *boringssl, SSL *ssl, bool connect);
void boringssl_after(const struct boringssl *boringssl, SSL *ssl);
void boringssl_bio_leaving(const struct boringssl *boringssl, SSL *ssl);
void boringssl_bio_replaced(const struct boringssl *boringssl, SSL *ssl);
void boringssl_quic(const struct boringssl *boringssl, SSL *ssl);

/* ---- keys.c ---- */

/* The connection's library begins a first hello. */
void boringssl_keys_watch(const struct boringssl_connection *connection);

/* ---- filter.c ---- */

/* Fills in boringssl->bios. False for want of memory. */
bool boringssl_filter_init(struct boringssl *boringssl);

static inline void boringssl_release(struct boringssl_connection *connection)
{
    if (atomic_fetch_sub(&connection->references, 1) == 1) {
        shim_session_free(connection->session);
        free(connection);
    }
}

#endif
