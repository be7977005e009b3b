/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What programs do with OpenSSL 4 that matters where the library has an ECH client of its own. The
 * programs themselves do not know ECH. One mode for each; all of them end with "all is well", or
 * say what became of their second attempt.
 */
#include "openssl_client.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OpenSSL 4.0's; the headers here are older. */
int SSL_ech_get1_status(SSL *ssl, char **inner, char **outer);
#define ECH_GREASE ((uint64_t)1 << 37)

/* ---- one SSL, two connections ---- */

/* True if it succeeded. A failure has an entry in the error queue. */
static bool attempt(SSL *ssl, const struct target *target)
{
    int fd = dial(target);
    ERR_clear_error();
    SSL_set_fd(ssl, fd);
    int result = SSL_connect(ssl);
    if (result == 1) {
        exchange(ssl, target);
        (void)SSL_shutdown(ssl);
    } else if (SSL_get_error(ssl, result) != SSL_ERROR_SSL || ERR_peek_error() == 0) {
        fail("a failure without an entry");
    }
    close(fd);
    return result == 1;
}

static void tell_attempt(const char *which, bool succeeded)
{
    printf("%s: %s\n", which, succeeded ? "well" : ERR_reason_error_string(ERR_peek_error()));
}

static void run_reuse(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    tell_attempt("first", attempt(ssl, target));
    if (SSL_clear(ssl) != 1) {
        fail_ssl("SSL_clear");
    }
    name_peer(ssl, target);
    tell_attempt("second", attempt(ssl, target));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* The copy of an SSL that made its handshake has what the SSL was given. */
static void run_reuse_copy(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    tell_attempt("first", attempt(ssl, target));
    if (SSL_clear(ssl) != 1) {
        fail_ssl("SSL_clear");
    }
    SSL *copy = SSL_dup(ssl);
    if (copy == NULL || copy == ssl) {
        fail("SSL_dup makes no copy");
    }
    SSL_free(ssl);
    name_peer(copy, target);
    tell_attempt("second", attempt(copy, target));
    SSL_free(copy);
    SSL_CTX_free(ctx);
}

/* Two SSLs, as after any error. */
static void run_twice(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = make_ssl(ctx, target);
        tell_attempt(i == 0 ? "first" : "second", attempt(ssl, target));
        SSL_free(ssl);
    }
    SSL_CTX_free(ctx);
}

/* The same with a server that gives other answers than ours. */
static void run_twice_connect(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = make_ssl(ctx, target);
        int fd = dial(target);
        ERR_clear_error();
        SSL_set_fd(ssl, fd);
        tell_attempt(i == 0 ? "first" : "second", SSL_connect(ssl) == 1);
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(ctx);
}

/* ---- extensions of the program ---- */

static int add_calls;

static int add_nothing(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                       size_t *outlen, X509 *x, size_t chain_index, int *alert, void *argument)
{
    (void)ssl, (void)type, (void)context, (void)out, (void)outlen, (void)x, (void)chain_index;
    (void)alert, (void)argument;
    add_calls++;
    return 0;
}

static int add_something(SSL *ssl, unsigned type, const unsigned char **out, size_t *outlen,
                         int *alert, void *argument)
{
    (void)ssl, (void)type, (void)alert, (void)argument;
    *out = (const unsigned char *)"own";
    *outlen = 3;
    add_calls++;
    return 1;
}

static void fetch(SSL_CTX *ctx, const struct target *target)
{
    SSL *ssl = make_ssl(ctx, target);
    bool done = attempt(ssl, target);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    if (!done) {
        fail_ssl("SSL_connect");
    }
}

static void add_extension(const struct target *target, unsigned context)
{
    SSL_CTX *ctx = make_ctx(target);
    if (SSL_CTX_add_custom_ext(ctx, 0xff77, context, add_nothing, NULL, NULL, NULL, NULL) != 1) {
        fail_ssl("SSL_CTX_add_custom_ext");
    }
    fetch(ctx, target);
}

static void run_extension(const struct target *target)
{
    add_extension(target, SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS);
    if (add_calls == 0) {
        fail("the callback of the extension was not called");
    }
}

static void run_client_extension(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    if (SSL_CTX_add_client_custom_ext(ctx, 0xff77, add_something, NULL, NULL, NULL, NULL) != 1) {
        fail_ssl("SSL_CTX_add_client_custom_ext");
    }
    fetch(ctx, target);
    if (add_calls == 0) {
        fail("the callback of the extension was not called");
    }
}

/* One that is in no ClientHello. */
static void run_certificate_extension(const struct target *target)
{
    add_extension(target, SSL_EXT_TLS1_3_CERTIFICATE);
}

/* The context in use when the handshake begins counts. */
static void run_extension_elsewhere(const struct target *target)
{
    SSL_CTX *first = make_ctx(target);
    SSL_CTX *second = make_ctx(target);
    if (SSL_CTX_add_client_custom_ext(first, 0xff77, add_something, NULL, NULL, NULL, NULL) != 1) {
        fail_ssl("SSL_CTX_add_client_custom_ext");
    }
    SSL *ssl = make_ssl(first, target);
    SSL_set_SSL_CTX(ssl, second);
    if (!attempt(ssl, target)) {
        fail_ssl("SSL_connect");
    }
    SSL_free(ssl);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
}

static void run_own_grease(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_options(ctx, ECH_GREASE);
    fetch(ctx, target);
}

static void run_old_versions(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    if (SSL_get_max_proto_version(ssl) != TLS1_2_VERSION) {
        fail("the maximum has changed");
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

/* ---- info callbacks ---- */

enum { ON_CONTEXT = 1, ON_SSL = 2 };
static int heard;  /* by whom */
static bool began; /* a handshake */
static bool ended;

static void note(int who, int where)
{
    heard |= who;
    began = began || (where & SSL_CB_HANDSHAKE_START) != 0;
    ended = ended || (where & SSL_CB_HANDSHAKE_DONE) != 0;
}

static void on_context(const SSL *ssl, int where, int value)
{
    (void)ssl, (void)value;
    note(ON_CONTEXT, where);
}

static void on_ssl(const SSL *ssl, int where, int value)
{
    (void)ssl, (void)value;
    note(ON_SSL, where);
}

static void expect_heard(int who, const char *what)
{
    if (heard != who || began != (who != 0) || ended != (who != 0)) {
        fail("%s: heard by %d, not %d", what, heard, who);
    }
    heard = 0;
    began = false;
    ended = false;
}

typedef void info_callback(const SSL *ssl, int where, int value);

/* By SSL_connect, or by BIO_f_ssl, where no hook sees the handshake begin. */
static void fetch_with(SSL_CTX *ctx, info_callback *callback, bool by_bio,
                       const struct target *target)
{
    int fd = dial(target);
    SSL *ssl = make_ssl(ctx, target);
    SSL_set_info_callback(ssl, callback);
    if (SSL_get_info_callback(ssl) != callback) {
        fail("the SSL has another callback");
    }
    SSL *copy = SSL_dup(ssl);
    if (copy == NULL || SSL_get_info_callback(copy) != callback) {
        fail("the copy has another callback");
    }
    SSL_free(ssl);
    name_peer(copy, target);
    SSL_set_fd(copy, fd);
    SSL_set_connect_state(copy);
    if (by_bio) {
        BIO *bio = BIO_new(BIO_f_ssl());
        BIO_set_ssl(bio, copy, BIO_NOCLOSE);
        if (BIO_do_handshake(bio) != 1) {
            fail_ssl("BIO_do_handshake");
        }
        BIO_free(bio);
    } else if (SSL_connect(copy) != 1) {
        fail_ssl("SSL_connect");
    }
    exchange(copy, target);
    SSL_free(copy);
    close(fd);
}

static void run_callbacks(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    if (SSL_CTX_get_info_callback(ctx) != NULL) {
        fail("the context has a callback");
    }
    fetch_with(ctx, NULL, true, target);
    expect_heard(0, "none");
    SSL_CTX_set_info_callback(ctx, on_context);
    if (SSL_CTX_get_info_callback(ctx) != on_context) {
        fail("the context has another callback");
    }
    fetch_with(ctx, NULL, false, target);
    expect_heard(ON_CONTEXT, "the context's, SSL_connect");
    fetch_with(ctx, NULL, true, target);
    expect_heard(ON_CONTEXT, "the context's, BIO_f_ssl");
    fetch_with(ctx, on_ssl, false, target);
    expect_heard(ON_SSL, "the SSL's, SSL_connect");
    fetch_with(ctx, on_ssl, true, target);
    expect_heard(ON_SSL, "the SSL's, BIO_f_ssl");
    SSL_CTX_set_info_callback(ctx, NULL);
    if (SSL_CTX_get_info_callback(ctx) != NULL) {
        fail("the context keeps its callback");
    }
    fetch_with(ctx, NULL, true, target);
    expect_heard(0, "none again");
    SSL_CTX_free(ctx);
}

/* ---- what the program sees ---- */

static void run_view(const struct target *target)
{
    char *inner = NULL;
    char *outer = NULL;
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    uint64_t options = SSL_get_options(ssl);
    long minimum = SSL_get_min_proto_version(ssl);
    if (!attempt(ssl, target)) {
        fail_ssl("SSL_connect");
    }
    if (SSL_get_options(ssl) != options || SSL_get_min_proto_version(ssl) != minimum) {
        fail("options or versions have changed");
    }
    int status = SSL_ech_get1_status(ssl, &inner, &outer);
    printf("status %d, inner %s, outer %s\n", status, inner != NULL ? inner : "-",
           outer != NULL ? outer : "-");
    OPENSSL_free(inner);
    OPENSSL_free(outer);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* ALPN as long as the payload of ECH allows, or longer. */
static void run_protocols(const struct target *target)
{
    enum { EACH = 10, MOST = 1000 };
    static unsigned char protocols[EACH * MOST];
    unsigned count = (unsigned)atoi(getenv("PROTOCOLS"));
    SSL_CTX *ctx = make_ctx(target);
    for (unsigned i = 0; i < count && i < MOST; i++) {
        char name[EACH + 1];
        (void)snprintf(name, sizeof name, "%cproto%04u", EACH - 1, i);
        memcpy(protocols + (size_t)i * EACH, name, EACH);
    }
    SSL_CTX_set_alpn_protos(ctx, protocols, count * EACH);
    fetch(ctx, target);
}

int main(int count, char **arguments)
{
    static const struct mode modes[] = {
        {"reuse", run_reuse},
        {"reuse-copy", run_reuse_copy},
        {"twice", run_twice},
        {"twice-connect", run_twice_connect},
        {"extension", run_extension},
        {"client-extension", run_client_extension},
        {"certificate-extension", run_certificate_extension},
        {"extension-elsewhere", run_extension_elsewhere},
        {"own-grease", run_own_grease},
        {"old-versions", run_old_versions},
        {"callbacks", run_callbacks},
        {"view", run_view},
        {"protocols", run_protocols},
        {NULL, NULL},
    };
    return run_mode_of(count, arguments, modes);
}
