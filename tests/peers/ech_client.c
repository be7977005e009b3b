/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client with its own ECH, on BoringSSL: it shows that the server and the instruments say
 * "accepted" when a client other than the shim is right. After a rejection it prints the
 * retry_configs in base64. */
#include "listen.h"

#include <openssl/base64.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_configs(SSL *ssl, const char *base64)
{
    uint8_t list[2048];
    size_t len;
    if (!EVP_DecodeBase64(list, &len, sizeof list, (const uint8_t *)base64, strlen(base64)) ||
        !SSL_set1_ech_config_list(ssl, list, len)) {
        die("%s: not an ECHConfigList", base64);
    }
}

static void print_retry_configs(SSL *ssl)
{
    const uint8_t *list;
    size_t len;
    size_t text_len;
    SSL_get0_ech_retry_configs(ssl, &list, &len);
    uint8_t *text = EVP_EncodedLength(&text_len, len) ? malloc(text_len) : NULL;
    if (text == NULL) {
        die("out of memory");
    }
    EVP_EncodeBlock(text, list, len);
    printf("rejected %s\n", (const char *)text);
    free(text);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        die("usage: ech_client NAME ADDRESS:PORT CAFILE CONFIGS (or -)");
    }
    char request[512];
    char chunk[1000];
    int got;
    int fd = connect_to(argv[2]);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl =
        ctx != NULL && SSL_CTX_load_verify_locations(ctx, argv[3], NULL) ? SSL_new(ctx) : NULL;
    if (fd < 0 || ssl == NULL || !SSL_set_fd(ssl, fd) || !SSL_set_tlsext_host_name(ssl, argv[1])) {
        die("no connection to %s", argv[2]);
    }
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (strcmp(argv[4], "-") != 0) {
        set_configs(ssl, argv[4]);
    }
    if (SSL_connect(ssl) != 1) {
        uint32_t code = ERR_peek_error();
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_ECH_REJECTED) {
            print_retry_configs(ssl);
            return 2;
        }
        ERR_print_errors_fp(stderr);
        die("SSL_connect failed");
    }
    int len = snprintf(request, sizeof request,
                       "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[1]);
    if (SSL_write(ssl, request, len) != len) {
        die("SSL_write failed");
    }
    printf("%s\n", SSL_ech_accepted(ssl) ? "accepted" : "not accepted");
    while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        fwrite(chunk, 1, (size_t)got, stdout);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return 0;
}
