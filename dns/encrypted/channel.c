/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/channel.h"

#include <errno.h>
#include <stdlib.h>

#include "dns/encrypted/channel_state.h"

/* ---- the interface ---- */

/* The engine makes sure that no thread leaves (by a jump or a cancellation) while it holds the
 * lock, and that the wait of a thread that leaves is ended. */
struct entry {
    int saved_errno;
};

static struct entry enter(struct dns_channel *channel)
{
    struct entry entry = {.saved_errno = errno};
    pthread_mutex_lock(&channel->lock);
    return entry;
}

static void leave(struct dns_channel *channel, struct entry entry)
{
    pthread_mutex_unlock(&channel->lock);
    errno = entry.saved_errno;
}

/* A connection that nobody has worked on for this long while it was being made has come to nothing.
 */
static void forget_stale(struct dns_channel *channel)
{
    enum { STALE_US = 3000000 };
    const struct dns_connection *connection = &channel->connection;
    if (channel->tickets == NULL && connection->state != DNS_CONNECTION_NONE &&
        connection->state != DNS_CONNECTION_OPEN &&
        channel->io->now_us() > connection->alive_us + STALE_US) {
        dns_connection_clear(channel);
    }
}

enum dns_reason dns_channel_ask(struct dns_channel *channel, struct bytes query,
                                uint64_t deadline_us, struct dns_ticket **ticket)
{
    enum dns_reason reason;
    struct entry entry = enter(channel);
    forget_stale(channel);
    *ticket = dns_ticket_add(channel, query, deadline_us, &reason);
    if (*ticket != NULL) {
        reason = DNS_REASON_OK;
        dns_channel_pump(channel);
    }
    leave(channel, entry);
    return reason;
}

/*
 * Does the silence since this question was sent say something about the resolver? A connection that
 * never came does. With an open one the silence may be about this name alone, so it takes a second
 * question that was sent later.
 */
static bool seems_down(struct dns_channel *channel, const struct dns_ticket *ticket)
{
    const struct dns_connection *connection = &channel->connection;
    if (connection->state != DNS_CONNECTION_OPEN) {
        return true;
    }
    if (ticket->state != DNS_TICKET_SENT || connection->received_us >= ticket->sent_us) {
        return false;
    }
    if (channel->silences == 0 || ticket->sent_us > channel->silent_us) {
        channel->silences++;
        channel->silent_us = channel->io->now_us();
    }
    return channel->silences > 1;
}

/* A connection that gave no answer in all that time would give none the next time. */
static bool give_up(struct dns_channel *channel, const struct dns_ticket *ticket)
{
    const struct dns_connection *connection = &channel->connection;
    bool down = seems_down(channel, ticket);
    bool silent =
        connection->state == DNS_CONNECTION_OPEN && connection->received_us < ticket->sent_us;
    if (connection->state != DNS_CONNECTION_OPEN || silent) {
        dns_connection_drop(channel, DNS_REASON_TIMEOUT);
    }
    return down;
}

enum dns_reason dns_channel_wait(struct dns_channel *channel, struct dns_ticket *ticket,
                                 uint64_t wait_until_us, struct writer *w, bool *pending)
{
    struct entry entry = enter(channel);
    enum dns_reason reason = DNS_REASON_TIMEOUT;
    *pending = false;
    (void)!dns_channel_wait_for(channel, &ticket, 1, wait_until_us);
    if (ticket->state == DNS_TICKET_DONE) {
        reason = ticket->reason;
        wr_bytes(w, wr_view(&ticket->answer));
        if (reason == DNS_REASON_OK && wr_finish(w) != ECH_OK) {
            reason = DNS_REASON_NO_MEMORY;
        }
        dns_ticket_end(channel, ticket);
    } else if (wait_until_us < ticket->deadline_us) {
        *pending = true;
        reason = DNS_REASON_OK;
    } else {
        (void)give_up(channel, ticket);
        dns_ticket_end(channel, ticket);
    }
    leave(channel, entry);
    return reason;
}

bool dns_channel_wait_any(struct dns_channel *channel, struct dns_ticket *const *tickets,
                          size_t count, uint64_t wait_until_us)
{
    struct entry entry = enter(channel);
    bool here = dns_channel_wait_for(channel, tickets, count, wait_until_us);
    leave(channel, entry);
    return here;
}

bool dns_channel_expire(struct dns_channel *channel, struct dns_ticket *ticket)
{
    struct entry entry = enter(channel);
    bool down = give_up(channel, ticket);
    dns_ticket_end(channel, ticket);
    leave(channel, entry);
    return down;
}

bool dns_channel_overtaken(struct dns_channel *channel, struct dns_ticket *ticket)
{
    struct entry entry = enter(channel);
    bool down = seems_down(channel, ticket);
    dns_ticket_end(channel, ticket);
    leave(channel, entry);
    return down;
}

uint64_t dns_channel_patience_us(struct dns_channel *channel)
{
    enum { LEAST_US = 100000, MOST_US = 1000000 };
    struct entry entry = enter(channel);
    uint64_t wait_us = DNS_NEXT_US;
    if (channel->connection.state == DNS_CONNECTION_OPEN && channel->usual_us != 0) {
        wait_us = 4 * channel->usual_us;
        wait_us = wait_us < LEAST_US ? LEAST_US : wait_us;
        wait_us = wait_us > MOST_US ? MOST_US : wait_us;
    }
    leave(channel, entry);
    return wait_us;
}

uint64_t dns_channel_heard_us(struct dns_channel *channel, const struct dns_ticket *ticket)
{
    struct entry entry = enter(channel);
    const struct dns_connection *connection = &channel->connection;
    uint64_t heard_us = connection->alive_us;
    heard_us = connection->received_us > heard_us ? connection->received_us : heard_us;
    if (ticket->state == DNS_TICKET_SENT && ticket->sent_us > heard_us) {
        heard_us = ticket->sent_us;
    }
    leave(channel, entry);
    return heard_us;
}

void dns_channel_drop(struct dns_channel *channel, struct dns_ticket *ticket)
{
    if (ticket != NULL) {
        struct entry entry = enter(channel);
        dns_ticket_end(channel, ticket);
        leave(channel, entry);
    }
}

/* ---- start and free ---- */

/* The addresses to connect to, as far as the settings give them: the resolver's, or for each of
 * these the proxy's, which is then told the resolver's. */
static void addresses_set(struct dns_channel *channel)
{
    const struct dns_secure_server *server = channel->server;
    const struct dns_proxy *proxy = channel->options.proxy;
    if (dns_channel_asked_name(channel) != NULL) {
        return;
    }
    channel->address_count = server->address_count > 0 ? server->address_count : 1;
    for (size_t i = 0; i < channel->address_count; i++) {
        channel->address[i] = proxy != NULL ? proxy->address : server->address[i];
        channel->address_len[i] = proxy != NULL ? proxy->address_len : server->address_len[i];
    }
}

struct dns_channel *dns_channel_new(const struct dns_secure_server *server, const struct dns_io *io,
                                    const struct dns_channel_options *options)
{
    struct dns_channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL || pthread_mutex_init(&channel->lock, NULL) != 0) {
        free(channel);
        return NULL;
    }
    channel->server = server;
    channel->io = io;
    channel->options = *options;
    channel->connection.fd = -1;
    wr_init(&channel->connection.out, 0);
    wr_init(&channel->connection.proxy_in, 0);
    addresses_set(channel);
    dns_own_record_init(channel);
    return channel;
}

void dns_channel_free(struct dns_channel *channel)
{
    if (channel == NULL) {
        return;
    }
    dns_connection_clear(channel);
    while (channel->tickets != NULL) {
        dns_ticket_end(channel, channel->tickets); /* the channel's own: all others have ended */
    }
    dns_own_record_free(channel);
    gnutls_free(channel->session.data);
    (void)pthread_mutex_destroy(&channel->lock);
    free(channel);
}

void dns_channel_before_fork(struct dns_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
}

void dns_channel_after_fork_parent(struct dns_channel *channel)
{
    pthread_mutex_unlock(&channel->lock);
}

void dns_channel_after_fork_child(struct dns_channel *channel)
{
    /* Threads that waited are not there any more. */
    (void)pthread_mutex_init(&channel->lock, NULL);
    channel->leader = 0;
    channel->waiting = 0;
    dns_connection_clear(channel);
    for (struct dns_ticket *ticket = channel->tickets; ticket != NULL; ticket = ticket->next) {
        if (ticket->state == DNS_TICKET_SENT || ticket->state == DNS_TICKET_RETURNED) {
            ticket->state = DNS_TICKET_QUEUED;
            ticket->tries = 0;
        }
    }
    /* A session ticket is for one connection, and that is the parent's. */
    gnutls_free(channel->session.data);
    channel->session = (gnutls_datum_t){0};
}
