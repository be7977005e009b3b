/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of wolfSSL, by its own names and by those of OpenSSL. */
#include "client.h"

#include <wolfssl/options.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wolfssl/openssl/ssl.h>
#include <wolfssl/ssl.h>

static void exchange(WOLFSSL *ssl, const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    int length = (int)make_request(target, request, sizeof request);
    if ((got = wolfSSL_write(ssl, request, length)) != length) {
        fail("wolfSSL_write: error %d", wolfSSL_get_error(ssl, got));
    }
    while ((got = wolfSSL_read(ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    response_check(&response, target);
}

static WOLFSSL *begin(const struct target *target, int *fd)
{
    wolfSSL_Init();
    WOLFSSL_CTX *context = wolfSSL_CTX_new(wolfTLS_client_method());
    if (context == NULL ||
        wolfSSL_CTX_load_verify_locations(context, target->ca, NULL) != WOLFSSL_SUCCESS) {
        fail("no context");
    }
    WOLFSSL *ssl = wolfSSL_new(context);
    if (ssl == NULL || wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, target->host,
                                      (unsigned short)strlen(target->host)) != WOLFSSL_SUCCESS) {
        fail("no session");
    }
    *fd = dial(target);
    wolfSSL_set_fd(ssl, *fd);
    return ssl;
}

static void by_connecting(const struct target *target)
{
    int fd;
    WOLFSSL *ssl = begin(target, &fd);
    int result = wolfSSL_connect(ssl);
    if (result != WOLFSSL_SUCCESS) {
        fail("wolfSSL_connect: error %d", wolfSSL_get_error(ssl, result));
    }
    exchange(ssl, target);
    close(fd);
}

static void by_writing(const struct target *target)
{
    int fd;
    WOLFSSL *ssl = begin(target, &fd);
    exchange(ssl, target);
    close(fd);
}

/* The same functions by the names of OpenSSL. */
static void as_openssl(const struct target *target)
{
    SSL_CTX *context = SSL_CTX_new(SSLv23_client_method());
    if (context == NULL || SSL_CTX_load_verify_locations(context, target->ca, NULL) != 1) {
        fail("no context");
    }
    SSL *ssl = SSL_new(context);
    int fd = dial(target);
    SSL_set_tlsext_host_name(ssl, target->host);
    SSL_set_fd(ssl, fd);
    int result = SSL_connect(ssl);
    if (result != 1) {
        fail("SSL_connect: error %d", SSL_get_error(ssl, result));
    }
    exchange(ssl, target);
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"connecting", by_connecting},
                                        {"writing", by_writing},
                                        {"openssl", as_openssl},
                                        {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
