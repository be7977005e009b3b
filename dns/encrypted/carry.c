/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions and answers on an open connection to the resolver. Nothing in this file waits. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "dns/encrypted/channel_state.h"

enum {
    READS_MAX = 64,    /* bound on one call, so that no server can keep us busy */
    CHUNK = 16384,     /* a TLS record */
    LEAVE_US = 500000, /* how long to wait for a server that leaves */
};

static bool submit_all(struct dns_channel *channel)
{
    struct dns_framing *framing = channel->connection.framing;
    size_t flight = 0;
    for (const struct dns_ticket *ticket = channel->tickets; ticket != NULL;
         ticket = ticket->next) {
        flight += ticket->state == DNS_TICKET_SENT ? 1 : 0;
    }
    for (struct dns_ticket *ticket = channel->tickets; ticket != NULL; ticket = ticket->next) {
        if (ticket->state != DNS_TICKET_QUEUED) {
            continue;
        }
        if (flight++ >= DNS_FLIGHT_MAX || !framing->has_room(framing)) {
            break;
        }
        if (!framing->submit(framing, ticket)) {
            return false;
        }
        ticket->state = DNS_TICKET_SENT;
        ticket->tries++;
        ticket->sent_us = channel->io->now_us();
    }
    return true;
}

/* DNS_REASON_OK: everything that could be sent was sent. */
static enum dns_reason send_all(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    if (!submit_all(channel)) {
        return DNS_REASON_NO_MEMORY;
    }
    for (;;) {
        size_t sent;
        if (connection->out.len == 0) {
            enum dns_reason reason =
                connection->framing->flush(connection->framing, &connection->out);
            if (reason != DNS_REASON_OK) {
                return reason;
            }
        }
        if (connection->out.len == 0) {
            return DNS_REASON_OK;
        }
        switch (dns_tls_send(connection->tls, wr_view(&connection->out), &sent)) {
        case DNS_TLS_DONE:
            wr_consume(&connection->out, sent);
            break;
        case DNS_TLS_PENDING:
            return DNS_REASON_OK;
        default:
            return dns_tls_reason(connection->tls);
        }
    }
}

/*
 * If a server uses Nagle's algorithm, it holds the next small answer back until we acknowledge this
 * one, and the kernel delays that by 40 ms when there is nothing to send.
 */
static void acknowledge(const struct dns_channel *channel)
{
    static const int on = 1;
    if (dns_tickets_any(channel, DNS_TICKET_SENT)) {
        (void)setsockopt(channel->connection.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    }
}

/* DNS_REASON_OK: there is no more for now. */
static enum dns_reason receive_all(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    uint8_t *in = malloc(CHUNK);
    enum dns_reason reason = in != NULL ? DNS_REASON_OK : DNS_REASON_NO_MEMORY;
    bool more = true;
    for (unsigned i = 0; reason == DNS_REASON_OK && more && i < READS_MAX; i++) {
        size_t got;
        switch (dns_tls_receive(connection->tls, in, CHUNK, &got)) {
        case DNS_TLS_DONE:
            connection->received_us = channel->io->now_us();
            if (channel->session.size == 0) {
                /* Now, because GnuTLS forgets the session if the connection ends without
                 * close_notify. */
                dns_tls_session(connection->tls, &channel->session);
            }
            reason = connection->framing->receive(connection->framing, bytes_of(in, got));
            acknowledge(channel);
            break;
        case DNS_TLS_CLOSED:
            connection->framing->ended(connection->framing);
            reason = DNS_REASON_RESOLVER_CLOSED;
            break;
        case DNS_TLS_PENDING:
            more = false;
            break;
        default:
            reason = dns_tls_reason(connection->tls);
            break;
        }
    }
    free(in);
    return reason;
}

/* A server that leaves still answers what it took (RFC 9113, 6.8): we wait for that a moment. True:
 * give the connection up. */
static bool has_left(struct dns_channel *channel)
{
    struct dns_connection *connection = &channel->connection;
    uint64_t now_us = channel->io->now_us();
    if (!connection->framing->leaves) {
        return false;
    }
    if (connection->leave_us == 0) {
        connection->leave_us = now_us + LEAVE_US;
    }
    return !dns_tickets_any(channel, DNS_TICKET_SENT) || now_us >= connection->leave_us;
}

/* Reading comes first: if the connection was closed in the meantime, we notice before we send
 * anything on it. */
enum dns_reason dns_connection_carry(struct dns_channel *channel)
{
    enum dns_reason reason = receive_all(channel);
    if (reason == DNS_REASON_OK) {
        reason = has_left(channel) ? DNS_REASON_RESOLVER_CLOSED : send_all(channel);
    }
    return reason;
}
