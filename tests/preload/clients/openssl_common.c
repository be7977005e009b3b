/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "openssl_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void fail_ssl(const char *what)
{
    ERR_print_errors_fp(stderr);
    fail("%s failed", what);
}

SSL_CTX *make_ctx(const struct target *target)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || !SSL_CTX_load_verify_locations(ctx, target->ca, NULL)) {
        fail_ssl("SSL_CTX_new");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

void name_peer(SSL *ssl, const struct target *target)
{
    if (!SSL_set_tlsext_host_name(ssl, target->host) || !SSL_set1_host(ssl, target->host)) {
        fail_ssl("naming the peer");
    }
}

SSL *make_ssl(SSL_CTX *ctx, const struct target *target)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL) {
        fail_ssl("SSL_new");
    }
    name_peer(ssl, target);
    return ssl;
}

void send_request(SSL *ssl, const struct target *target)
{
    char request[512];
    int len = (int)make_request(target, request, sizeof request);
    if (SSL_write(ssl, request, len) != len) {
        fail_ssl("SSL_write");
    }
}

void read_response(SSL *ssl, const struct target *target)
{
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    if (SSL_get_error(ssl, got) != SSL_ERROR_ZERO_RETURN) {
        fail_ssl("SSL_read");
    }
    response_check(&response, target);
    if (SSL_get_verify_result(ssl) != X509_V_OK || SSL_version(ssl) != TLS1_3_VERSION) {
        fail("not verified, or not TLS 1.3");
    }
}

void exchange(SSL *ssl, const struct target *target)
{
    send_request(ssl, target);
    read_response(ssl, target);
}

void connect_and_exchange(SSL *ssl, const struct target *target, int fd)
{
    if (!SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == NULL || strcmp(name, target->host) != 0) {
        fail("SSL_get_servername gives %s", name != NULL ? name : "nothing");
    }
    if (SSL_get_fd(ssl) != fd) {
        fail("SSL_get_fd gives another socket");
    }
    exchange(ssl, target);
}

void fetch_plainly(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

void fetch_by_bio(const struct target *target, BIO *bio)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int got;
    int len = (int)make_request(target, request, sizeof request);
    if (BIO_do_handshake(bio) != 1 || BIO_write(bio, request, len) != len || BIO_flush(bio) != 1) {
        fail_ssl("BIO_do_handshake");
    }
    while ((got = BIO_read(bio, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    response_check(&response, target);
}

/* ---- a transport of our own ---- */

static bool says_retry(BIO *bio, int flag)
{
    struct own_bio *own = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    own->said_retry = own->stutter && !own->said_retry;
    if (own->said_retry) {
        BIO_set_flags(bio, flag | BIO_FLAGS_SHOULD_RETRY);
    }
    return own->said_retry;
}

static int own_read(BIO *bio, char *data, size_t len, size_t *done)
{
    struct own_bio *own = BIO_get_data(bio);
    *done = 0;
    if (says_retry(bio, BIO_FLAGS_READ)) {
        return -1;
    }
    ssize_t got = recv(own->fd, data, len < own->read_max ? len : own->read_max, 0);
    *done = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static int own_write(BIO *bio, const char *data, size_t len, size_t *done)
{
    struct own_bio *own = BIO_get_data(bio);
    *done = 0;
    if (says_retry(bio, BIO_FLAGS_WRITE)) {
        return -1;
    }
    ssize_t put = send(own->fd, data, len < own->write_max ? len : own->write_max, MSG_NOSIGNAL);
    *done = put > 0 ? (size_t)put : 0;
    return put > 0;
}

enum { SET_KTLS = 72 }; /* openssl/bio.h has it only in a comment */

static long own_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    struct own_bio *own = BIO_get_data(bio);
    if (command == BIO_C_GET_FD) {
        *(int *)pointer = own->fd;
        return own->fd;
    }
    if (own != NULL) { /* a copy by BIO_dup_chain has none */
        own->asked_for_kernel = own->asked_for_kernel || command == SET_KTLS;
    }
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO *make_own_bio(struct own_bio *own)
{
    static BIO_METHOD *method;
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "our own");
        BIO_meth_set_read_ex(method, own_read);
        BIO_meth_set_write_ex(method, own_write);
        BIO_meth_set_ctrl(method, own_ctrl);
    }
    BIO *bio = BIO_new(method);
    if (bio == NULL) {
        fail_ssl("BIO_new");
    }
    BIO_set_data(bio, own);
    BIO_set_init(bio, 1);
    return bio;
}
