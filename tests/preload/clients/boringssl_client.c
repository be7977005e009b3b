/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BoringSSL as a shared library: one mode for each way to begin a handshake and each transport.
 * What programs set is in boringssl_settings.c. */
#include "boringssl_client.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void fail_ssl(const char *what)
{
    char text[256] = "no error";
    uint32_t error = ERR_peek_error();
    if (error != 0) {
        ERR_error_string_n(error, text, sizeof text);
    }
    fail("%s failed: %s", what, text);
}

SSL_CTX *make_ctx(const struct target *target)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL || !SSL_CTX_load_verify_locations(ctx, target->ca, NULL)) {
        fail_ssl("SSL_CTX_new");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

static SSL *make_ssl(SSL_CTX *ctx, const struct target *target)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || !SSL_set_tlsext_host_name(ssl, target->host) ||
        !X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), target->host, strlen(target->host))) {
        fail_ssl("SSL_new");
    }
    return ssl;
}

static void exchange(SSL *ssl, const struct target *target)
{
    char request[512];
    char chunk[1000];
    int got;
    struct response response = {.len = 0};
    int length = (int)make_request(target, request, sizeof request);
    if (SSL_write(ssl, request, length) != length) {
        fail_ssl("SSL_write");
    }
    while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    if (SSL_get_error(ssl, got) != SSL_ERROR_ZERO_RETURN) {
        fail_ssl("SSL_read");
    }
    response_check(&response, target);
}

static void end(SSL *ssl, int fd)
{
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

void fetch_with(SSL_CTX *ctx, const struct target *target)
{
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    if (!SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    exchange(ssl, target);
    end(ssl, fd);
}

static void run_direct(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    fetch_with(ctx, target);
    SSL_CTX_free(ctx);
}

/* The handshake begins with the first SSL_write. */
static void run_implicit(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    exchange(ssl, target);
    end(ssl, fd);
    SSL_CTX_free(ctx);
}

static void run_do_handshake(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    SSL_set_connect_state(ssl);
    SSL_set_fd(ssl, fd);
    if (SSL_do_handshake(ssl) != 1 || SSL_get_fd(ssl) != fd) {
        fail_ssl("SSL_do_handshake");
    }
    exchange(ssl, target);
    end(ssl, fd);
    SSL_CTX_free(ctx);
}

/* Waits for what the last call asked for. */
static void wait_for(SSL *ssl, int fd, int result)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        await(fd, POLLIN);
        break;
    case SSL_ERROR_WANT_WRITE:
        await(fd, POLLOUT);
        break;
    default:
        fail_ssl("the handshake");
    }
}

static void run_polling(const struct target *target)
{
    char request[512];
    char chunk[1000];
    int result;
    struct response response = {.len = 0};
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial_nonblocking(target);
    await(fd, POLLOUT);
    SSL_set_fd(ssl, fd);
    while ((result = SSL_connect(ssl)) != 1) {
        wait_for(ssl, fd, result);
    }
    int length = (int)make_request(target, request, sizeof request);
    while ((result = SSL_write(ssl, request, length)) <= 0) {
        wait_for(ssl, fd, result);
    }
    for (;;) {
        result = SSL_read(ssl, chunk, sizeof chunk);
        if (result > 0) {
            response_add(&response, chunk, (size_t)result);
        } else if (SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN) {
            break;
        } else {
            wait_for(ssl, fd, result);
        }
    }
    response_check(&response, target);
    end(ssl, fd);
    SSL_CTX_free(ctx);
}

/* The program carries the octets between memory BIOs and its socket. */
static void carry(SSL *ssl, int fd, BIO *in, BIO *out)
{
    char octets[4096];
    int count;
    while ((count = BIO_read(out, octets, sizeof octets)) > 0) {
        if (write(fd, octets, (size_t)count) != count) {
            fail("write: %s", strerror(errno));
        }
    }
    if (SSL_want_read(ssl)) {
        ssize_t got = read(fd, octets, sizeof octets);
        if (got < 0 || (got > 0 && BIO_write(in, octets, (int)got) != got)) {
            fail("read: %s", strerror(errno));
        }
        if (got == 0) {
            BIO_set_mem_eof_return(in, 0);
        }
    }
}

static void run_memory(const struct target *target)
{
    char request[512];
    char chunk[1000];
    int result;
    struct response response = {.len = 0};
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    if (SSL_get_rbio(ssl) != in || SSL_get_wbio(ssl) != out) {
        fail("other BIOs");
    }
    while ((result = SSL_connect(ssl)) != 1) {
        if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
            fail_ssl("SSL_connect");
        }
        if (SSL_get_rbio(ssl) != in || SSL_get_wbio(ssl) != out) {
            fail("other BIOs");
        }
        carry(ssl, fd, in, out);
    }
    int length = (int)make_request(target, request, sizeof request);
    if (SSL_write(ssl, request, length) != length) {
        fail_ssl("SSL_write");
    }
    while ((result = SSL_read(ssl, chunk, sizeof chunk)) != 0) {
        if (result > 0) {
            response_add(&response, chunk, (size_t)result);
        } else if (SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ) {
            carry(ssl, fd, in, out);
        } else {
            fail_ssl("SSL_read");
        }
    }
    response_check(&response, target);
    end(ssl, fd);
    SSL_CTX_free(ctx);
}

/* Other BIOs in the middle of the handshake, for the same descriptor. */
static void run_set_fd_again(const struct target *target)
{
    int result;
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial_nonblocking(target);
    await(fd, POLLOUT);
    do {
        SSL_set_fd(ssl, fd);
        result = SSL_connect(ssl);
        if (result != 1) {
            wait_for(ssl, fd, result);
        }
    } while (result != 1);
    end(ssl, fd);
    SSL_CTX_free(ctx);
}

/* One SSL for two handshakes. */
static void run_clear(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    for (int i = 0; i < 2; i++) {
        int fd = dial(target);
        if (!SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
            fail_ssl("SSL_connect");
        }
        exchange(ssl, target);
        SSL_shutdown(ssl);
        close(fd);
        if (!SSL_clear(ssl)) {
            fail_ssl("SSL_clear");
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* ---- sessions ---- */

static SSL_SESSION *kept;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static SSL_CTX *make_caching_ctx(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    return ctx;
}

static void run_resume(const struct target *target)
{
    SSL_CTX *ctx = make_caching_ctx(target);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = make_ssl(ctx, target);
        int fd = dial(target);
        if (kept != NULL && !SSL_set_session(ssl, kept)) {
            fail_ssl("SSL_set_session");
        }
        if (!SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
            fail_ssl("SSL_connect");
        }
        exchange(ssl, target);
        if (SSL_session_reused(ssl) != i) {
            fail("connection %d: reused is %d", i, SSL_session_reused(ssl));
        }
        end(ssl, fd);
    }
    SSL_CTX_free(ctx);
    printf("reused\n");
}

static void run_early(const struct target *target)
{
    char request[512];
    SSL_CTX *ctx = make_caching_ctx(target);
    SSL_CTX_set_early_data_enabled(ctx, 1);
    int length = (int)make_request(target, request, sizeof request);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = make_ssl(ctx, target);
        int fd = dial(target);
        if (kept != NULL && !SSL_set_session(ssl, kept)) {
            fail_ssl("SSL_set_session");
        }
        if (!SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1) {
            fail_ssl("SSL_connect");
        }
        bool early = SSL_in_early_data(ssl);
        if (early && SSL_write(ssl, request, length) != length) {
            fail_ssl("SSL_write");
        }
        while (early && SSL_in_early_data(ssl)) {
            int result = SSL_do_handshake(ssl);
            if (result != 1 && SSL_get_error(ssl, result) == SSL_ERROR_EARLY_DATA_REJECTED) {
                SSL_reset_early_data_reject(ssl);
                early = false;
                if (SSL_do_handshake(ssl) != 1) {
                    fail_ssl("SSL_do_handshake");
                }
            } else if (result != 1) {
                fail_ssl("SSL_do_handshake");
            }
        }
        if (!early) {
            exchange(ssl, target);
        } else {
            char chunk[1000];
            int got;
            struct response response = {.len = 0};
            while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
                response_add(&response, chunk, (size_t)got);
            }
            response_check(&response, target);
        }
        if (i == 1) {
            printf("early data %s\n", SSL_early_data_accepted(ssl) ? "accepted" : "refused");
        }
        end(ssl, fd);
    }
    SSL_CTX_free(ctx);
}

static void run_threads(const struct target *target)
{
    in_threads(target, run_direct);
}

static void run_fork(const struct target *target)
{
    across_fork(target, run_direct);
}

/* Prints the config_id of the config that the library itself seals its hello to. */
static void on_message(int write, int version, int type, const void *message, size_t length,
                       SSL *ssl, void *context)
{
    enum { EXTENSION_HEADER = 4, CONFIG_ID = 5 };
    static const uint8_t ech[] = {0xfe, 0x0d};
    static const uint8_t outer[] = {0, 0, 1, 0, 1}; /* of HKDF-SHA256, AES-128-GCM */
    const uint8_t *end = (const uint8_t *)message + length;
    const uint8_t *at = write && type == SSL3_RT_HANDSHAKE ? message : NULL;
    (void)version;
    (void)ssl;
    (void)context;
    for (; at != NULL && (at = memmem(at, (size_t)(end - at), ech, sizeof ech)) != NULL; at++) {
        const uint8_t *body = at + EXTENSION_HEADER;
        if (end - body > CONFIG_ID && memcmp(body, outer, sizeof outer) == 0) {
            printf("config_id %u\n", body[CONFIG_ID]);
        }
    }
}

static void run_keys(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_msg_callback(ctx, on_message);
    fetch_with(ctx, target);
    fflush(stdout);
    SSL_CTX_free(ctx);
}

static void run_keys_after_fork(const struct target *target)
{
    enum { FORKS = 4 };
    for (int i = 0; i < FORKS; i++) {
        across_fork(target, run_keys);
    }
}

static void run_endurance(const struct target *target)
{
    endure(target, run_direct);
}

/* Two attempts. Prints how each ends. */
static void run_attempts(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = make_ssl(ctx, target);
        int fd = dial(target);
        SSL_set_fd(ssl, fd);
        if (SSL_connect(ssl) == 1) {
            printf("done\n");
        } else {
            printf("%s\n", ERR_reason_error_string(ERR_get_error()));
        }
        ERR_clear_error();
        SSL_free(ssl);
        close(fd);
    }
    SSL_CTX_free(ctx);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"direct", run_direct},
        {"tls13-only", run_tls13_only},
        {"browser", run_browser},
        {"browser-permuted", run_browser_permuted},
        {"implicit", run_implicit},
        {"do-handshake", run_do_handshake},
        {"polling", run_polling},
        {"memory", run_memory},
        {"set-fd-again", run_set_fd_again},
        {"clear", run_clear},
        {"resume", run_resume},
        {"early", run_early},
        {"threads", run_threads},
        {"fork", run_fork},
        {"keys-after-fork", run_keys_after_fork},
        {"endurance", run_endurance},
        {"attempts", run_attempts},
        {"tls12", run_tls12},
        {"compressed", run_compressed},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
