/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/relay/claims.h"

enum {
    SILENT_MS = 500,      /* then the server is connected, in case that it speaks first */
    FIRST_MS = 10000,     /* for the program's first octets, where nothing may pass as it is */
    HANDSHAKE_MS = 30000, /* for each other phase before octets are pumped */
    FIRST_SIZE = 4096,
    FIRST_MAX = 96 * 1024,
};

/* Alerts (RFC 8446, 6.2). */
enum { ALERT_HANDSHAKE_FAILURE = 40, ALERT_ACCESS_DENIED = 49, ALERT_INTERNAL_ERROR = 80 };

static void enter(struct relay_connection *connection, enum relay_phase phase, uint64_t now_ms)
{
    connection->phase = phase;
    connection->since_ms = now_ms;
}

/* ---- the end ---- */

static void end(struct relay_connection *connection, bool reset)
{
    relay_end_close(&connection->program, reset);
    relay_end_close(&connection->server, reset);
    connection->phase = RELAY_OVER;
}

/* For the program: a TLS alert. */
static void fail(struct relay_connection *connection, int alert)
{
    relay_end_alert(&connection->program, alert);
    relay_end_close(&connection->server, true);
    /* A reset could overtake the alert. */
    end(connection, false);
}

static void tell_refusal(const struct relay_connection *connection, const char *reason)
{
    const struct relay_shared *shared = connection->shared;
    if (shared->tell != NULL) {
        shared->tell(shared->tell_context, &connection->claim, connection->hello.name, reason);
    }
}

static void refuse(struct relay_connection *connection, const char *reason)
{
    tell_refusal(connection, reason);
    if (connection->first_length > 0 && connection->first[0] == 22) {
        fail(connection, ALERT_ACCESS_DENIED);
    } else {
        end(connection, true);
    }
}

void relay_connection_free(struct relay_connection *connection)
{
    end(connection, true);
    gnutls_free(connection->upstream.real_names.data);
    if (connection->upstream.session != NULL) {
        gnutls_deinit(connection->upstream.session);
    }
    relay_leaf_release(connection->leaf);
    free(connection->up.data);
    free(connection->down.data);
    free(connection->first);
    free(connection);
}

/* ---- to the pump ---- */

static bool make_flow(struct relay_flow *flow)
{
    flow->data = malloc(RELAY_FLOW_SIZE);
    return flow->data != NULL;
}

static void pump(struct relay_connection *connection)
{
    switch (
        relay_pump(&connection->up, &connection->down, &connection->program, &connection->server)) {
    case RELAY_PUMPED_ON:
        break;
    case RELAY_PUMPED_DONE:
        end(connection, false);
        break;
    case RELAY_PUMPED_FAILED:
        end(connection, true);
        break;
    }
}

static void begin_to_pump(struct relay_connection *connection, uint64_t now_ms)
{
    if (!make_flow(&connection->down) || (!connection->plain && !make_flow(&connection->up))) {
        fail(connection, ALERT_INTERNAL_ERROR);
        return;
    }
    if (connection->plain) {
        /* What was read is the first that is written. */
        if (connection->first_size < RELAY_FLOW_SIZE) {
            uint8_t *grown = realloc(connection->first, RELAY_FLOW_SIZE);
            if (grown == NULL) {
                end(connection, true);
                return;
            }
            connection->first = grown;
        }
        connection->up.data = connection->first;
        connection->up.end = connection->first_length;
        connection->first = NULL;
        connection->first_length = 0;
    }
    enter(connection, RELAY_PUMPS, now_ms);
    pump(connection);
}

/* ---- the program's handshake ---- */

/* The program does not trust the authority: it has a certificate that is good, and says that it is
 * not. */
static void note_distrust(const struct relay_connection *connection, int result)
{
    if (result != GNUTLS_E_FATAL_ALERT_RECEIVED || connection->upstream.faults != 0) {
        return;
    }
    switch (gnutls_alert_get(connection->program.session)) {
    case GNUTLS_A_BAD_CERTIFICATE:
    case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
    case GNUTLS_A_CERTIFICATE_REVOKED:
    case GNUTLS_A_CERTIFICATE_EXPIRED:
    case GNUTLS_A_CERTIFICATE_UNKNOWN:
    case GNUTLS_A_UNKNOWN_CA:
        tell_refusal(connection, "relay_not_trusted");
        break;
    default:
        break;
    }
}

static void go_on_answering(struct relay_connection *connection, uint64_t now_ms)
{
    int result = relay_answer_step(&connection->answer);
    if (result == GNUTLS_E_AGAIN) {
        return;
    }
    note_distrust(connection, result);
    if (result != GNUTLS_E_SUCCESS) {
        if (result != GNUTLS_E_FATAL_ALERT_RECEIVED && gnutls_error_is_fatal(result) != 0) {
            (void)gnutls_alert_send_appropriate(connection->program.session, result);
        }
        relay_end_close(&connection->server, true);
        end(connection, false);
    } else if (connection->upstream.faults != 0) {
        /* The program does not mind a wrong certificate. We do. */
        refuse(connection, "relay_certificate");
    } else if (relay_answer_has_certificate(&connection->answer)) {
        refuse(connection, "relay_client_certificate");
    } else {
        begin_to_pump(connection, now_ms);
    }
}

static void answer(struct relay_connection *connection, uint64_t now_ms)
{
    struct relay_upstream *upstream = &connection->upstream;
    gnutls_datum_t protocol = {.data = NULL};
    const struct relay_shared *shared = connection->shared;
    if (upstream->faults == 0) {
        (void)gnutls_alpn_get_selected_protocol(connection->server.session, &protocol);
    }
    connection->leaf = relay_authority_leaf(shared->authority, upstream->name, upstream->faults,
                                            &upstream->real_names);
    connection->answer = (struct relay_answer){
        .program = &connection->program,
        .replay = bytes_of(connection->first, connection->first_length),
    };
    if (connection->leaf == NULL || !relay_answer_begin(&connection->answer, connection->leaf,
                                                        &protocol, upstream->wants_certificate)) {
        fail(connection, ALERT_INTERNAL_ERROR);
        return;
    }
    enter(connection, RELAY_ANSWERS, now_ms);
    go_on_answering(connection, now_ms);
}

/* ---- the real server's handshake ---- */

/* In a thread of the pool. */
static void greet(struct relay_job *job)
{
    struct relay_connection *connection = (struct relay_connection *)job;
    connection->step = relay_upstream_step(&connection->upstream);
}

static void give(struct relay_connection *connection)
{
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    (void)relay_end_watch(&connection->program, connection->shared->loop);
    (void)relay_end_watch(&connection->server, connection->shared->loop);
    connection->working = true;
    connection->job.run = greet;
    relay_pool_give(connection->shared->pool, &connection->job);
}

static void take_greeting(struct relay_connection *connection, uint64_t now_ms)
{
    gnutls_session_t session = connection->upstream.session;
    int result = connection->step;
    if (result == GNUTLS_E_AGAIN) {
        connection->server.wanted |= gnutls_record_get_direction(session) != 0 ? EPOLLOUT : EPOLLIN;
        return;
    }
    if (result == GNUTLS_E_SUCCESS && connection->upstream.verified) {
        connection->server.session = session;
        connection->upstream.session = NULL;
        answer(connection, now_ms);
    } else if (connection->upstream.faults != 0) {
        (void)gnutls_alert_send_appropriate(session, result);
        relay_end_close(&connection->server, false);
        answer(connection, now_ms);
    } else if (result == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        fail(connection, (int)gnutls_alert_get(session));
    } else {
        /* Strict mode refuses by an error of the transport. */
        fail(connection, ALERT_HANDSHAKE_FAILURE);
    }
}

static void begin_to_greet(struct relay_connection *connection, uint64_t now_ms)
{
    if (!relay_upstream_begin(&connection->upstream, connection->shared->trust, &connection->hello,
                              connection->server.fd)) {
        fail(connection, ALERT_INTERNAL_ERROR);
        return;
    }
    enter(connection, RELAY_GREETS, now_ms);
    give(connection);
}

/* ---- the real server ---- */

static void connected(struct relay_connection *connection, uint64_t now_ms)
{
    if (connection->plain) {
        begin_to_pump(connection, now_ms);
    } else {
        begin_to_greet(connection, now_ms);
    }
}

/* False: it cannot be reached. */
static bool connect_server(struct relay_connection *connection)
{
    const struct sockaddr_storage *to = &connection->claim.destination;
    const int on = 1;
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    connection->server.fd = fd;
    if (fd < 0) {
        return false;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    socklen_t length =
        to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (connect(fd, (const struct sockaddr *)to, length) != 0 && errno != EINPROGRESS) {
        return false;
    }
    connection->server.wanted |= EPOLLOUT;
    return true;
}

/* 1: connected, 0: not yet, -1: failed. */
static int connect_state(const struct relay_connection *connection)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int problem = 0;
    socklen_t size = sizeof problem;
    if (getsockopt(connection->server.fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0 ||
        problem != 0) {
        return -1;
    }
    return getpeername(connection->server.fd, (struct sockaddr *)&peer, &length) == 0 ? 1 : 0;
}

static void go_on_connecting(struct relay_connection *connection, uint64_t now_ms)
{
    switch (connect_state(connection)) {
    case 1:
        connected(connection, now_ms);
        break;
    case 0:
        connection->server.wanted |= EPOLLOUT;
        break;
    default:
        end(connection, true); /* a refused connection looks like a reset one */
    }
}

static void to_server(struct relay_connection *connection, uint64_t now_ms)
{
    enter(connection, RELAY_CONNECTS, now_ms);
    if (connection->server.fd < 0 && !connect_server(connection)) {
        end(connection, true);
        return;
    }
    if (connection->early) {
        go_on_connecting(connection, now_ms);
    }
}

/* ---- the program's first octets ---- */

static bool is_served(const struct relay_connection *connection)
{
    const char *const *hosts = connection->shared->hosts;
    for (; hosts != NULL && *hosts != NULL; hosts++) {
        if (strcasecmp(*hosts, connection->hello.name) == 0) {
            return true;
        }
    }
    return hosts == NULL;
}

/* What the relay does not answer passes as it is, or not at all. */
static void pass_by(struct relay_connection *connection, const char *reason, uint64_t now_ms)
{
    if (connection->shared->strict) {
        refuse(connection, reason);
        return;
    }
    connection->plain = true;
    to_server(connection, now_ms);
}

static void judge_first(struct relay_connection *connection, uint64_t now_ms)
{
    switch (relay_hello_read(bytes_of(connection->first, connection->first_length),
                             &connection->hello)) {
    case RELAY_SPEECH_MORE:
        connection->program.wanted |= EPOLLIN;
        break;
    case RELAY_SPEECH_OTHER:
        pass_by(connection, "relay_no_tls", now_ms);
        break;
    case RELAY_SPEECH_HELLO:
        if (connection->hello.name[0] == '\0') {
            pass_by(connection, "relay_no_server_name", now_ms);
        } else if (!is_served(connection)) {
            pass_by(connection, "relay_other_host", now_ms);
        } else {
            to_server(connection, now_ms);
        }
    }
}

static bool make_room(struct relay_connection *connection)
{
    size_t size = connection->first_size == 0 ? FIRST_SIZE : 2 * connection->first_size;
    if (connection->first_length < connection->first_size) {
        return true;
    }
    uint8_t *grown = size <= FIRST_MAX ? realloc(connection->first, size) : NULL;
    if (grown == NULL) {
        return false;
    }
    connection->first = grown;
    connection->first_size = size;
    return true;
}

/* The program is silent: perhaps the server speaks first. */
static void listen_to_server(struct relay_connection *connection, uint64_t now_ms)
{
    uint8_t octet;
    int state = connect_state(connection);
    if (state < 0) {
        end(connection, true);
    } else if (state == 0) {
        connection->server.wanted |= EPOLLOUT;
    } else if (recv(connection->server.fd, &octet, 1, MSG_PEEK) >= 0) {
        connection->plain = true;
        begin_to_pump(connection, now_ms);
    } else {
        connection->server.wanted |= EPOLLIN;
    }
}

static void go_on_listening(struct relay_connection *connection, uint64_t now_ms)
{
    if (!make_room(connection)) {
        end(connection, true);
        return;
    }
    ssize_t count = recv(connection->program.fd, connection->first + connection->first_length,
                         connection->first_size - connection->first_length, 0);
    if (count > 0) {
        connection->first_length += (size_t)count;
        judge_first(connection, now_ms);
    } else if (count == 0 && connection->first_length > 0 && !connection->shared->strict) {
        connection->plain = true; /* the pump finds the end again */
        to_server(connection, now_ms);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        end(connection, count != 0);
    } else {
        connection->program.wanted |= EPOLLIN;
        if (connection->early && connection->first_length == 0) {
            listen_to_server(connection, now_ms);
        }
    }
}

/* ---- events ---- */

struct relay_connection *relay_connection_new(const struct relay_shared *shared, int fd,
                                              const struct sockaddr_storage *source,
                                              uint64_t now_ms)
{
    const int on = 1;
    struct relay_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        (void)close(fd);
        return NULL;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->shared = shared;
    connection->source = *source;
    connection->program =
        (struct relay_end){.source = RELAY_SOURCE_END, .connection = connection, .fd = fd};
    connection->server =
        (struct relay_end){.source = RELAY_SOURCE_END, .connection = connection, .fd = -1};
    enter(connection, RELAY_UNCLAIMED, now_ms);
    return connection;
}

static void watch(struct relay_connection *connection)
{
    if (connection->phase != RELAY_OVER && !connection->working &&
        (!relay_end_watch(&connection->program, connection->shared->loop) ||
         !relay_end_watch(&connection->server, connection->shared->loop))) {
        end(connection, true);
    }
}

void relay_connection_claim(struct relay_connection *connection, const struct relay_claim *claim,
                            uint64_t now_ms)
{
    connection->claim = *claim;
    enter(connection, RELAY_LISTENS, now_ms);
    connection->program.wanted = EPOLLIN;
    watch(connection);
}

void relay_connection_go_on(struct relay_connection *connection, uint64_t now_ms)
{
    if (connection->working) {
        return;
    }
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    switch (connection->phase) {
    case RELAY_LISTENS:
        go_on_listening(connection, now_ms);
        break;
    case RELAY_CONNECTS:
        go_on_connecting(connection, now_ms);
        break;
    case RELAY_GREETS:
        give(connection);
        break;
    case RELAY_ANSWERS:
        go_on_answering(connection, now_ms);
        break;
    case RELAY_PUMPS:
        pump(connection);
        break;
    case RELAY_UNCLAIMED:
    case RELAY_OVER:
        break;
    }
    watch(connection);
}

void relay_connection_greeted(struct relay_connection *connection, uint64_t now_ms)
{
    connection->working = false;
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    take_greeting(connection, now_ms);
    watch(connection);
}

void relay_connection_tick(struct relay_connection *connection, uint64_t now_ms)
{
    uint64_t lasted = now_ms - connection->since_ms;
    if (connection->working) {
        return;
    }
    switch (connection->phase) {
    case RELAY_UNCLAIMED:
        if (lasted > RELAY_CLAIM_MS) {
            end(connection, true);
        }
        break;
    case RELAY_LISTENS:
        if (connection->shared->strict || connection->first_length > 0) {
            if (lasted > FIRST_MS) {
                refuse(connection, "relay_no_tls");
            }
        } else if (!connection->early && lasted > SILENT_MS) {
            connection->early = true;
            if (!connect_server(connection)) {
                end(connection, true);
            }
            watch(connection);
        }
        break;
    case RELAY_CONNECTS:
    case RELAY_GREETS:
    case RELAY_ANSWERS:
        if (lasted > HANDSHAKE_MS) {
            end(connection, true);
        }
        break;
    case RELAY_PUMPS:
    case RELAY_OVER:
        break;
    }
}
