/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

static SSL_CTX *ctx;

static void must(int result, const char *what)
{
    if (result != 1) {
        ERR_print_errors_fp(stderr);
        loop_fail(what);
    }
}

static void handshake(const struct loop_target *target, int fd)
{
    SSL *ssl = SSL_new(ctx);
    must(ssl != NULL, "SSL_new");
    must((int)SSL_set_tlsext_host_name(ssl, target->server_name), "SSL_set_tlsext_host_name");
    must(SSL_set1_host(ssl, CERTIFIED_NAME), "SSL_set1_host");
    must(SSL_set_fd(ssl, fd), "SSL_set_fd");
    must(SSL_connect(ssl), "SSL_connect");
    SSL_free(ssl);
}

int main(int argc, char **argv)
{
    struct loop_target target = {.handshake = handshake};
    loop_open(&target, argc, argv);
    ctx = SSL_CTX_new(TLS_client_method());
    must(ctx != NULL, "SSL_CTX_new");
    must(SSL_CTX_load_verify_locations(ctx, target.ca, NULL), target.ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return loop_run(&target, argv);
}
