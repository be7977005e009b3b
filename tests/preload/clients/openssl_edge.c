/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs do with an SSL between the calls of a handshake and after a failed one, and what
 * must be unchanged afterwards. */
#include "openssl_client.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../facts.h"

static void end(SSL *ssl, SSL_CTX *ctx, int fd)
{
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

/* Calls that start no handshake, before the name is set: they must decide nothing. */
void run_premature(const struct target *target)
{
    char octet;
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = SSL_new(ctx);
    int fd = dial(target);
    SSL_set_fd(ssl, fd);
    if (SSL_do_handshake(ssl) > 0 || SSL_peek(ssl, &octet, 1) > 0 || SSL_read(ssl, &octet, 1) > 0) {
        fail("a handshake of neither side");
    }
    ERR_clear_error();
    name_peer(ssl, target);
    connect_and_exchange(ssl, target, fd);
    end(ssl, ctx, fd);
}

/* ---- handshakes that no hook sees start, as when libssl calls itself directly ---- */

static void *unseen(const char *name)
{
    void *library = dlopen(FACT_LIBSSL, RTLD_LAZY | RTLD_NOLOAD);
    void *function = library != NULL ? dlvsym(library, name, FACT_LIBSSL_SYMBOLS) : NULL;
    if (function == NULL) {
        fail("no %s in " FACT_LIBSSL, name);
    }
    return function;
}

static void fetch_unseen(const struct target *target, SSL_CTX *ctx, SSL_SESSION **session)
{
    int (*do_handshake)(SSL *) = (int (*)(SSL *))unseen("SSL_do_handshake");
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    bool resumes = *session != NULL;
    if (!SSL_set_fd(ssl, fd) || (resumes && !SSL_set_session(ssl, *session))) {
        fail_ssl("SSL_set_fd");
    }
    SSL_set_connect_state(ssl);
    if (do_handshake(ssl) != 1) {
        fail_ssl("SSL_do_handshake");
    }
    exchange(ssl, target);
    if (SSL_session_reused(ssl) != resumes) {
        fail("reused is %d", SSL_session_reused(ssl));
    }
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

void run_unseen(const struct target *target)
{
    SSL_SESSION *session = NULL;
    SSL_CTX *ctx = make_ctx(target);
    fetch_unseen(target, ctx, &session);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
}

void run_unseen_resume(const struct target *target)
{
    SSL_SESSION *session = NULL;
    SSL_CTX *ctx = make_ctx(target);
    fetch_unseen(target, ctx, &session);
    fetch_unseen(target, ctx, &session);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
}

void run_unseen_write(const struct target *target)
{
    char request[512];
    int (*write_first)(SSL *, const void *, int) =
        (int (*)(SSL *, const void *, int))unseen("SSL_write");
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    int len = (int)make_request(target, request, sizeof request);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (write_first(ssl, request, len) != len) {
        fail_ssl("SSL_write");
    }
    read_response(ssl, target);
    end(ssl, ctx, fd);
}

/* The first step of a handshake on a non-blocking socket: it waits for the server. */
static void begin(SSL *ssl, int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (!SSL_set_fd(ssl, fd)) {
        fail_ssl("SSL_set_fd");
    }
    (void)SSL_connect(ssl);
}

static void finish(SSL *ssl, const struct target *target, int fd)
{
    int result;
    while ((result = SSL_connect(ssl)) != 1) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ || poll(&ready, 1, 20000) != 1) {
            fail_ssl("SSL_connect");
        }
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    exchange(ssl, target);
}

/* The program sets the same transport again between two calls, by descriptor and by BIO. */
void run_same_fd_again(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    begin(ssl, fd);
    BIO *bio = BIO_new_socket(fd, BIO_NOCLOSE);
    SSL_set_bio(ssl, bio, bio);
    if (SSL_get_rbio(ssl) != bio || SSL_get_wbio(ssl) != bio) {
        fail("the transport is not what the program gave");
    }
    SSL_set_rfd(ssl, fd);
    SSL_set_wfd(ssl, fd);
    SSL_set_fd(ssl, fd);
    finish(ssl, target, fd);
    end(ssl, ctx, fd);
}

/* The program gives the handshake up half-way, and uses the SSL for a new connection. */
void run_clear_midway(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    begin(ssl, fd);
    close(fd);
    if (!SSL_clear(ssl)) {
        fail_ssl("SSL_clear");
    }
    fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    end(ssl, ctx, fd);
}

/* Everything that a program may still try after the handshake failed; then another connection with
 * the same SSL, under the name in other letters. Prints "failed as it should". */
void run_after_failure(const struct target *target)
{
    char octet = 'x';
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    for (int i = 0; i < 2; i++) {
        int fd = dial(target);
        if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) == 1) {
            fail("a handshake succeeded");
        }
        if (ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_SSL) {
            fail_ssl("an error that is not of libssl");
        }
        if (SSL_connect(ssl) == 1 || SSL_do_handshake(ssl) == 1 || SSL_write(ssl, &octet, 1) == 1 ||
            SSL_read(ssl, &octet, 1) == 1 || SSL_shutdown(ssl) == 1) {
            fail("something succeeded after a handshake that failed");
        }
        SSL_set_fd(ssl, fd);
        (void)SSL_connect(ssl);
        (void)SSL_shutdown(ssl);
        close(fd);
        ERR_clear_error();
        SSL_clear(ssl);
        SSL_set_tlsext_host_name(ssl, "SECRET.example.org");
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    printf("failed as it should\n");
}

/* Our hooks keep errno and the error queue in every call in which libssl itself keeps them. */
void run_state(const struct target *target)
{
    ERR_raise(ERR_LIB_USER, 42);
    unsigned long error = ERR_peek_last_error();
    errno = ENOTTY;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (errno != ENOTTY || ERR_peek_last_error() != error) {
        fail("SSL_CTX_new leaves errno %d", errno);
    }
    if (!SSL_CTX_load_verify_locations(ctx, target->ca, NULL)) {
        fail_ssl("the trust anchor");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    errno = ENOTTY;
    if (!SSL_set_fd(ssl, fd) || SSL_get_rbio(ssl) == NULL || SSL_get_fd(ssl) != fd ||
        errno != ENOTTY || ERR_peek_last_error() != error) {
        fail("SSL_set_fd leaves errno %d", errno);
    }
    if (SSL_connect(ssl) != 1 || ERR_peek_error() != 0) {
        fail_ssl("SSL_connect");
    }
    exchange(ssl, target);
    ERR_raise(ERR_LIB_USER, 42);
    errno = ENOTTY;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    if (errno != ENOTTY || ERR_peek_last_error() != error) {
        fail("SSL_free leaves errno %d", errno);
    }
    ERR_clear_error();
    close(fd);
}

/* Children forked while other threads are in handshakes make handshakes of their own. */
static void *fetch_on(void *argument)
{
    for (int i = 0; i < HANDSHAKES_PER_THREAD; i++) {
        fetch_plainly(argument);
    }
    return NULL;
}

enum { STALLED = 77, STALLED_SECONDS = 12 };

/*
 * A child gets OpenSSL's own locks as another thread had them at the fork, and then waits for ever:
 * with and without the shim, in one of some thousand children. That is told from a lock of ours by
 * who called the C library.
 */
static void on_stall(int number)
{
    void *frames[32];
    int count = backtrace(frames, sizeof frames / sizeof *frames);
    for (int i = 1; i < count; i++) {
        Dl_info info;
        if (dladdr(frames[i], &info) != 0 && strstr(info.dli_fname, "/libc.so") == NULL) {
            if (strstr(info.dli_fname, "/libcrypto.so") != NULL) {
                _exit(STALLED);
            }
            break;
        }
    }
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    _exit(number);
}

/* The status of a child that makes a handshake. */
static int handshake_in_child(const struct target *target)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGALRM, on_stall);
        alarm(STALLED_SECONDS);
        fetch_plainly(target);
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

void run_fork_midway(const struct target *target)
{
    enum { OTHERS = 2, CHILDREN = 20, STALLS_MAX = 2 };
    int stalls = 0;
    void *frame;
    (void)backtrace(&frame, 1); /* opens what it needs */
    pthread_t threads[OTHERS];
    fetch_plainly(target);
    for (int i = 0; i < OTHERS; i++) {
        if (pthread_create(&threads[i], NULL, fetch_on, (void *)(size_t)target) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = handshake_in_child(target);
        while (WIFEXITED(status) && WEXITSTATUS(status) == STALLED && stalls++ < STALLS_MAX) {
            status = handshake_in_child(target);
        }
        if (status != 0) {
            fail("a child ended with status %x", (unsigned)status);
        }
    }
    for (int i = 0; i < OTHERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

void run_endurance(const struct target *target)
{
    endure(target, fetch_plainly);
}
