/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that retries a failed handshake with weaker options, as many do: HOST PORT CAFILE tls12
 * or no-name. "once-" before the mode leaves the first attempt out. Prints "second attempt went
 * through" when the server could answer the weaker handshake. */
#include "openssl_client.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The test is not about certificates. */
static bool attempt(const struct target *target, bool tls12, bool named)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (tls12) {
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    }
    SSL *ssl = SSL_new(ctx);
    if (named) {
        SSL_set_tlsext_host_name(ssl, target->host);
    }
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    bool done = SSL_connect(ssl) == 1;
    if (!done) {
        ERR_print_errors_fp(stderr);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return done;
}

static void run(const struct target *target, bool tls12, bool named, bool twice)
{
    if (twice && attempt(target, false, true)) {
        puts("first attempt went through");
        return;
    }
    puts(attempt(target, tls12, named) ? "second attempt went through"
                                       : "second attempt was stopped");
}

static void run_tls12(const struct target *target)
{
    run(target, true, true, true);
}

static void run_no_name(const struct target *target)
{
    run(target, false, false, true);
}

static void run_once_tls12(const struct target *target)
{
    run(target, true, true, false);
}

static void run_once_no_name(const struct target *target)
{
    run(target, false, false, false);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"tls12", run_tls12},
                                        {"no-name", run_no_name},
                                        {"once-tls12", run_once_tls12},
                                        {"once-no-name", run_once_no_name},
                                        {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
