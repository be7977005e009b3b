/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/channel.h"

#include <errno.h>
#include <stdlib.h>

#include "dns/encrypted/channel_state.h"

/*
 * The longest single wait at the socket. The waiting thread does not notice if another thread
 * queues a question while the socket is full, or makes another connection.
 */
enum { WAIT_AT_MOST_MS = 100 };

/* After this time a silent leader is given up. If it comes back after all, it does no harm. */
enum { LEADER_LATE_US = 50000, ADDRESSES_US = 500000 };

/* ---- the system's addresses ---- */

static void addresses_take(struct dns_channel *channel, const struct addrinfo *list)
{
    for (; list != NULL && channel->address_count < DNS_ADDRESS_MAX; list = list->ai_next) {
        union dns_socket_address *address = &channel->address[channel->address_count];
        if (list->ai_family == AF_INET && list->ai_addrlen == sizeof address->v4) {
            address->v4 = *(const struct sockaddr_in *)(const void *)list->ai_addr;
            address->v4.sin_port = htons(channel->resolver->secure.port);
        } else if (list->ai_family == AF_INET6 && list->ai_addrlen == sizeof address->v6) {
            address->v6 = *(const struct sockaddr_in6 *)(const void *)list->ai_addr;
            address->v6.sin6_port = htons(channel->resolver->secure.port);
        } else {
            continue;
        }
        channel->address_len[channel->address_count++] = list->ai_addrlen;
    }
}

/* Called by the waiting thread, without the lock. False: the caller has given up waiting. */
static bool addresses_find(struct dns_channel *channel)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    channel->heard_by_us = channel->io->now_us() + ADDRESSES_US;
    pthread_mutex_unlock(&channel->lock);
    int result = channel->options.getaddrinfo(channel->resolver->secure.name, NULL, &hints, &list);
    bool here = result != EAI_SYSTEM || errno != ECANCELED;
    pthread_mutex_lock(&channel->lock);
    if (!here) {
        return false;
    }
    if (result == 0) {
        if (channel->address_count == 0) {
            addresses_take(channel, list);
        }
        channel->options.freeaddrinfo(list);
    }
    if (channel->address_count == 0) {
        dns_tickets_fail(channel, DNS_REASON_RESOLVER_ADDRESS);
    }
    return true;
}

/* ---- threads that wait ---- */

static void pump(struct dns_channel *channel)
{
    dns_connection_step(channel);
    dns_connection_check(channel);
    dns_tickets_free_own(channel);
}

/* One wait of the leading thread, at the socket, without the lock. False: the caller has given up
 * waiting. */
static bool wait_at_socket(struct dns_channel *channel, uint64_t now_us, uint64_t wait_until_us)
{
    struct pollfd wanted;
    uint64_t until_us = wait_until_us;
    if (!dns_connection_wants(channel, &wanted, &until_us)) {
        return true;
    }
    uint64_t left_ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;
    int timeout_ms = left_ms > WAIT_AT_MOST_MS ? WAIT_AT_MOST_MS : (int)left_ms;
    channel->heard_by_us = now_us + (uint64_t)timeout_ms * 1000 + LEADER_LATE_US;
    pthread_mutex_unlock(&channel->lock);
    /* The next use of the socket will tell what is wrong with it. */
    bool here = channel->io->poll(&wanted, 1, timeout_ms) >= 0 || errno != ECANCELED;
    pthread_mutex_lock(&channel->lock);
    return here;
}

/* One wait of a thread that does not lead. */
static bool wait_for_leader(struct dns_channel *channel, uint64_t now_us, uint64_t wait_until_us)
{
    uint64_t until_us = channel->heard_by_us < wait_until_us ? channel->heard_by_us : wait_until_us;
    uint32_t seen = atomic_load_explicit(&channel->changed, memory_order_relaxed);
    channel->waiting++;
    pthread_mutex_unlock(&channel->lock);
    bool here = channel->io->wait(&channel->changed, seen, until_us - now_us);
    pthread_mutex_lock(&channel->lock);
    channel->waiting--;
    return here;
}

static bool any_done(struct dns_ticket *const *tickets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tickets[i]->state == DNS_TICKET_DONE) {
            return true;
        }
    }
    return false;
}

static bool is_led(const struct dns_channel *channel, uint64_t now_us)
{
    return channel->leader != 0 && now_us < channel->heard_by_us;
}

/* One round of leading: looks up the addresses, or waits at the socket. False: the caller has given
 * up waiting. */
static bool lead_once(struct dns_channel *channel, uint64_t now_us, uint64_t wait_until_us)
{
    return channel->address_count == 0 ? addresses_find(channel)
                                       : wait_at_socket(channel, now_us, wait_until_us);
}

/* Waits until one of the tickets is done, or until the given time. False: the caller has given up
 * waiting. */
static bool wait_for_any(struct dns_channel *channel, struct dns_ticket *const *tickets,
                         size_t count, uint64_t wait_until_us)
{
    uint64_t self = 0;
    bool here = true;
    while (here) {
        uint64_t now_us = channel->io->now_us();
        bool follows = is_led(channel, now_us) && channel->leader != self;
        if (!follows) {
            pump(channel);
            now_us = channel->io->now_us();
        }
        if (any_done(tickets, count) || now_us >= wait_until_us) {
            break;
        }
        if (follows) {
            here = wait_for_leader(channel, now_us, wait_until_us);
            continue;
        }
        if (channel->leader != self || self == 0) {
            self = ++channel->leaders;
            channel->leader = self;
        }
        here = lead_once(channel, now_us, wait_until_us);
    }
    if (self != 0 && channel->leader == self) {
        channel->leader = 0;
        dns_tickets_tell(channel); /* another thread has to lead */
    }
    return here;
}

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

enum dns_reason dns_channel_ask(struct dns_channel *channel, struct bytes query,
                                uint64_t deadline_us, struct dns_ticket **ticket)
{
    enum dns_reason reason;
    struct entry entry = enter(channel);
    *ticket = dns_ticket_add(channel, query, deadline_us, &reason);
    if (*ticket != NULL) {
        reason = DNS_REASON_OK;
        pump(channel);
    }
    leave(channel, entry);
    return reason;
}

/* A connection that gave no answer in all that time would give none the next time. */
static void give_up(struct dns_channel *channel, const struct dns_ticket *ticket)
{
    const struct dns_connection *connection = &channel->connection;
    bool silent =
        connection->state == DNS_CONNECTION_OPEN && connection->received_us < ticket->sent_us;
    if (connection->state != DNS_CONNECTION_OPEN || silent) {
        dns_connection_drop(channel, DNS_REASON_TIMEOUT);
    }
}

enum dns_reason dns_channel_wait(struct dns_channel *channel, struct dns_ticket *ticket,
                                 uint64_t wait_until_us, struct writer *w, bool *pending)
{
    struct entry entry = enter(channel);
    enum dns_reason reason = DNS_REASON_TIMEOUT;
    *pending = false;
    (void)wait_for_any(channel, &ticket, 1, wait_until_us);
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
        give_up(channel, ticket);
        dns_ticket_end(channel, ticket);
    }
    leave(channel, entry);
    return reason;
}

bool dns_channel_wait_any(struct dns_channel *channel, struct dns_ticket *const *tickets,
                          size_t count, uint64_t wait_until_us)
{
    struct entry entry = enter(channel);
    bool here = wait_for_any(channel, tickets, count, wait_until_us);
    leave(channel, entry);
    return here;
}

void dns_channel_expire(struct dns_channel *channel, struct dns_ticket *ticket)
{
    struct entry entry = enter(channel);
    give_up(channel, ticket);
    dns_ticket_end(channel, ticket);
    leave(channel, entry);
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

struct dns_channel *dns_channel_new(const struct dns_resolver *resolver, const struct dns_io *io,
                                    const struct dns_channel_options *options)
{
    struct dns_channel *channel = calloc(1, sizeof *channel);
    if (channel == NULL || pthread_mutex_init(&channel->lock, NULL) != 0) {
        free(channel);
        return NULL;
    }
    channel->resolver = resolver;
    channel->io = io;
    channel->options = *options;
    channel->connection.fd = -1;
    wr_init(&channel->connection.out, 0);
    if (resolver->secure.address_len != 0) {
        channel->address[0] = resolver->secure.address;
        channel->address_len[0] = resolver->secure.address_len;
        channel->address_count = 1;
    }
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
