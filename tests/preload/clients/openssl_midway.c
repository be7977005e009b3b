/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transports that the program or libssl sets, takes away and changes within a handshake. */
#include "openssl_client.h"

#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

struct midway {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static struct midway start(const struct target *target)
{
    struct midway midway = {.ctx = make_ctx(target), .fd = dial(target)};
    midway.ssl = make_ssl(midway.ctx, target);
    return midway;
}

/* The hello leaves, and then the transport says "later", whether the server has answered or not. */
static BIO *begin(const struct midway *midway, struct own_bio *own)
{
    enum { CHUNK = 1 << 14 };
    int result;
    *own =
        (struct own_bio){.fd = midway->fd, .read_max = CHUNK, .write_max = CHUNK, .stutter = true};
    BIO *transport = make_own_bio(own);
    SSL_set_bio(midway->ssl, transport, transport);
    do {
        result = SSL_connect(midway->ssl);
    } while (SSL_get_error(midway->ssl, result) == SSL_ERROR_WANT_WRITE);
    if (SSL_get_error(midway->ssl, result) != SSL_ERROR_WANT_READ) {
        fail_ssl("the first SSL_connect");
    }
    own->stutter = false;
    return transport;
}

static void finish(const struct midway *midway, const struct target *target)
{
    if (SSL_connect(midway->ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    exchange(midway->ssl, target);
}

static void end(const struct midway *midway)
{
    SSL_CTX_free(midway->ctx);
    close(midway->fd);
}

static BIO *around(const struct midway *midway)
{
    BIO *bio = BIO_new(BIO_f_ssl());
    if (bio == NULL || BIO_set_ssl(bio, midway->ssl, BIO_CLOSE) != 1) {
        fail_ssl("BIO_set_ssl");
    }
    return bio;
}

static void expect_transport(const struct midway *midway, BIO *bio)
{
    if (SSL_get_rbio(midway->ssl) != bio || SSL_get_wbio(midway->ssl) != bio) {
        fail("the transport is not what the program gave");
    }
}

/* libssl removes the transport when BIO_f_ssl is popped, and sets another when it is pushed. */
void run_pushed_midway(const struct target *target)
{
    struct own_bio own;
    struct midway midway = start(target);
    BIO *first = begin(&midway, &own);
    BIO *bio = around(&midway);
    BIO *old = BIO_pop(bio);
    if (old != first) {
        fail("BIO_pop gave another transport");
    }
    expect_transport(&midway, NULL);
    BIO_free(old);
    BIO *transport = BIO_new_socket(midway.fd, BIO_NOCLOSE);
    BIO_push(bio, transport);
    expect_transport(&midway, transport);
    finish(&midway, target);
    BIO_free_all(bio);
    end(&midway);
}

/* A push that changes no transport. */
void run_pushed_again(const struct target *target)
{
    struct own_bio own;
    struct midway midway = start(target);
    BIO *transport = begin(&midway, &own);
    BIO *bio = around(&midway);
    BIO_push(bio, BIO_new(BIO_f_null()));
    expect_transport(&midway, transport);
    finish(&midway, target);
    BIO_free_all(bio);
    end(&midway);
}

/* The hello leaves over a BIO_f_ssl, and then its transport says "later". */
static BIO *begin_chain(SSL_CTX *ctx, const struct target *target, struct own_bio *own)
{
    SSL *ssl = NULL;
    BIO *bio = BIO_push(BIO_new_ssl(ctx, 1), make_own_bio(own));
    if (bio == NULL || BIO_get_ssl(bio, &ssl) != 1) {
        fail_ssl("BIO_new_ssl");
    }
    name_peer(ssl, target);
    own->stutter = true;
    do {
        if (BIO_do_handshake(bio) == 1 || !BIO_should_retry(bio)) {
            fail_ssl("the first BIO_do_handshake");
        }
    } while (!BIO_should_read(bio));
    own->stutter = false;
    return bio;
}

/* The program puts a BIO before BIO_f_ssl, and takes it away. Each time libssl looks whether the
 * SSL has the transport of the chain. */
static void put_before(const struct target *target, bool away)
{
    enum { CHUNK = 1 << 14 };
    SSL_CTX *ctx = make_ctx(target);
    struct own_bio own = {.fd = dial(target), .read_max = CHUNK, .write_max = CHUNK};
    BIO *bio = begin_chain(ctx, target, &own);
    BIO *buffer = BIO_push(BIO_new(BIO_f_buffer()), bio);
    if (away && BIO_pop(buffer) != bio) {
        fail("BIO_pop gave another BIO");
    }
    fetch_by_bio(target, away ? bio : buffer);
    BIO_free_all(buffer);
    if (away) {
        BIO_free_all(bio);
    }
    SSL_CTX_free(ctx);
    close(own.fd);
}

void run_put_before(const struct target *target)
{
    put_before(target, false);
}

void run_put_before_and_away(const struct target *target)
{
    put_before(target, true);
}

/* The program takes the transport from BIO_f_ssl, and pushes it again. */
void run_taken_and_pushed(const struct target *target)
{
    enum { CHUNK = 1 << 14 };
    SSL_CTX *ctx = make_ctx(target);
    struct own_bio own = {.fd = dial(target), .read_max = CHUNK, .write_max = CHUNK};
    BIO *bio = begin_chain(ctx, target, &own);
    BIO *transport = BIO_pop(bio);
    if (transport == NULL || BIO_get_data(transport) != &own) {
        fail("BIO_pop gave another transport");
    }
    BIO_push(bio, transport);
    fetch_by_bio(target, bio);
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    close(own.fd);
}

/* A copy of the chain has the same SSL, and gives it the transport of the copy. The program gives
 * it the first one again. */
void run_copied_midway(const struct target *target)
{
    struct own_bio own;
    struct midway midway = start(target);
    BIO *transport = begin(&midway, &own);
    BIO *bio = around(&midway);
    BIO *copy = BIO_dup_chain(bio);
    if (copy == NULL) {
        fail_ssl("BIO_dup_chain");
    }
    BIO_up_ref(transport);
    SSL_set_bio(midway.ssl, transport, transport);
    finish(&midway, target);
    BIO_free_all(copy);
    BIO_free_all(bio);
    end(&midway);
}

/* ---- TLS in the kernel ---- */

static void enable(const struct midway *midway)
{
#ifdef SSL_OP_ENABLE_KTLS
    (void)SSL_set_options(midway->ssl, SSL_OP_ENABLE_KTLS);
#else
    (void)midway;
#endif
}

/* Over a socket, where the kernel may accept kTLS, and over a transport that refuses it. */
void run_kernel(const struct target *target)
{
    enum { CHUNK = 1 << 14 };
    struct midway midway = start(target);
    enable(&midway);
    SSL_set_fd(midway.ssl, midway.fd);
    finish(&midway, target);
    SSL_free(midway.ssl);
    end(&midway);
    midway = start(target);
    enable(&midway);
    struct own_bio own = {.fd = midway.fd, .read_max = CHUNK, .write_max = CHUNK};
    BIO *transport = make_own_bio(&own);
    SSL_set_bio(midway.ssl, transport, transport);
    finish(&midway, target);
    SSL_free(midway.ssl);
    end(&midway);
    printf("the kernel was asked: %s\n", own.asked_for_kernel ? "yes" : "no");
}

/* ---- no transport until the handshake has begun ---- */

static void begin_without(const struct midway *midway)
{
    int result = SSL_connect(midway->ssl);
    if (result != -1 || SSL_get_error(midway->ssl, result) != SSL_ERROR_SYSCALL ||
        ERR_peek_error() != 0) {
        fail_ssl("SSL_connect without a transport");
    }
}

void run_late_descriptor(const struct target *target)
{
    struct midway midway = start(target);
    begin_without(&midway);
    SSL_set_fd(midway.ssl, midway.fd);
    finish(&midway, target);
    SSL_free(midway.ssl);
    end(&midway);
}

void run_late_bio(const struct target *target)
{
    struct midway midway = start(target);
    begin_without(&midway);
    begin_without(&midway);
    BIO *transport = BIO_new_socket(midway.fd, BIO_NOCLOSE);
    SSL_set_bio(midway.ssl, transport, transport);
    expect_transport(&midway, transport);
    finish(&midway, target);
    SSL_free(midway.ssl);
    end(&midway);
}

void run_late_halves(const struct target *target)
{
    struct midway midway = start(target);
    SSL_set0_rbio(midway.ssl, BIO_new_socket(midway.fd, BIO_NOCLOSE));
    begin_without(&midway);
    SSL_set0_wbio(midway.ssl, BIO_new_socket(midway.fd, BIO_NOCLOSE));
    finish(&midway, target);
    SSL_free(midway.ssl);
    end(&midway);
}

void run_late_push(const struct target *target)
{
    struct midway midway = start(target);
    begin_without(&midway);
    BIO *bio = around(&midway);
    BIO_push(bio, BIO_new_socket(midway.fd, BIO_NOCLOSE));
    finish(&midway, target);
    BIO_free_all(bio);
    end(&midway);
}
