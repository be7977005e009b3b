/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our info callback in the contexts of OpenSSL 4.0 and later. It is the only thing that sees a
 * handshake begin where no hook does (BIO_f_ssl). It calls the program's callback first.
 */
#include "shim/engine/openssl/native.h"

static void begins(const struct openssl *openssl, SSL *ssl)
{
    if (openssl->SSL_is_server(ssl) == 0 && openssl->SSL_in_before(ssl) != 0) {
        openssl_watch(openssl, ssl);
    }
}

/*
 * From the initial state the handshake goes to the hello. This is the last moment at which the
 * library surely takes a list, and no callback of the program comes later in which programs change
 * settings. It may have set another security callback or another context just now.
 */
static void moves(const struct openssl *openssl, SSL *ssl)
{
    struct openssl_connection *connection = openssl_connection_get(ssl);
    if (connection == NULL) {
        return;
    }
    if (openssl->SSL_get_state(ssl) == TLS_ST_BEFORE && openssl->SSL_is_server(ssl) == 0 &&
        connection->phase == OPENSSL_IDLE && !connection->deciding) {
        openssl_versions_decide(connection, openssl_decide);
    } else if ((int)openssl->SSL_get_state(ssl) == openssl->hello_state) {
        openssl_native_reset(connection); /* the hello is made, with its GREASE */
    }
}

void openssl_on_info(const SSL *ssl, int where, int value)
{
    const struct openssl *openssl = openssl_native_of(ssl);
    if (openssl == NULL) {
        return;
    }
    /* As libssl chooses: the one of the SSL, else the one of its context. */
    shim_info_callback *callback = openssl_info_callback_of(ssl);
    if (callback == NULL) {
        callback = openssl_info_callback_of(openssl->SSL_get_SSL_CTX(ssl));
    }
    if (callback != NULL) {
        callback(ssl, where, value);
    }
    /* The SSL is the library's own object, which it has given us as const. */
    SSL *own = (SSL *)(uintptr_t)ssl;
    if ((where & SSL_CB_HANDSHAKE_START) != 0) {
        begins(openssl, own);
    } else if (where == SSL_CB_CONNECT_LOOP) {
        moves(openssl, own);
    }
}
