/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client of GnuTLS's layer with the names of OpenSSL (libgnutls-openssl), which sets no name. */
#include "client.h"

#include <gnutls/openssl.h>
#include <string.h>
#include <unistd.h>

static void run(const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    SSL_library_init();
    SSL_CTX *context = SSL_CTX_new(SSLv23_client_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    int fd = dial(target);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        fail("no session");
    }
    if (SSL_connect(ssl) <= 0) {
        fail("SSL_connect failed");
    }
    int length = (int)make_request(target, request, sizeof request);
    if (SSL_write(ssl, request, length) != length) {
        fail("SSL_write failed");
    }
    /* A session ticket looks like an error. */
    for (int errors = 0; errors < 4; errors += got <= 0) {
        got = SSL_read(ssl, chunk, sizeof chunk);
        response_add(&response, chunk, got > 0 ? (size_t)got : 0);
    }
    if (strstr(response.text, "hello from nobody") == NULL) { /* it sends no server_name */
        fail("not the expected answer: %s", response.text);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {{"connect", run}, {NULL, NULL}};
    return run_mode_of(argc, argv, modes);
}
