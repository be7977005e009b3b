/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenSSL as programs use it: one mode for each way to begin a handshake and each kind of
 * transport. Modes with more than one connection are in openssl_many.c. */
#include "openssl_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void end(SSL *ssl, SSL_CTX *ctx, int fd)
{
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
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
    end(ssl, ctx, fd);
}

static void run_do_handshake(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (SSL_do_handshake(ssl) != 1) {
        fail_ssl("SSL_do_handshake");
    }
    exchange(ssl, target);
    end(ssl, ctx, fd);
}

static void run_ex_calls(const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    size_t done;
    SSL_CTX *ctx = SSL_CTX_new_ex(NULL, NULL, TLS_method());
    if (ctx == NULL || !SSL_CTX_load_verify_file(ctx, target->ca)) {
        fail_ssl("SSL_CTX_new_ex");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    size_t len = make_request(target, request, sizeof request);
    if (SSL_write_ex(ssl, request, len, &done) != 1 || done != len) {
        fail_ssl("SSL_write_ex");
    }
    while (SSL_read_ex(ssl, chunk, sizeof chunk, &done) == 1) {
        response_add(&response, chunk, done);
    }
    response_check(&response, target);
    end(ssl, ctx, fd);
}

/* The program sets the name after the transport, and reads and writes by two sockets. */
static void run_two_fds(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = SSL_new(ctx);
    int fd = dial(target);
    int other = dup(fd);
    if (ssl == NULL || !SSL_set_rfd(ssl, fd) || !SSL_set_wfd(ssl, other)) {
        fail_ssl("SSL_set_rfd");
    }
    name_peer(ssl, target);
    if (SSL_connect(ssl) != 1 || SSL_get_rfd(ssl) != fd || SSL_get_wfd(ssl) != other) {
        fail_ssl("SSL_connect");
    }
    exchange(ssl, target);
    close(other);
    end(ssl, ctx, fd);
}

/* BIO_f_ssl on a connect BIO: libssl itself makes the SSL. */
static void run_bio_connect(const struct target *target)
{
    char where[300];
    SSL *ssl = NULL;
    SSL_CTX *ctx = make_ctx(target);
    snprintf(where, sizeof where, "%s:%s", target->host, target->port);
    BIO *bio = BIO_new_ssl_connect(ctx);
    if (bio == NULL || BIO_set_conn_hostname(bio, where) != 1 || BIO_get_ssl(bio, &ssl) != 1) {
        fail_ssl("BIO_new_ssl_connect");
    }
    name_peer(ssl, target);
    fetch_by_bio(target, bio);
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
}

static void run_bio_ssl(const struct target *target)
{
    SSL *ssl = NULL;
    SSL_CTX *ctx = make_ctx(target);
    int fd = dial(target);
    BIO *bio = BIO_push(BIO_new_ssl(ctx, 1), BIO_new_socket(fd, BIO_CLOSE));
    if (bio == NULL || BIO_get_ssl(bio, &ssl) != 1) {
        fail_ssl("BIO_new_ssl");
    }
    name_peer(ssl, target);
    fetch_by_bio(target, bio);
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
}

/* ---- memory BIOs: the program itself carries the octets ---- */

static void carry_out(BIO *from, int fd)
{
    char chunk[2000];
    int got;
    while ((got = BIO_read(from, chunk, sizeof chunk)) > 0) {
        if (send(fd, chunk, (size_t)got, MSG_NOSIGNAL) != got) {
            fail("send");
        }
    }
}

/* One pass: sends what is waiting, then takes in something that came. */
static void carry(SSL *ssl, BIO *in, BIO *out, int fd, int result)
{
    char chunk[2000];
    int error = SSL_get_error(ssl, result);
    carry_out(out, fd);
    if (error == SSL_ERROR_WANT_READ) {
        ssize_t got = recv(fd, chunk, sizeof chunk, 0);
        if (got <= 0 || BIO_write(in, chunk, (int)got) != got) {
            fail("recv");
        }
    } else if (error != SSL_ERROR_WANT_WRITE) {
        fail_ssl("a call on memory BIOs");
    }
}

static void run_memory(const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    int result;
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    while ((result = SSL_do_handshake(ssl)) != 1) {
        carry(ssl, in, out, fd, result);
    }
    int len = (int)make_request(target, request, sizeof request);
    while ((result = SSL_write(ssl, request, len)) <= 0) {
        carry(ssl, in, out, fd, result);
    }
    carry_out(out, fd);
    while ((result = SSL_read(ssl, chunk, sizeof chunk)) > 0 ||
           SSL_get_error(ssl, result) != SSL_ERROR_ZERO_RETURN) {
        if (result > 0) {
            response_add(&response, chunk, (size_t)result);
        } else {
            carry(ssl, in, out, fd, result);
        }
    }
    response_check(&response, target);
    end(ssl, ctx, fd);
}

/* ---- transports that take and give little at a time ---- */

static void fetch_stubbornly(const struct target *target, SSL *ssl,
                             void (*await)(SSL *, int, void *), void *argument)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    int result;
    int len = (int)make_request(target, request, sizeof request);
    while ((result = SSL_connect(ssl)) != 1) {
        await(ssl, result, argument);
    }
    while ((result = SSL_write(ssl, request, len)) <= 0) {
        await(ssl, result, argument);
    }
    while ((result = SSL_read(ssl, chunk, sizeof chunk)) > 0 ||
           SSL_get_error(ssl, result) != SSL_ERROR_ZERO_RETURN) {
        if (result > 0) {
            response_add(&response, chunk, (size_t)result);
        } else {
            await(ssl, result, argument);
        }
    }
    response_check(&response, target);
}

static void await_nothing(SSL *ssl, int result, void *argument)
{
    (void)argument;
    int error = SSL_get_error(ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail_ssl("a call on our own BIO");
    }
}

static void fetch_by_own_bio(const struct target *target, struct own_bio own)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    own.fd = dial(target);
    BIO *bio = make_own_bio(&own);
    SSL_set_bio(ssl, bio, bio);
    fetch_stubbornly(target, ssl, await_nothing, NULL);
    end(ssl, ctx, own.fd);
}

static void run_own_bio(const struct target *target)
{
    fetch_by_own_bio(target, (struct own_bio){.read_max = 1 << 20, .write_max = 1 << 20});
}

static void run_dribble(const struct target *target)
{
    fetch_by_own_bio(target, (struct own_bio){.read_max = 1, .write_max = 7});
}

static void run_stutter(const struct target *target)
{
    fetch_by_own_bio(target, (struct own_bio){.read_max = 1, .write_max = 7, .stutter = true});
}

/* A blocking socket whose calls may be interrupted: libssl then says "again". */
static void run_patient(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    fetch_stubbornly(target, ssl, await_nothing, NULL);
    end(ssl, ctx, fd);
}

/* The first share is of a rare group that the program chose itself. */
static void run_ffdhe(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    if (SSL_CTX_set1_groups_list(ctx, "ffdhe2048:X25519:P-384") != 1) {
        fail_ssl("SSL_CTX_set1_groups_list");
    }
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    fetch_stubbornly(target, ssl, await_nothing, NULL);
    end(ssl, ctx, fd);
}

static void await_epoll(SSL *ssl, int result, void *argument)
{
    const int *epoll = argument;
    int error = SSL_get_error(ssl, result);
    struct epoll_event event = {.events = error == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN};
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail_ssl("a call on a non-blocking socket");
    }
    if (epoll_ctl(*epoll, EPOLL_CTL_MOD, SSL_get_fd(ssl), &event) != 0) {
        fail("epoll_ctl, descriptor %d: %s", SSL_get_fd(ssl), strerror(errno));
    }
    int count = epoll_wait(*epoll, &event, 1, 20000);
    if (count != 1) {
        fail("nothing happened on the socket: %s", count == 0 ? "time-out" : strerror(errno));
    }
}

static void await_epoll_and_set_fd(SSL *ssl, int result, void *argument)
{
    int fd = SSL_get_fd(ssl);
    await_epoll(ssl, result, argument);
    if (SSL_set_fd(ssl, fd) != 1) {
        fail_ssl("SSL_set_fd");
    }
}

static void await_epoll_and_set_both(SSL *ssl, int result, void *argument)
{
    int fd = SSL_get_fd(ssl);
    await_epoll(ssl, result, argument);
    if (SSL_set_rfd(ssl, fd) != 1 || SSL_set_wfd(ssl, fd) != 1) {
        fail_ssl("SSL_set_rfd, SSL_set_wfd");
    }
}

static void fetch_by_epoll(const struct target *target, void (*await)(SSL *, int, void *))
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial_nonblocking(target);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLOUT};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0 ||
        epoll_wait(epoll, &event, 1, 20000) != 1) {
        fail("no connection");
    }
    SSL_set_fd(ssl, fd);
    fetch_stubbornly(target, ssl, await, &epoll);
    close(epoll);
    end(ssl, ctx, fd);
}

static void run_epoll(const struct target *target)
{
    fetch_by_epoll(target, await_epoll);
}

/* The program sets the descriptor anew before each call of the handshake. */
static void run_set_fd(const struct target *target)
{
    fetch_by_epoll(target, await_epoll_and_set_fd);
    fetch_by_epoll(target, await_epoll_and_set_both);
}

/* It allows what libssl offers, but no suite with CBC, and no signature of SHA-1. */
static int own_security(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int number,
                        void *other, void *argument)
{
    (void)ssl, (void)ctx, (void)bits, (void)argument;
    if (operation == SSL_SECOP_CIPHER_SUPPORTED) {
        const char *name = SSL_CIPHER_get_name(other);
        return strncmp(name, "TLS_", 4) == 0 || strstr(name, "GCM") != NULL;
    }
    if (operation == SSL_SECOP_VERSION) {
        return number >= TLS1_2_VERSION;
    }
    return operation != SSL_SECOP_SIGALG_SUPPORTED || bits > 80;
}

static void run_security_callback(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_security_callback(ctx, own_security);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

/* ---- a pre-shared key of the program's own, by the function of TLS 1.3 ---- */

/* The server does not know it. */
static int own_psk(SSL *ssl, const EVP_MD *digest, const unsigned char **identity, size_t *length,
                   SSL_SESSION **session)
{
    static const unsigned char key[48] = {9, 14, 3, 2};
    /* TLS_AES_256_GCM_SHA384, which the server chooses with its HelloRetryRequest: libssl offers no
     * key with another hash then. */
    static const unsigned char suite[] = {0x13, 0x02};
    (void)digest;
    *identity = (const unsigned char *)"an identity of the program's own";
    *length = strlen((const char *)*identity);
    *session = SSL_SESSION_new();
    return *session != NULL && SSL_SESSION_set1_master_key(*session, key, sizeof key) == 1 &&
           SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)) == 1 &&
           SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION) == 1;
}

static void run_own_psk(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl;
    int fd;
    SSL_CTX_set_psk_use_session_callback(ctx, own_psk);
    ssl = make_ssl(ctx, target);
    fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_set_psk_use_session_callback(ctx, NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    ssl = make_ssl(ctx, target);
    SSL_set_psk_use_session_callback(ssl, own_psk);
    fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"direct", fetch_plainly},
        {"implicit", run_implicit},
        {"do-handshake", run_do_handshake},
        {"ex-calls", run_ex_calls},
        {"two-fds", run_two_fds},
        {"bio-connect", run_bio_connect},
        {"bio-ssl", run_bio_ssl},
        {"buffered", run_buffered},
        {"buffered-ahead", run_buffered_ahead},
        {"null-filter", run_null_filter},
        {"nested-filters", run_nested_filters},
        {"own-buffer", run_own_buffer},
        {"buffered-memory", run_buffered_memory},
        {"memory", run_memory},
        {"own-bio", run_own_bio},
        {"dribble", run_dribble},
        {"stutter", run_stutter},
        {"patient", run_patient},
        {"ffdhe", run_ffdhe},
        {"epoll", run_epoll},
        {"set-fd", run_set_fd},
        {"security-callback", run_security_callback},
        {"own-psk", run_own_psk},
        {"threads", run_threads},
        {"threads-shared-ctx", run_threads_shared_ctx},
        {"fork", run_fork},
        {"resume", run_resume},
        {"early", run_early},
        {"clear", run_clear},
        {"dup", run_dup},
        {"dtls", run_dtls},
        {"dtls-only", run_dtls_only},
        {"server", run_server},
        {"premature", run_premature},
        {"unseen", run_unseen},
        {"unseen-resume", run_unseen_resume},
        {"unseen-write", run_unseen_write},
        {"same-fd-again", run_same_fd_again},
        {"clear-midway", run_clear_midway},
        {"after-failure", run_after_failure},
        {"state", run_state},
        {"fork-midway", run_fork_midway},
        {"endurance", run_endurance},
        {"late-name", run_late_name},
        {"late-name-in-loop", run_late_name_in_loop},
        {"late-other-name", run_late_other_name},
        {"late-no-name", run_late_no_name},
        {"late-versions", run_late_versions},
        {"late-tls12", run_late_tls12},
        {"late-no-tls13", run_late_no_tls13},
        {"late-transport", run_late_transport},
        {"late-context", run_late_context},
        {"late-settings", run_late_settings},
        {"late-session", run_late_session},
        {"late-security", run_late_security},
        {"late-copy", run_late_copy},
        {"late-again", run_late_again},
        {"pushed-midway", run_pushed_midway},
        {"pushed-again", run_pushed_again},
        {"put-before", run_put_before},
        {"put-before-and-away", run_put_before_and_away},
        {"taken-and-pushed", run_taken_and_pushed},
        {"copied-midway", run_copied_midway},
        {"kernel", run_kernel},
        {"late-descriptor", run_late_descriptor},
        {"late-bio", run_late_bio},
        {"late-halves", run_late_halves},
        {"late-push", run_late_push},
        {"qt", run_qt},
        {"qt-later", run_qt_later},
        {"qt-threads", run_qt_threads},
        {"qt-fork", run_qt_fork},
        {"all-indexes", run_all_indexes},
        {"index-callbacks", run_index_callbacks},
        {"bio-types", run_bio_types},
        {"orders", run_orders},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
