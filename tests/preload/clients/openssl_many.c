/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modes with several connections, and modes whose peer is in this process. */
#include "openssl_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void run_threads(const struct target *target)
{
    in_threads(target, fetch_plainly);
}

static SSL_CTX *shared_ctx;

static void fetch_with_shared_ctx(const struct target *target)
{
    SSL *ssl = make_ssl(shared_ctx, target);
    int fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    SSL_free(ssl);
    close(fd);
}

void run_threads_shared_ctx(const struct target *target)
{
    shared_ctx = make_ctx(target);
    in_threads(target, fetch_with_shared_ctx);
    SSL_CTX_free(shared_ctx);
}

void run_fork(const struct target *target)
{
    shared_ctx = make_ctx(target);
    across_fork(target, fetch_with_shared_ctx);
    SSL_CTX_free(shared_ctx);
}

/* The second connection resumes the first one's session, by a TLS 1.3 ticket. */
void run_resume(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_SESSION *session = NULL;
    for (int i = 0; i < 2; i++) {
        SSL *ssl = make_ssl(ctx, target);
        int fd = dial(target);
        if (session != NULL && !SSL_set_session(ssl, session)) {
            fail_ssl("SSL_set_session");
        }
        connect_and_exchange(ssl, target, fd);
        if (SSL_session_reused(ssl) != i) {
            fail("connection %d: reused is %d", i, SSL_session_reused(ssl));
        }
        SSL_SESSION_free(session);
        session = SSL_get1_session(ssl);
        SSL_shutdown(ssl);
        SSL_free(ssl);
        close(fd);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    printf("reused\n");
}

/* ---- early data ---- */

enum { EARLY_BODY = 6000, EARLY_PART = 1500 };

/* A request that the server can answer only if it came whole and in order; another may follow it.
 */
static size_t make_early_request(const struct target *target, char *out, size_t size)
{
    int head = snprintf(out, size, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n",
                        target->host, EARLY_BODY);
    if (head < 0 || (size_t)head + EARLY_BODY > size) {
        fail("the early request is too long");
    }
    memset(out + head, 'e', EARLY_BODY);
    return (size_t)head + EARLY_BODY;
}

static void send_early(SSL *ssl, const char *data, size_t len)
{
    size_t sent = 0;
    while (sent < len) {
        size_t written;
        size_t part = len - sent < EARLY_PART ? len - sent : EARLY_PART;
        if (SSL_write_early_data(ssl, data + sent, part, &written) != 1) {
            fail_ssl("SSL_write_early_data");
        }
        sent += written;
    }
}

static SSL_SESSION *fetch_session(SSL_CTX *ctx, const struct target *target)
{
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    connect_and_exchange(ssl, target, fd);
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    if (session == NULL || SSL_SESSION_get_max_early_data(session) < EARLY_BODY) {
        fail("the server takes no early data");
    }
    return session;
}

static unsigned answers_in(SSL *ssl)
{
    char chunk[1000];
    struct response response = {.len = 0};
    unsigned answers = 0;
    int got;
    while ((got = SSL_read(ssl, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    for (const char *at = response.text; (at = strstr(at, "HTTP/1.1 200 ")) != NULL; at++) {
        answers++;
    }
    return answers;
}

void run_early(const struct target *target)
{
    static char request[EARLY_BODY + 300];
    size_t len = make_early_request(target, request, sizeof request);
    SSL_CTX *ctx = make_ctx(target);
    SSL_SESSION *session = fetch_session(ctx, target);
    SSL *ssl = make_ssl(ctx, target);
    int fd = dial(target);
    if (!SSL_set_fd(ssl, fd) || !SSL_set_session(ssl, session)) {
        fail_ssl("SSL_set_session");
    }
    send_early(ssl, request, len);
    if (SSL_connect(ssl) != 1) {
        fail_ssl("SSL_connect");
    }
    bool accepted = SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED;
    printf("early data %s\n", accepted ? "accepted" : "rejected");
    if (!accepted && SSL_write(ssl, request, (int)len) != (int)len) {
        fail_ssl("SSL_write");
    }
    send_request(ssl, target);
    unsigned answers = answers_in(ssl);
    if (answers != 2) {
        fail("%u answers to two requests", answers);
    }
    SSL_free(ssl);
    close(fd);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
}

/* One SSL for two connections, one after the other. */
void run_clear(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *ssl = make_ssl(ctx, target);
    for (int i = 0; i < 2; i++) {
        int fd = dial(target);
        connect_and_exchange(ssl, target, fd);
        SSL_shutdown(ssl);
        close(fd);
        if (!SSL_clear(ssl)) {
            fail_ssl("SSL_clear");
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* A copy made before the handshake, and both used. */
void run_dup(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL *first = make_ssl(ctx, target);
    SSL *second = SSL_dup(first);
    if (second == NULL) {
        fail_ssl("SSL_dup");
    }
    name_peer(second, target);
    SSL *both[] = {first, second};
    for (int i = 0; i < 2; i++) {
        int fd = dial(target);
        connect_and_exchange(both[i], target, fd);
        SSL_free(both[i]);
        close(fd);
    }
    SSL_CTX_free(ctx);
}

/* ---- the peer in this process ---- */

/* That peer has no ECH keys, so the client uses a name without an ECHConfig in the DNS. */
static struct target within_process(const struct target *target)
{
    struct target within = *target;
    within.host = "public.example";
    return within;
}

struct other_end {
    SSL *ssl;
    char name[256];
    int result;
};

static SSL_CTX *make_server_ctx(const struct target *target, const SSL_METHOD *method)
{
    char certificate[512];
    char key[512];
    snprintf(certificate, sizeof certificate, "%s/public.pem", target->pki);
    snprintf(key, sizeof key, "%s/public.key", target->pki);
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL || SSL_CTX_use_certificate_file(ctx, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        fail_ssl("the server's certificate");
    }
    return ctx;
}

static void *accept_one(void *argument)
{
    struct other_end *end = argument;
    end->result = SSL_accept(end->ssl);
    if (end->result != 1) {
        ERR_print_errors_fp(stderr);
        return NULL;
    }
    const char *name = SSL_get_servername(end->ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(end->name, sizeof end->name, "%s", name != NULL ? name : "");
    SSL_write(end->ssl, "x", 1);
    return NULL;
}

/* A handshake between `client` and `server`, whose transports are set. */
static void meet(const struct target *target, SSL *client, SSL *server)
{
    struct other_end end = {.ssl = server};
    pthread_t thread;
    char octet;
    if (pthread_create(&thread, NULL, accept_one, &end) != 0) {
        fail("no thread");
    }
    if (SSL_connect(client) != 1 || SSL_read(client, &octet, 1) != 1) {
        fail_ssl("the handshake within the process");
    }
    pthread_join(thread, NULL);
    if (end.result != 1 || strcmp(end.name, target->host) != 0) {
        fail("the server within the process saw \"%s\"", end.name);
    }
    SSL_free(client);
    SSL_free(server);
}

static int udp_socket(struct sockaddr_in *address)
{
    struct timeval limit = {.tv_sec = 20};
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0) {
        fail("no UDP socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

static BIO *datagram_bio(int fd, const struct sockaddr_in *peer)
{
    BIO *bio = BIO_new_dgram(fd, BIO_CLOSE);
    BIO_ADDR *address = BIO_ADDR_new();
    if (bio == NULL || address == NULL ||
        connect(fd, (const struct sockaddr *)peer, sizeof *peer) != 0 ||
        !BIO_ADDR_rawmake(address, AF_INET, &peer->sin_addr, sizeof peer->sin_addr,
                          peer->sin_port)) {
        fail_ssl("BIO_new_dgram");
    }
    BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, address);
    BIO_ADDR_free(address);
    return bio;
}

/* The shim does no ECH for DTLS, which must work as ever, also on port 443. */
void run_dtls_only(const struct target *target)
{
    struct sockaddr_in ends[2] = {
        {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(target->port))},
        {.sin_family = AF_INET}};
    int fds[2];
    for (int i = 0; i < 2; i++) {
        ends[i].sin_addr.s_addr = htonl(0x7f000009);
        fds[i] = udp_socket(&ends[i]);
    }
    struct target within = within_process(target);
    SSL_CTX *server_ctx = make_server_ctx(target, DTLS_server_method());
    SSL_CTX *client_ctx = SSL_CTX_new(DTLS_client_method());
    if (!SSL_CTX_load_verify_locations(client_ctx, target->ca, NULL)) {
        fail_ssl("the trust anchor");
    }
    SSL_CTX_set_verify(client_ctx, SSL_VERIFY_PEER, NULL);
    SSL *server = SSL_new(server_ctx);
    SSL *client = make_ssl(client_ctx, &within);
    BIO *server_bio = datagram_bio(fds[0], &ends[1]);
    BIO *client_bio = datagram_bio(fds[1], &ends[0]);
    SSL_set_bio(server, server_bio, server_bio);
    SSL_set_bio(client, client_bio, client_bio);
    meet(&within, client, server);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
}

/* And TLS after it. */
void run_dtls(const struct target *target)
{
    run_dtls_only(target);
    fetch_plainly(target);
}

/* A server in the same process; its client is on a socket that is not of the network. */
void run_server(const struct target *target)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        fail("no socketpair");
    }
    struct target within = within_process(target);
    SSL_CTX *server_ctx = make_server_ctx(target, TLS_server_method());
    SSL_CTX *client_ctx = make_ctx(target);
    SSL *server = SSL_new(server_ctx);
    SSL *client = make_ssl(client_ctx, &within);
    SSL_set_fd(server, fds[0]);
    SSL_set_fd(client, fds[1]);
    meet(&within, client, server);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    close(fds[0]);
    close(fds[1]);
    fetch_plainly(target);
}
