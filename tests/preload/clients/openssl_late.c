/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that change their settings as late as OpenSSL allows: in callbacks at the start of a
 * handshake. Each first has settings other than those that count. */
#include "openssl_client.h"

#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

static const struct target *wanted;
static int at; /* the event in which to make the change */
static void (*act)(SSL *ssl);
static unsigned acted;
static int wanted_fd;
static SSL_CTX *wanted_context;
static SSL_SESSION *wanted_session;

static void on_info(const SSL *ssl, int where, int result)
{
    (void)result;
    if ((where & at) == at && acted++ == 0) {
        act((SSL *)(uintptr_t)ssl);
    }
}

static void set_name(SSL *ssl)
{
    name_peer(ssl, wanted);
}

static void clear_name(SSL *ssl)
{
    SSL_set_tlsext_host_name(ssl, NULL);
}

static void lower_minimum(SSL *ssl)
{
    SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
}

static void lower_maximum(SSL *ssl)
{
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
}

static void forbid_tls13(SSL *ssl)
{
    SSL_set_options(ssl, SSL_OP_NO_TLSv1_3);
}

static void raise_maximum(SSL *ssl)
{
    SSL_set_max_proto_version(ssl, TLS1_3_VERSION);
}

static void set_fd(SSL *ssl)
{
    SSL_set_fd(ssl, wanted_fd);
}

static void set_context(SSL *ssl)
{
    SSL_set_SSL_CTX(ssl, wanted_context);
    name_peer(ssl, wanted);
}

static void set_session(SSL *ssl)
{
    SSL_set_session(ssl, wanted_session);
}

static void set_others(SSL *ssl)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    if (SSL_set_alpn_protos(ssl, alpn, sizeof alpn - 1) != 0 ||
        SSL_set1_groups_list(ssl, "P-256:X25519:P-384") != 1 ||
        SSL_set1_sigalgs_list(ssl, "ECDSA+SHA256:RSA-PSS+SHA256:ECDSA+SHA384") != 1 ||
        SSL_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") != 1) {
        fail_ssl("settings");
    }
}

static int own_security(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int number,
                        void *other, void *argument)
{
    (void)ssl, (void)context, (void)operation, (void)bits, (void)number, (void)other;
    acted += argument == &wanted;
    return 1;
}

static void set_security(SSL *ssl)
{
    SSL_set_security_callback(ssl, own_security);
    SSL_set0_security_ex_data(ssl, (void *)&wanted);
}

static void copy_ssl(SSL *ssl)
{
    SSL *copy = SSL_dup(ssl);
    if (SSL_get1_supported_ciphers(copy) == NULL) {
        fail("a copy has no ciphers");
    }
    SSL_free(copy);
}

/* The program sees its own settings, in callbacks too. */
static void look(SSL *ssl)
{
    if (SSL_get_min_proto_version(ssl) != TLS1_2_VERSION || SSL_get_max_proto_version(ssl) != 0) {
        fail("versions from %x to %x", (unsigned)SSL_get_min_proto_version(ssl),
             (unsigned)SSL_get_max_proto_version(ssl));
    }
    acted = 0;
}

/* Starts with `first` as name (NULL: none), and makes the change in the event. */
static void fetch(const struct target *target, SSL_CTX *ctx, const char *first)
{
    SSL *ssl = SSL_new(ctx);
    wanted_fd = dial(target);
    wanted = target;
    acted = 0;
    SSL_set_info_callback(ssl, on_info);
    if (first != NULL && !SSL_set_tlsext_host_name(ssl, first)) {
        fail_ssl("SSL_set_tlsext_host_name");
    }
    if (act != set_fd) {
        SSL_set_fd(ssl, wanted_fd);
    } else {
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    }
    if (SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    exchange(ssl, target);
    SSL_SESSION_free(wanted_session);
    wanted_session = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(wanted_fd);
}

static void fetch_late(const struct target *target, int event, void (*action)(SSL *ssl),
                       const char *first)
{
    SSL_CTX *ctx = make_ctx(target);
    at = event;
    act = action;
    if (action == look || action == lower_minimum) {
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    } else if (action == raise_maximum) {
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    }
    fetch(target, ctx, first);
    if (acted == 0 && action != look) {
        fail("the callback was not called");
    }
    SSL_CTX_free(ctx);
}

/* As Twisted does. */
void run_late_name(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, set_name, NULL);
}

void run_late_name_in_loop(const struct target *target)
{
    fetch_late(target, SSL_CB_CONNECT_LOOP, set_name, NULL);
}

void run_late_other_name(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, set_name, "first.example.org");
    fetch_late(target, SSL_CB_CONNECT_LOOP, set_name, "first.example.org");
}

void run_late_no_name(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, clear_name, target->host);
}

void run_late_versions(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, lower_minimum, target->host);
    fetch_late(target, SSL_CB_CONNECT_LOOP, lower_minimum, target->host);
    fetch_late(target, SSL_CB_HANDSHAKE_START, raise_maximum, target->host);
    fetch_late(target, SSL_CB_CONNECT_LOOP, look, target->host);
}

/* At the end the hello offers at most TLS 1.2. */
void run_late_tls12(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, lower_maximum, target->host);
}

void run_late_no_tls13(const struct target *target)
{
    fetch_late(target, SSL_CB_CONNECT_LOOP, forbid_tls13, target->host);
}

void run_late_transport(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, set_fd, target->host);
    fetch_late(target, SSL_CB_CONNECT_LOOP, set_fd, target->host);
}

void run_late_context(const struct target *target)
{
    wanted_context = make_ctx(target);
    fetch_late(target, SSL_CB_HANDSHAKE_START, set_context, "first.example.org");
    fetch_late(target, SSL_CB_CONNECT_LOOP, set_context, NULL);
    SSL_CTX_free(wanted_context);
}

void run_late_settings(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, set_others, target->host);
    fetch_late(target, SSL_CB_CONNECT_LOOP, set_others, target->host);
}

void run_late_session(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    fetch_plainly(target);
    at = SSL_CB_HANDSHAKE_START;
    act = look;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    fetch(target, ctx, target->host);
    act = set_session;
    fetch(target, ctx, target->host);
    SSL_CTX_free(ctx);
}

void run_late_security(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, set_security, target->host);
    fetch_late(target, SSL_CB_CONNECT_LOOP, set_security, target->host);
}

void run_late_copy(const struct target *target)
{
    fetch_late(target, SSL_CB_HANDSHAKE_START, copy_ssl, target->host);
}

/* One SSL, two connections: the callback gives each its own name. */
void run_late_again(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = SSL_new(ctx);
    at = SSL_CB_HANDSHAKE_START;
    act = set_name;
    wanted = target;
    SSL_set_info_callback(ssl, on_info);
    for (int i = 0; i < 2; i++) {
        int fd = dial(target);
        acted = 0;
        SSL_set_fd(ssl, fd);
        if (SSL_connect(ssl) != 1) {
            fail_ssl("SSL_connect");
        }
        exchange(ssl, target);
        SSL_shutdown(ssl);
        close(fd);
        if (!SSL_clear(ssl) ||
            !SSL_set_tlsext_host_name(ssl, i == 0 ? "other.example.org" : NULL)) {
            fail_ssl("SSL_clear");
        }
        SSL_set_session(ssl, NULL);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
