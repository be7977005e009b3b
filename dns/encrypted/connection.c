/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection to the resolver, from connect to its end. Nothing in this file waits. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "dns/encrypted/channel_state.h"

enum {
    STEPS_MAX = 16,               /* bound on one call, so that no server can keep us busy */
    TRY_ADDRESS_US = DNS_NEXT_US, /* to connect, and again for TLS, if there is another address */
};

/* ---- how a connection ends ---- */

void dns_connection_clear(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    if (connection->framing != NULL) {
        connection->framing->free(connection->framing);
    }
    dns_tls_free(connection->tls);
    if (connection->fd >= 0) {
        (void)channel->io->close(connection->fd);
    }
    wr_free(&connection->out);
    wr_free(&connection->proxy_in);
    *connection = (struct dns_connection){.fd = -1};
    wr_init(&connection->out, 0);
    wr_init(&connection->proxy_in, 0);
}

void dns_connection_drop(struct dns_channel *channel, enum dns_reason reason)
{
    dns_tickets_requeue(channel, reason);
    dns_connection_clear(channel);
}

/* No connection could be made. Trying again at once would not help. */
static void fail(struct dns_channel *channel, enum dns_reason reason)
{
    dns_connection_clear(channel);
    dns_tickets_fail(channel, reason);
    channel->failures = 0;
    if (dns_channel_asked_name(channel) != NULL) {
        channel->address_count = 0; /* the system may know other addresses by now */
        channel->current = 0;
    }
}

/* ---- connecting ---- */

static void next_address(struct dns_channel *channel, enum dns_reason reason)
{
    channel->current = channel->current + 1 < channel->address_count ? channel->current + 1 : 0;
    if (++channel->failures >= channel->address_count) {
        fail(channel, reason);
    } else {
        dns_connection_clear(channel);
    }
}

/* Is there an address that has not failed since the last one that worked? */
static bool has_other_address(const struct dns_channel *channel)
{
    return channel->failures + 1 < channel->address_count;
}

/* Opens a socket to the current address. */
static bool connect_begin(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    const union dns_socket_address *address = &channel->address[channel->current];
    int on = 1;
    connection->fd =
        channel->io->socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection->fd < 0) {
        return false;
    }
    /* Questions are small, and must not wait for the acknowledgement of the one before. */
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (channel->io->connect(connection->fd, &address->any,
                             channel->address_len[channel->current]) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        return false;
    }
    connection->state = DNS_CONNECTION_CONNECTING;
    connection->alive_us = channel->io->now_us();
    connection->give_up_us = has_other_address(channel) ? connection->alive_us + TRY_ADDRESS_US : 0;
    return true;
}

/* An address as it stands in a certificate. */
static struct bytes octets_of(const union dns_socket_address *address)
{
    return address->any.sa_family == AF_INET
               ? bytes_of(&address->v4.sin_addr, sizeof address->v4.sin_addr)
               : bytes_of(&address->v6.sin6_addr, sizeof address->v6.sin6_addr);
}

/* The resolver's own address; with a proxy, connections go to another one. */
static const union dns_socket_address *server_address(const struct dns_channel *channel)
{
    const struct dns_secure_server *server = channel->server;
    if (channel->options.proxy == NULL || server->address_count == 0) {
        return &channel->address[channel->current];
    }
    return &server->address[channel->current % server->address_count];
}

static bool tls_begin(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    const struct dns_secure_server *server = channel->server;
    const struct dns_tls_options options = {
        .library = channel->options.library,
        .io = channel->io,
        .verifier = channel->options.verifier,
        .name = server->name,
        .address = octets_of(server_address(channel)),
        .http = server->https,
        .ech = channel->options.ech,
        .ech_exchange = dns_own_record_exchange(channel),
        .session = channel->session,
    };
    connection->tls = dns_tls_new(&options);
    /* A session ticket is used for one connection only (RFC 8446, C.4). */
    gnutls_free(channel->session.data);
    channel->session = (gnutls_datum_t){0};
    return connection->tls != NULL;
}

/* After a step: the next one at once, or nothing but waiting. */
enum step { STEP_AGAIN, STEP_WAIT };

static enum step step_none(struct dns_channel *channel)
{
    if (channel->address_count == 0 || !dns_tickets_any(channel, DNS_TICKET_QUEUED)) {
        return STEP_WAIT;
    }
    if (!connect_begin(channel)) {
        next_address(channel, DNS_REASON_NETWORK);
    }
    return STEP_AGAIN;
}

/* ---- the proxy ---- */

static void proxy_say(struct dns_channel *channel, struct bytes in, size_t *used)
{
    struct dns_connection *connection = &channel->connection;
    const struct dns_secure_server *server = channel->server;
    const struct dns_proxy_target target = {
        .name = server->address_count == 0 ? server->name : NULL,
        .address = server_address(channel),
        .port = server->port,
    };
    connection->proxy_stage = dns_proxy_step(channel->options.proxy, &target,
                                             connection->proxy_stage, in, used, &connection->out);
}

/* Sends what the proxy has to be told. False: it is gone. */
static bool proxy_send(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    while (connection->out.len > 0) {
        struct bytes left = wr_view(&connection->out);
        ssize_t sent = channel->io->send(connection->fd, left.data, left.len, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        wr_consume(&connection->out, (size_t)sent);
    }
    return true;
}

/* Reads what the proxy says. False: it is gone. */
static bool proxy_receive(struct dns_channel *channel, bool *came)
{
    struct dns_connection *connection = &channel->connection;
    uint8_t in[512];
    ssize_t got = channel->io->recv(connection->fd, in, sizeof in, 0);
    *came = got > 0;
    if (got > 0) {
        wr_bytes(&connection->proxy_in, bytes_of(in, (size_t)got));
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Gives the connection to TLS. False: no memory. */
static bool tls_start(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    connection->state = DNS_CONNECTION_HANDSHAKE;
    connection->alive_us = channel->io->now_us();
    connection->give_up_us = has_other_address(channel) ? connection->alive_us + TRY_ADDRESS_US : 0;
    if (connection->tls == NULL && !tls_begin(channel)) {
        return false;
    }
    dns_tls_attach(connection->tls, connection->fd);
    return true;
}

static enum step step_proxy(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    size_t used = 0;
    bool came = true;
    bool here = true;
    if (connection->proxy_stage == DNS_PROXY_START) {
        proxy_say(channel, (struct bytes){0}, &used);
    }
    while (here && came && connection->proxy_stage < DNS_PROXY_OPEN) {
        here = proxy_send(channel) && proxy_receive(channel, &came);
        if (here && came) {
            proxy_say(channel, wr_view(&connection->proxy_in), &used);
            wr_consume(&connection->proxy_in, used);
        }
    }
    if (here && connection->proxy_stage < DNS_PROXY_OPEN &&
        (connection->give_up_us == 0 || channel->io->now_us() < connection->give_up_us)) {
        return STEP_WAIT;
    }
    if (connection->proxy_stage != DNS_PROXY_OPEN) {
        next_address(channel, DNS_REASON_NETWORK);
        return STEP_AGAIN;
    }
    if (!tls_start(channel)) {
        fail(channel, DNS_REASON_NO_MEMORY);
    }
    return STEP_AGAIN;
}

static enum step step_connecting(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    /* Sends nothing: it only tells whether the socket is connected. */
    if (channel->io->send(connection->fd, "", 0, MSG_NOSIGNAL) < 0) {
        bool pending = errno == EAGAIN || errno == EINTR;
        bool in_time =
            connection->give_up_us == 0 || channel->io->now_us() < connection->give_up_us;
        if (pending && in_time) {
            return STEP_WAIT;
        }
        next_address(channel, pending ? DNS_REASON_TIMEOUT : DNS_REASON_NETWORK);
        return STEP_AGAIN;
    }
    if (channel->options.proxy != NULL) {
        connection->state = DNS_CONNECTION_PROXY;
        connection->proxy_stage = DNS_PROXY_START;
        connection->alive_us = channel->io->now_us();
        return STEP_AGAIN;
    }
    if (!tls_start(channel)) {
        fail(channel, DNS_REASON_NO_MEMORY);
    }
    return STEP_AGAIN;
}

/* ---- the handshake ---- */

static bool framing_begin(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    if (!channel->server->https) {
        connection->framing = dns_framing_dot(channel);
    } else if (bytes_equal(dns_tls_protocol(connection->tls), bytes_of("h2", 2))) {
        connection->framing = dns_framing_http2(channel);
    } else {
        connection->framing = dns_framing_http1(channel);
    }
    return connection->framing != NULL;
}

/* ECH was rejected: the exchange goes on over a new connection to the same address (RFC 9849,
 * 6.1.6). */
static enum step connect_again(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    (void)channel->io->close(connection->fd);
    connection->fd = -1;
    if (!connect_begin(channel)) {
        fail(channel, DNS_REASON_NETWORK);
        return STEP_AGAIN;
    }
    connection->give_up_us = 0;
    return STEP_AGAIN;
}

static enum step step_handshake(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    enum dns_reason reason;
    switch (dns_tls_handshake(connection->tls)) {
    case DNS_TLS_PENDING:
        if (connection->give_up_us == 0 || channel->io->now_us() < connection->give_up_us) {
            return STEP_WAIT;
        }
        next_address(channel, DNS_REASON_TIMEOUT);
        return STEP_AGAIN;
    case DNS_TLS_WANTS_CONNECTION:
        return connect_again(channel);
    case DNS_TLS_DONE:
        if (!framing_begin(channel)) {
            fail(channel, DNS_REASON_NO_MEMORY);
            return STEP_AGAIN;
        }
        dns_own_record_judge(channel, dns_tls_exchange(connection->tls));
        connection->state = DNS_CONNECTION_OPEN;
        connection->received_us = channel->io->now_us();
        connection->give_up_us = 0;
        channel->failures = 0;
        dns_own_record_ask(channel);
        return STEP_AGAIN;
    default:
        reason = dns_tls_reason(connection->tls);
        dns_own_record_judge(channel, dns_tls_exchange(connection->tls));
        /* Whoever is at this address is not the resolver, or is broken: there may be another. */
        next_address(channel, reason);
        return STEP_AGAIN;
    }
}

/* ---- open ---- */

static enum step step_open(struct dns_channel *channel)
{
    enum dns_reason reason = dns_connection_carry(channel);
    if (reason == DNS_REASON_OK) {
        return STEP_WAIT;
    }
    dns_tls_bye(channel->connection.tls);
    dns_connection_drop(channel, reason);
    return STEP_AGAIN;
}

void dns_connection_step(struct dns_channel *channel)
{
    enum step step = STEP_AGAIN;
    for (unsigned i = 0; step == STEP_AGAIN && i < STEPS_MAX; i++) {
        switch (channel->connection.state) {
        case DNS_CONNECTION_NONE:
            step = step_none(channel);
            break;
        case DNS_CONNECTION_CONNECTING:
            step = step_connecting(channel);
            break;
        case DNS_CONNECTION_PROXY:
            step = step_proxy(channel);
            break;
        case DNS_CONNECTION_HANDSHAKE:
            step = step_handshake(channel);
            break;
        case DNS_CONNECTION_OPEN:
            step = step_open(channel);
            break;
        }
    }
}

/* ---- waiting ---- */

/*
 * When to give the connection up for this question: after half of the question's time, if the
 * connection had worked before and nothing at all has come since the question was sent. 0: never.
 */
static uint64_t doubt_us(const struct dns_channel *channel, const struct dns_ticket *ticket)
{
    const struct dns_connection *connection = &channel->connection;
    if (connection->state != DNS_CONNECTION_OPEN || !connection->proven ||
        ticket->state != DNS_TICKET_SENT || ticket->tries >= DNS_TRIES_MAX ||
        ticket->learn != NULL || connection->received_us > ticket->sent_us ||
        ticket->deadline_us <= ticket->sent_us) {
        return 0;
    }
    return ticket->sent_us + (ticket->deadline_us - ticket->sent_us) / 2;
}

void dns_connection_check(struct dns_channel *channel)
{
    uint64_t now_us = channel->io->now_us();
    for (const struct dns_ticket *ticket = channel->tickets; ticket != NULL;
         ticket = ticket->next) {
        uint64_t doubt = doubt_us(channel, ticket);
        if (doubt != 0 && now_us >= doubt) {
            dns_connection_drop(channel, DNS_REASON_TIMEOUT);
            dns_connection_step(channel);
            return;
        }
    }
}

static void sooner(uint64_t *until_us, uint64_t other_us)
{
    if (other_us != 0 && other_us < *until_us) {
        *until_us = other_us;
    }
}

bool dns_connection_wants(const struct dns_channel *channel, struct pollfd *wanted,
                          uint64_t *until_us)
{
    const struct dns_connection *connection = &channel->connection;
    short events = POLLIN;
    if (connection->state == DNS_CONNECTION_CONNECTING) {
        events = POLLOUT;
        sooner(until_us, connection->give_up_us);
    } else if (connection->state == DNS_CONNECTION_PROXY) {
        events = connection->out.len > 0 ? POLLIN | POLLOUT : POLLIN;
        sooner(until_us, connection->give_up_us);
    } else if (connection->state == DNS_CONNECTION_HANDSHAKE) {
        events = dns_tls_events(connection->tls);
        sooner(until_us, connection->give_up_us);
    } else if (connection->out.len > 0) {
        events = POLLIN | POLLOUT;
    }
    sooner(until_us, connection->leave_us);
    for (const struct dns_ticket *ticket = channel->tickets; ticket != NULL;
         ticket = ticket->next) {
        sooner(until_us, doubt_us(channel, ticket));
    }
    *wanted = (struct pollfd){.fd = connection->fd, .events = events};
    return connection->fd >= 0;
}
