/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client with its own ECH, on OpenSSL 4.0: one mode for each way in which a program can give it
 * an ECHConfigList. CONFIGS has that list in base64. It is linked to that library, and runs in the
 * root that has it.
 */
#include "openssl_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OpenSSL 4.0's; the headers here are older. */
typedef struct ossl_echstore_st OSSL_ECHSTORE;
OSSL_ECHSTORE *OSSL_ECHSTORE_new(OSSL_LIB_CTX *libctx, const char *propq);
void OSSL_ECHSTORE_free(OSSL_ECHSTORE *store);
int OSSL_ECHSTORE_read_echconfiglist(OSSL_ECHSTORE *store, BIO *in);
int OSSL_ECHSTORE_read_pem(OSSL_ECHSTORE *store, BIO *in, int for_retry);
int SSL_CTX_set1_echstore(SSL_CTX *ctx, OSSL_ECHSTORE *store);
int SSL_set1_echstore(SSL *ssl, OSSL_ECHSTORE *store);
int SSL_set1_ech_config_list(SSL *ssl, const unsigned char *list, size_t length);
int SSL_ech_set1_outer_server_name(SSL *ssl, const char *outer_name, int no_outer);
#define ECH_GREASE ((uint64_t)1 << 37)

static void must(int result, const char *what)
{
    if (result != 1) {
        fail_ssl(what);
    }
}

static const char *configs(void)
{
    const char *base64 = getenv("CONFIGS");
    if (base64 == NULL) {
        fail("CONFIGS is not set");
    }
    return base64;
}

static SSL_CTX *new_context(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    /* BoringSSL refuses an inner hello that offers TLS 1.2 as well. */
    must((int)SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "TLS 1.3");
    return ctx;
}

static OSSL_ECHSTORE *store_of(const char *text, bool pem)
{
    OSSL_ECHSTORE *store = OSSL_ECHSTORE_new(NULL, NULL);
    BIO *in = BIO_new_mem_buf(text, -1);
    must(store != NULL && (pem ? OSSL_ECHSTORE_read_pem(store, in, 0)
                               : OSSL_ECHSTORE_read_echconfiglist(store, in)) == 1,
         "reading the configs");
    BIO_free(in);
    return store;
}

static OSSL_ECHSTORE *new_store(void)
{
    return store_of(configs(), false);
}

static void fetch(SSL_CTX *ctx, SSL *ssl, const struct target *target)
{
    int fd = dial(target);
    must(SSL_set_fd(ssl, fd), "SSL_set_fd");
    must(SSL_connect(ssl), "SSL_connect");
    exchange(ssl, target);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

static void run_base64(const struct target *target)
{
    SSL_CTX *ctx = new_context(target);
    SSL *ssl = make_ssl(ctx, target);
    must(SSL_set1_ech_config_list(ssl, (const unsigned char *)configs(), strlen(configs())),
         "SSL_set1_ech_config_list");
    fetch(ctx, ssl, target);
}

static void run_binary(const struct target *target)
{
    unsigned char list[2000];
    size_t length = strlen(configs());
    if (length / 4 * 3 > sizeof list ||
        EVP_DecodeBlock(list, (const unsigned char *)configs(), (int)length) < 0) {
        fail("CONFIGS is no base64");
    }
    SSL_CTX *ctx = new_context(target);
    SSL *ssl = make_ssl(ctx, target);
    must(SSL_set1_ech_config_list(ssl, list, (size_t)(list[0] << 8 | list[1]) + 2),
         "SSL_set1_ech_config_list");
    fetch(ctx, ssl, target);
}

static void run_store(const struct target *target)
{
    SSL_CTX *ctx = new_context(target);
    SSL *ssl = make_ssl(ctx, target);
    OSSL_ECHSTORE *store = new_store();
    must(SSL_set1_echstore(ssl, store), "SSL_set1_echstore");
    OSSL_ECHSTORE_free(store);
    fetch(ctx, ssl, target);
}

static SSL_CTX *context_with_store(const struct target *target, OSSL_ECHSTORE *store)
{
    SSL_CTX *ctx = new_context(target);
    must(SSL_CTX_set1_echstore(ctx, store), "SSL_CTX_set1_echstore");
    OSSL_ECHSTORE_free(store);
    return ctx;
}

static void run_context(const struct target *target)
{
    SSL_CTX *ctx = context_with_store(target, new_store());
    fetch(ctx, make_ssl(ctx, target), target);
}

static void run_pem(const struct target *target)
{
    char pem[4096];
    snprintf(pem, sizeof pem, "-----BEGIN ECHCONFIG-----\n%s\n-----END ECHCONFIG-----\n",
             configs());
    SSL_CTX *ctx = context_with_store(target, store_of(pem, true));
    fetch(ctx, make_ssl(ctx, target), target);
}

static void run_copy(const struct target *target)
{
    SSL_CTX *ctx = context_with_store(target, new_store());
    SSL *first = make_ssl(ctx, target);
    SSL *ssl = SSL_dup(first);
    SSL_free(first);
    name_peer(ssl, target);
    fetch(ctx, ssl, target);
}

/* The handshake begins within the library. */
static void run_bio(const struct target *target)
{
    SSL_CTX *ctx = context_with_store(target, new_store());
    SSL *ssl;
    int fd = dial(target);
    BIO *bio = BIO_push(BIO_new_ssl(ctx, 1), BIO_new_socket(fd, BIO_NOCLOSE));
    BIO_get_ssl(bio, &ssl);
    name_peer(ssl, target);
    must((int)BIO_do_handshake(bio), "BIO_do_handshake");
    exchange(ssl, target);
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    close(fd);
}

/* ---- connections that carry the true name ---- */

static void run_none(const struct target *target)
{
    SSL_CTX *ctx = new_context(target);
    fetch(ctx, make_ssl(ctx, target), target);
}

static void run_grease(const struct target *target)
{
    SSL_CTX *ctx = new_context(target);
    SSL *ssl = make_ssl(ctx, target);
    SSL_set_options(ssl, ECH_GREASE);
    fetch(ctx, ssl, target);
}

/* A list for one connection does not apply to the next. */
static void run_grease_after(const struct target *target)
{
    run_base64(target);
    run_grease(target);
}

static void run_none_after(const struct target *target)
{
    run_context(target);
    run_none(target);
}

static void run_bio_grease_after(const struct target *target)
{
    run_base64(target);
    SSL_CTX *ctx = new_context(target);
    SSL_CTX_set_options(ctx, ECH_GREASE);
    SSL *ssl;
    int fd = dial(target);
    BIO *bio = BIO_push(BIO_new_ssl(ctx, 1), BIO_new_socket(fd, BIO_NOCLOSE));
    BIO_get_ssl(bio, &ssl);
    name_peer(ssl, target);
    must((int)BIO_do_handshake(bio), "BIO_do_handshake");
}

/* The program itself names the host in the outer hello. */
static void run_outer_name(const struct target *target)
{
    SSL_CTX *ctx = new_context(target);
    SSL *ssl = make_ssl(ctx, target);
    must(SSL_set1_ech_config_list(ssl, (const unsigned char *)configs(), strlen(configs())),
         "SSL_set1_ech_config_list");
    must(SSL_ech_set1_outer_server_name(ssl, target->host, 0), "the outer name");
    fetch(ctx, ssl, target);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"base64", run_base64},
        {"binary", run_binary},
        {"store", run_store},
        {"context", run_context},
        {"pem", run_pem},
        {"copy", run_copy},
        {"bio", run_bio},
        {"none", run_none},
        {"grease", run_grease},
        {"grease-after", run_grease_after},
        {"none-after", run_none_after},
        {"bio-grease-after", run_bio_grease_after},
        {"outer-name", run_outer_name},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
