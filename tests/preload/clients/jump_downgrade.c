/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A handshake fails; then a signal handler jumps out of a waiting call; then the program tries
 * again with less, TLS 1.2 or no name, as many do: HOST PORT CAFILE MODE. MODE is the call to jump
 * out of and what comes then, for example "names-tls12". Says whether the last attempt succeeded.
 * STALLS is a name for which no resolver answers; the server is slow. All connections go to the
 * same address, without a look-up.
 */
#include "client.h"

#include <gnutls/gnutls.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define ADDRESS "127.0.0.1"

enum { JUMP_US = 60000 }; /* shorter than a handshake */

enum less { NOTHING_LESS, TLS12, NO_NAME };

static sigjmp_buf back;
static volatile sig_atomic_t armed;
static volatile sig_atomic_t jumped;

static void on_alarm(int number)
{
    (void)number;
    if (armed) {
        armed = 0;
        jumped = 1;
        siglongjmp(back, 1);
    }
}

static void arm(bool on)
{
    struct itimerval timer = {.it_value = {.tv_usec = on ? JUMP_US : 0}};
    armed = on;
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

/* The test is not about certificates. */
static bool by_openssl(const struct target *target, enum less less, bool jump)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = dial(&(struct target){.host = ADDRESS, .port = target->port});
    volatile bool done = false;
    if (less == TLS12) {
        SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    }
    if (less != NO_NAME) {
        SSL_set_tlsext_host_name(ssl, target->host);
    }
    SSL_set_fd(ssl, fd);
    if (sigsetjmp(back, 1) == 0) {
        arm(jump);
        done = SSL_connect(ssl) == 1;
    }
    arm(false);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
    return done;
}

static bool by_gnutls(const struct target *target, enum less less, bool jump)
{
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd = dial(&(struct target){.host = ADDRESS, .port = target->port});
    volatile bool done = false;
    (void)gnutls_certificate_allocate_credentials(&credentials);
    (void)gnutls_init(&session, GNUTLS_CLIENT);
    (void)gnutls_priority_set_direct(
        session, less == TLS12 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL", NULL);
    if (less != NO_NAME) {
        (void)gnutls_server_name_set(session, GNUTLS_NAME_DNS, target->host, strlen(target->host));
    }
    (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, fd);
    if (sigsetjmp(back, 1) == 0) {
        arm(jump);
        done = gnutls_handshake(session) == 0;
    }
    arm(false);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    (void)close(fd);
    return done;
}

static void leave_getaddrinfo(const char *name)
{
    struct addrinfo *list = NULL;
    if (sigsetjmp(back, 1) == 0) {
        arm(true);
        if (getaddrinfo(name, "443", NULL, &list) == 0) {
            freeaddrinfo(list);
        }
    }
    arm(false);
}

typedef bool attempt(const struct target *target, enum less less, bool jump);

static void run(const struct target *target, const char *mode)
{
    const char *stalls = getenv("STALLS");
    attempt *attempt = strstr(mode, "gnutls") != NULL ? by_gnutls : by_openssl;
    if (stalls == NULL || attempt(target, NOTHING_LESS, false)) {
        fail("the first attempt went through");
    }
    if (strstr(mode, "names") != NULL) {
        leave_getaddrinfo(stalls);
    } else {
        (void)attempt(target, NOTHING_LESS, true);
    }
    if (!jumped) {
        fail("nobody jumped");
    }
    bool through = attempt(target, strstr(mode, "tls12") != NULL ? TLS12 : NO_NAME, false);
    puts(through ? "the last attempt went through" : "the last attempt was stopped");
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fail("usage: jump_downgrade HOST PORT CAFILE MODE");
    }
    const struct target target = {argv[1], argv[2], argv[3], "."};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGALRM, on_alarm);
    run(&target, argv[4]);
    return 0;
}
