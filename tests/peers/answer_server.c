/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS 1.3 server on OpenSSL without ECH that puts arbitrary octets into encrypted_client_hello of
 * its HelloRetryRequest and of its EncryptedExtensions. It tells how each handshake ended: "done",
 * "alert N", or "closed". */
#include "listen.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENCRYPTED_CLIENT_HELLO = 0xfe0d, ANSWER_MAX = 1024 };

/* The extension of a message; `given` false: none. */
struct answer {
    bool given;
    unsigned char octets[ANSWER_MAX];
    size_t length;
};

static struct answer retry_request;
static struct answer encrypted_extensions;
static SSL_CTX *ctx;

static void parse_answer(const char *text, struct answer *answer)
{
    if (strcmp(text, "none") == 0) {
        return;
    }
    answer->given = true;
    for (; *text != '\0'; text += 2) {
        unsigned octet;
        if (answer->length == ANSWER_MAX || sscanf(text, "%2x", &octet) != 1 || text[1] == '\0') {
            die("%s: not octets in hexadecimal", text);
        }
        answer->octets[answer->length++] = (unsigned char)octet;
    }
}

static int add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *length,
               X509 *x, size_t chain_index, int *alert, void *argument)
{
    (void)ssl, (void)type, (void)x, (void)chain_index, (void)alert, (void)argument;
    const struct answer *answer = (context & SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST) != 0
                                      ? &retry_request
                                      : &encrypted_extensions;
    *out = answer->octets;
    *length = answer->length;
    return answer->given;
}

static int parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t length,
                 X509 *x, size_t chain_index, int *alert, void *argument)
{
    (void)ssl, (void)type, (void)context, (void)in, (void)length;
    (void)x, (void)chain_index, (void)alert, (void)argument;
    return 1;
}

static void note(const SSL *ssl, int where, int value)
{
    int *alert = SSL_get_app_data(ssl);
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) {
        *alert = value & 0xff;
    }
}

static void serve(int fd, void *argument, unsigned number)
{
    (void)argument, (void)number;
    int alert = -1;
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || !SSL_set_fd(ssl, fd) || !SSL_set_app_data(ssl, &alert)) {
        die("out of memory");
    }
    if (SSL_accept(ssl) == 1) {
        printf("done\n");
        SSL_shutdown(ssl);
    } else if (alert >= 0) {
        printf("alert %d\n", alert);
    } else {
        printf("closed\n");
    }
    fflush(stdout);
    SSL_free(ssl);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        die("usage: answer_server ADDRESS:PORT CERTIFICATE KEY RETRY_REQUEST ENCRYPTED_EXTENSIONS\n"
            "The last two are octets in hexadecimal, or \"none\"; with RETRY_REQUEST the server "
            "asks for P-384.");
    }
    parse_answer(argv[4], &retry_request);
    parse_answer(argv[5], &encrypted_extensions);
    ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_add_custom_ext(ctx, ENCRYPTED_CLIENT_HELLO,
                               SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST |
                                   SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
                               add, NULL, NULL, parse, NULL) != 1 ||
        (retry_request.given && SSL_CTX_set1_groups_list(ctx, "P-384") != 1)) {
        die("no context: is this OpenSSL one that has ECH itself?");
    }
    SSL_CTX_set_info_callback(ctx, note);
    serve_forever(listen_on(argv[1]), serve, NULL);
}
