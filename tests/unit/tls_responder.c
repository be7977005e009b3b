/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/tls_responder.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/engine/base/verify.h"
#include "shim/engine/sockets/own_socket.h"

enum { QUERY_ID = 0x1234, OPT_SIZE = 11 };

/* ---- certificates ---- */

static struct test_certificate authority;
static struct test_certificate stranger;
static struct shim_verifier *verifier;
static char ca_file[64];

static void authorities_make(void)
{
    if (ca_file[0] != '\0') {
        return;
    }
    (void)snprintf(ca_file, sizeof ca_file, "/tmp/echshim-channel-%d.pem", (int)getpid());
    test_certificate_make(&authority, &(struct test_certificate_options){
                                          .authority = true, .common_name = "an authority"});
    test_certificate_make(&stranger, &(struct test_certificate_options){
                                         .authority = true, .common_name = "another authority"});
    test_certificate_save(&authority, ca_file, NULL);
    cr_assert_eq(shim_verifier_new(&verifier, ca_file), ECH_OK);
}

static void certificate_load(struct tls_responder *responder)
{
    const struct tls_responder_options *options = &responder->options;
    const char *name = options->dns != NULL ? options->dns : "dns.test";
    struct test_certificate leaf;
    char files[2][80];
    authorities_make();
    test_certificate_make(&leaf, &(struct test_certificate_options){
                                     .dns = {options->common_name ? "other.test" : name},
                                     .address = options->common_name ? NULL : "127.0.0.1",
                                     .common_name = options->common_name ? name : NULL,
                                     .valid_from_days = options->expired ? -10 : 0,
                                     .valid_to_days = options->expired ? -5 : 0,
                                     .issuer = options->stranger ? &stranger : &authority,
                                 });
    (void)snprintf(files[0], sizeof files[0], "/tmp/echshim-leaf-%d.pem", (int)getpid());
    (void)snprintf(files[1], sizeof files[1], "/tmp/echshim-leaf-%d.key", (int)getpid());
    test_certificate_save(&leaf, files[0], files[1]);
    cr_assert_eq(gnutls_certificate_allocate_credentials(&responder->credentials), 0);
    cr_assert_eq(gnutls_certificate_set_x509_key_file(responder->credentials, files[0], files[1],
                                                      GNUTLS_X509_FMT_PEM),
                 0);
    unlink(files[0]);
    unlink(files[1]);
    test_certificate_free(&leaf);
}

/* ---- the server ---- */

static bool session_start(struct tls_peer *peer)
{
    struct tls_responder *responder = peer->responder;
    const struct tls_responder_options *options = &responder->options;
    cr_assert_eq(gnutls_init(&peer->session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL), 0);
    cr_assert_eq(
        gnutls_priority_set_direct(
            peer->session, options->priorities != NULL ? options->priorities : "NORMAL", NULL),
        0);
    gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, responder->credentials);
    gnutls_session_ticket_enable_server(peer->session, &responder->ticket_key);
    if (options->alpn != NULL) {
        gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)options->alpn,
                                   (unsigned)strlen(options->alpn)};
        gnutls_alpn_set_protocols(peer->session, &protocol, 1, 0);
    }
    gnutls_transport_set_int(peer->session, peer->fd);
    gnutls_handshake_set_timeout(peer->session, 3000);
    int result;
    do {
        result = gnutls_handshake(peer->session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    if (result < 0) {
        (void)gnutls_alert_send_appropriate(peer->session, result);
    }
    if (result == 0 && gnutls_session_is_resumed(peer->session) != 0) {
        atomic_fetch_add(&responder->resumed, 1);
    }
    return result == 0;
}

static void *serve(void *argument)
{
    struct tls_peer *peer = argument;
    const struct tls_responder_options *options = &peer->responder->options;
    if (options->raw != NULL) {
        options->raw(peer);
    }
    if (options->serve != NULL && peer->fd >= 0 && session_start(peer)) {
        options->serve(peer);
    }
    if (peer->session != NULL) {
        gnutls_deinit(peer->session);
    }
    /* tls_responder_stop closes the descriptor, because it may still use it to wake us. */
    (void)shutdown(peer->fd, SHUT_RDWR);
    free(peer);
    return NULL;
}

static void *accept_all(void *argument)
{
    struct tls_responder *responder = argument;
    for (;;) {
        int fd = accept4(responder->listener, NULL, NULL, SOCK_CLOEXEC);
        unsigned number = atomic_load(&responder->connections);
        if (fd < 0 || number >= RESPONDER_CONNECTIONS || atomic_load(&responder->stopping)) {
            close(fd);
            return NULL;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct tls_peer *peer = calloc(1, sizeof *peer);
        *peer = (struct tls_peer){.responder = responder, .fd = fd, .number = number};
        responder->descriptors[number] = fd;
        pthread_create(&responder->threads[number], NULL, serve, peer);
        atomic_fetch_add(&responder->connections, 1);
    }
}

void tls_responder_start(struct tls_responder *responder,
                         const struct tls_responder_options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    *responder = (struct tls_responder){.options = *options};
    certificate_load(responder);
    cr_assert_eq(gnutls_session_ticket_key_generate(&responder->ticket_key), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    responder->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(responder->listener, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(responder->listener, (struct sockaddr *)&address, &len), 0);
    responder->port = ntohs(address.sin_port);
    cr_assert_eq(listen(responder->listener, 64), 0);
    cr_assert_eq(pthread_create(&responder->acceptor, NULL, accept_all, responder), 0);
}

void tls_responder_stop(struct tls_responder *responder)
{
    atomic_store(&responder->stopping, true);
    (void)shutdown(responder->listener, SHUT_RDWR);
    pthread_join(responder->acceptor, NULL);
    close(responder->listener);
    for (unsigned i = 0; i < atomic_load(&responder->connections); i++) {
        (void)shutdown(responder->descriptors[i], SHUT_RDWR);
        pthread_join(responder->threads[i], NULL);
        close(responder->descriptors[i]);
    }
    gnutls_certificate_free_credentials(responder->credentials);
    gnutls_free(responder->ticket_key.data);
}

static bool read_all(struct tls_peer *peer, uint8_t *out, size_t len)
{
    size_t have = 0;
    while (have < len) {
        ssize_t got = gnutls_record_recv(peer->session, out + have, len - have);
        if (got <= 0 && (got == 0 || gnutls_error_is_fatal((int)got) != 0)) {
            return false;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool peer_read_query(struct tls_peer *peer, uint8_t message[65535], size_t *len)
{
    uint8_t head[2];
    if (!read_all(peer, head, sizeof head)) {
        return false;
    }
    *len = (size_t)(head[0] << 8 | head[1]);
    if (!read_all(peer, message, *len)) {
        return false;
    }
    atomic_fetch_add(&peer->responder->queries, 1);
    return true;
}

bool peer_write(struct tls_peer *peer, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t sent = gnutls_record_send(peer->session, at, len);
        if (sent < 0) {
            return false;
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

char *peer_read_until(struct tls_peer *peer, const char *mark, size_t *len)
{
    char *text = calloc(1, 16384);
    *len = 0;
    while (*len < 16383 && strstr(text, mark) == NULL) {
        ssize_t got = gnutls_record_recv(peer->session, text + *len, 16383 - *len);
        if (got <= 0 && (got == 0 || gnutls_error_is_fatal((int)got) != 0)) {
            free(text);
            return NULL;
        }
        *len += got > 0 ? (size_t)got : 0;
    }
    return text;
}

void answer_make(struct bytes query, struct writer *w)
{
    struct reader r = rd_of(query);
    uint16_t id;
    struct bytes skipped;
    struct dns_name name;
    char host[DNS_HOST_SIZE];
    bool good = rd_u16(&r, &id) && rd_bytes(&r, 10, &skipped) &&
                dns_name_read(&r, &name) == ECH_OK && dns_name_to_host(&name, host);
    if (!good) {
        return;
    }
    struct message m;
    message_begin(&m, id, MSG_QR | MSG_RA_RD, host, TYPE_HTTPS);
    message_https(&m, NULL, 60, 1, host, "");
    message_opt(&m, 0);
    wr_bytes(w, message_finish(&m));
    message_free(&m);
}

void peer_answer_dot(struct tls_peer *peer, struct bytes query)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark mark = wr_open(&w, 2);
    answer_make(query, &w);
    wr_close(&w, mark);
    (void)peer_write(peer, w.data, w.len);
    wr_free(&w);
}

void peer_obey(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
        peer_answer_dot(peer, bytes_of(message, len));
    }
}

/* ---- the client ---- */

static struct dns_resolver resolver;
const struct dns_proxy *client_proxy;

static bool verify(void *context, const struct bytes *certificates, size_t count, const char *name,
                   struct bytes address)
{
    (void)context;
    return shim_verifier_is_server(verifier, certificates, count, name, address);
}

void client_save_identity(const char *certificate_file, const char *key_file)
{
    struct test_certificate leaf;
    authorities_make();
    test_certificate_make(&leaf, &(struct test_certificate_options){.dns = {"dns.test"},
                                                                    .address = "127.0.0.1",
                                                                    .issuer = &authority});
    test_certificate_save(&leaf, certificate_file, key_file);
    test_certificate_free(&leaf);
}

const struct dns_io *client_own_sockets(void)
{
    static struct dns_io io;
    io = dns_io_libc;
    io.socket = shim_own_socket;
    io.connect = shim_own_connect;
    io.send = shim_own_send;
    io.recv = shim_own_recv;
    io.poll = shim_own_poll;
    io.close = shim_own_close;
    return &io;
}

struct dns_channel *client_channel_with(const char *setting, unsigned port, const struct dns_io *io,
                                        const struct dns_ech_functions *ech)
{
    char text[256];
    const struct dns_channel_options options = {
        .library = &dns_tls_linked,
        .verifier = {.verify = verify},
        .ech = ech,
        .proxy = client_proxy,
        .getaddrinfo = getaddrinfo,
        .freeaddrinfo = freeaddrinfo,
    };
    authorities_make();
    (void)snprintf(text, sizeof text, setting, port);
    cr_assert_eq(dns_resolver_parse(text, &resolver, NULL), ECH_OK, "%s", text);
    return dns_channel_new(&resolver.secure[0], io != NULL ? io : client_own_sockets(), &options);
}

void client_channels(const struct dns_resolver *resolvers, struct dns_channels *channels)
{
    const struct dns_channel_options options = {
        .library = &dns_tls_linked,
        .verifier = {.verify = verify},
        .getaddrinfo = getaddrinfo,
        .freeaddrinfo = freeaddrinfo,
    };
    authorities_make();
    *channels = (struct dns_channels){.count = resolvers->secure_count};
    for (size_t i = 0; i < channels->count; i++) {
        channels->each[i] = dns_channel_new(&resolvers->secure[i], client_own_sockets(), &options);
    }
}

struct dns_channel *client_channel(const char *setting, unsigned port)
{
    struct dns_channel *made = client_channel_with(setting, port, NULL, NULL);
    cr_assert_not_null(made);
    return made;
}

void client_end(struct dns_channel *channel)
{
    dns_channel_free(channel);
    if (ca_file[0] != '\0') {
        shim_verifier_free(verifier);
        test_certificate_free(&authority);
        test_certificate_free(&stranger);
        unlink(ca_file);
        ca_file[0] = '\0';
    }
}

void query_make(const char *name, uint16_t id, struct writer *w)
{
    struct message m;
    message_begin(&m, id, 0x0100, name, TYPE_HTTPS);
    message_opt(&m, 0);
    wr_bytes(w, message_finish(&m));
    message_free(&m);
}

enum dns_reason client_begin(struct dns_channel *channel, const char *name, unsigned timeout_ms,
                             struct dns_ticket **ticket)
{
    struct writer query;
    wr_init(&query, 0);
    query_make(name, QUERY_ID, &query);
    enum dns_reason reason = dns_channel_ask(
        channel, wr_view(&query), dns_io_libc.now_us() + (uint64_t)timeout_ms * 1000, ticket);
    wr_free(&query);
    return reason;
}

/* QUERY_ID, and the question of this name. */
static void check_answer(struct bytes answer, const char *name)
{
    struct writer query;
    uint16_t id;
    wr_init(&query, 0);
    query_make(name, QUERY_ID, &query);
    struct reader r = rd_of(answer);
    cr_assert(rd_u16(&r, &id));
    cr_assert_eq(id, QUERY_ID);
    cr_assert_gt(answer.len, query.len - OPT_SIZE);
    cr_assert_arr_eq(answer.data + 12, query.data + 12, query.len - OPT_SIZE - 12, "%s", name);
    wr_free(&query);
}

enum dns_reason client_finish(struct dns_channel *channel, struct dns_ticket *ticket,
                              const char *name, unsigned timeout_ms)
{
    struct writer answer;
    bool pending;
    wr_init(&answer, 65535);
    enum dns_reason reason = dns_channel_wait(
        channel, ticket, dns_io_libc.now_us() + (uint64_t)timeout_ms * 1000, &answer, &pending);
    cr_assert_not(pending);
    if (reason == DNS_REASON_OK) {
        check_answer(wr_view(&answer), name);
    }
    wr_free(&answer);
    return reason;
}

enum dns_reason client_ask(struct dns_channel *channel, const char *name, unsigned timeout_ms)
{
    struct dns_ticket *ticket;
    enum dns_reason reason = client_begin(channel, name, timeout_ms, &ticket);
    /* The wait ends a little after the deadline, so the question is never still pending. */
    return reason == DNS_REASON_OK ? client_finish(channel, ticket, name, timeout_ms + 1) : reason;
}

struct tls_responder server;
struct dns_channel *channel;

void client_start(const struct tls_responder_options *options, const char *setting)
{
    tls_responder_start(&server, options);
    channel = client_channel(setting, server.port);
}

void client_stop(void)
{
    client_end(channel);
    channel = NULL;
    tls_responder_stop(&server);
}

void client_expect(const char *name, unsigned timeout_ms, enum dns_reason expected)
{
    enum dns_reason reason = client_ask(channel, name, timeout_ms);
    cr_assert_eq(reason, expected, "%s: %s, not %s", name, dns_reason_name(reason),
                 dns_reason_name(expected));
}

static void *ask_some(void *argument)
{
    char name[32];
    for (unsigned i = 0; i < 25; i++) {
        (void)snprintf(name, sizeof name, "n%u.%s.example", i, (const char *)argument);
        client_expect(name, 5000, DNS_REASON_OK);
    }
    return NULL;
}

void client_eight_threads(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    pthread_t threads[8];
    for (unsigned i = 0; i < 8; i++) {
        pthread_create(&threads[i], NULL, ask_some, (void *)(uintptr_t)names[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
}
