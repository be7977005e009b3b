/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes every call that may start a handshake, each on its own connection, while the shim refuses
 * the handshake: each must fail as a failed handshake does, with an error text. For OpenSSL and
 * BoringSSL.
 */
#include "client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char octets[16];

/* Returns what the library's call returns; *done is how many octets it carried. */
typedef int call(SSL *ssl, size_t *done);

static int by_connect(SSL *ssl, size_t *done)
{
    (void)done;
    return SSL_connect(ssl);
}

static int by_handshake(SSL *ssl, size_t *done)
{
    (void)done;
    return SSL_do_handshake(ssl);
}

static int by_read(SSL *ssl, size_t *done)
{
    (void)done;
    return SSL_read(ssl, octets, sizeof octets);
}

static int by_peek(SSL *ssl, size_t *done)
{
    (void)done;
    return SSL_peek(ssl, octets, sizeof octets);
}

static int by_write(SSL *ssl, size_t *done)
{
    (void)done;
    return SSL_write(ssl, octets, sizeof octets);
}

#ifndef OPENSSL_IS_BORINGSSL
static int by_read_ex(SSL *ssl, size_t *done)
{
    return SSL_read_ex(ssl, octets, sizeof octets, done);
}

static int by_peek_ex(SSL *ssl, size_t *done)
{
    return SSL_peek_ex(ssl, octets, sizeof octets, done);
}

static int by_write_ex(SSL *ssl, size_t *done)
{
    return SSL_write_ex(ssl, octets, sizeof octets, done);
}

static int by_early_data(SSL *ssl, size_t *done)
{
    return SSL_write_early_data(ssl, octets, sizeof octets, done);
}

static int by_bio(SSL *ssl, size_t *done)
{
    (void)done;
    BIO *bio = BIO_new(BIO_f_ssl());
    BIO_set_ssl(bio, ssl, BIO_NOCLOSE);
    int result = (int)BIO_do_handshake(bio);
    BIO_free(bio);
    return result;
}
#endif

static const struct {
    const char *name;
    call *call;
    int failure;
} calls[] = {
    {"SSL_connect", by_connect, -1},  {"SSL_do_handshake", by_handshake, -1},
    {"SSL_read", by_read, -1},        {"SSL_peek", by_peek, -1},
    {"SSL_write", by_write, -1},
#ifndef OPENSSL_IS_BORINGSSL
    {"SSL_read_ex", by_read_ex, 0},   {"SSL_peek_ex", by_peek_ex, 0},
    {"SSL_write_ex", by_write_ex, 0}, {"SSL_write_early_data", by_early_data, 0},
    {"BIO_do_handshake", by_bio, -1},
#endif
};

static void run(const struct target *target, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t done = 0;
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = SSL_new(ctx);
        int fd = dial(target);
        SSL_set_tlsext_host_name(ssl, target->host);
        SSL_set_fd(ssl, fd);
        SSL_set_connect_state(ssl);
        ERR_clear_error();
        int result = calls[i].call(ssl, &done);
        int error = SSL_get_error(ssl, result);
        const char *text = ERR_reason_error_string(ERR_peek_error());
        if (result != calls[i].failure || done != 0 || error != SSL_ERROR_SSL || text == NULL) {
            fail("%s: %d, %zu octets, error %d, %s", calls[i].name, result, done, error,
                 text != NULL ? text : "no text");
        }
        printf("%s: %s\n", calls[i].name, text);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        close(fd);
    }
    printf("%zu refused\n", count);
}

static void run_all(const struct target *target)
{
    run(target, sizeof calls / sizeof *calls);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"all", run_all}, {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
