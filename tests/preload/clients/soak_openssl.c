/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"
#include "soak.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *ctx;

void soak_open(const char *ca)
{
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1) {
        fail("SSL_CTX_new");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
}

bool soak_handshake(const char *name, bool tls12, int fd)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_tlsext_host_name(ssl, name) != 1 ||
        SSL_set1_host(ssl, SOAK_CERTIFIED) != 1 || SSL_set_fd(ssl, fd) != 1 ||
        (tls12 && SSL_set_max_proto_version(ssl, TLS1_2_VERSION) != 1)) {
        fail("SSL_new");
    }
    bool done = SSL_connect(ssl) == 1;
    ERR_clear_error();
    SSL_free(ssl);
    return done;
}
