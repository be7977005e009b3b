/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SSL_CTX *ctx;

#ifdef OWN_ECH
#ifndef OPENSSL_IS_BORINGSSL
/* OpenSSL 4.0 declares this; our headers are older. */
int SSL_set1_ech_config_list(SSL *ssl, const unsigned char *list, size_t length);
#endif

static unsigned char ech_config_list[1024];
static size_t ech_config_list_length;
#endif

static void must(int result, const char *what)
{
    if (result != 1) {
        ERR_print_errors_fp(stderr);
        loop_fail(what);
    }
}

static void handshake(const struct loop_target *target, int fd)
{
    loop_before_object();
    SSL *ssl = SSL_new(ctx);
    must(ssl != NULL, "SSL_new");
    must((int)SSL_set_tlsext_host_name(ssl, target->server_name), "SSL_set_tlsext_host_name");
    must(SSL_set1_host(ssl, CERTIFIED_NAME), "SSL_set1_host");
#ifdef OWN_ECH
    must(ech_config_list_length == 0 ||
             SSL_set1_ech_config_list(ssl, ech_config_list, ech_config_list_length),
         "SSL_set1_ech_config_list");
#endif
    must(SSL_set_fd(ssl, fd), "SSL_set_fd");
    loop_before_first();
    int result = SSL_connect(ssl);
    if (!loop_after_first()) {
        must(result, "SSL_connect");
    }
    SSL_free(ssl);
}

#ifdef OWN_ECH
/* LOOP_ECH_CONFIG_LIST: Base64 of the ECHConfigList that the program itself uses. */
static void read_config_list(void)
{
    const char *base64 = getenv("LOOP_ECH_CONFIG_LIST");
    size_t length = base64 != NULL ? strlen(base64) : 0;
    if (length == 0) {
        return;
    }
    if (length / 4 * 3 > sizeof ech_config_list ||
        EVP_DecodeBlock(ech_config_list, (const unsigned char *)base64, (int)length) < 0) {
        loop_fail("reading LOOP_ECH_CONFIG_LIST");
    }
    ech_config_list_length = length / 4 * 3;
    for (size_t i = length; i > 0 && base64[i - 1] == '='; i--) {
        ech_config_list_length--;
    }
}
#endif

int main(int argc, char **argv)
{
    struct loop_target target = {.handshake = handshake};
    loop_open(&target, argc, argv);
#ifdef OWN_ECH
    read_config_list();
#endif
    ctx = SSL_CTX_new(TLS_client_method());
    must(ctx != NULL, "SSL_CTX_new");
    must(SSL_CTX_load_verify_locations(ctx, target.ca, NULL), target.ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
#if defined(OWN_ECH) && !defined(OPENSSL_IS_BORINGSSL)
    /* The groups of OpenSSL 3: a post-quantum share would weigh on both sides of the comparison. */
    must((int)SSL_CTX_set1_groups_list(ctx, "X25519:P-256:X448:P-521:P-384"), "groups");
    /* BoringSSL refuses an inner hello that offers TLS 1.2 as well. */
    must((int)SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "TLS 1.3");
#endif
    return loop_run(&target, argv);
}
