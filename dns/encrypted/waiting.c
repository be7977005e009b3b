/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that wait for answers: at one channel, where one of them leads, or at several channels at
 * once, when more than one resolver is asked.
 */
#include <errno.h>

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
    const struct dns_proxy *proxy = channel->options.proxy;
    uint16_t port = proxy != NULL ? proxy->port : channel->server->port;
    for (; list != NULL && channel->address_count < DNS_ADDRESS_MAX; list = list->ai_next) {
        union dns_socket_address *address = &channel->address[channel->address_count];
        if (list->ai_family == AF_INET && list->ai_addrlen == sizeof address->v4) {
            address->v4 = *(const struct sockaddr_in *)(const void *)list->ai_addr;
            address->v4.sin_port = htons(port);
        } else if (list->ai_family == AF_INET6 && list->ai_addrlen == sizeof address->v6) {
            address->v6 = *(const struct sockaddr_in6 *)(const void *)list->ai_addr;
            address->v6.sin6_port = htons(port);
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
    int result = channel->options.getaddrinfo(dns_channel_asked_name(channel), NULL, &hints, &list);
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

void dns_channel_pump(struct dns_channel *channel)
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

bool dns_channel_wait_for(struct dns_channel *channel, struct dns_ticket *const *tickets,
                          size_t count, uint64_t wait_until_us)
{
    uint64_t self = 0;
    bool here = true;
    while (here) {
        uint64_t now_us = channel->io->now_us();
        bool follows = is_led(channel, now_us) && channel->leader != self;
        if (!follows) {
            dns_channel_pump(channel);
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

/* ---- several channels ---- */

/* While another thread leads a channel, its socket tells us nothing: so we look again after this.
 */
enum { LED_BY_OTHER_MS = 20 };

/* A thread's place at one of the channels. */
struct place {
    struct dns_channel *channel;
    uint64_t self; /* as a leader; 0: not */
    struct pollfd wanted;
};

static uint64_t lead(struct dns_channel *channel)
{
    channel->leader = ++channel->leaders;
    return channel->leader;
}

static void stop_leading(struct place *place)
{
    struct dns_channel *channel = place->channel;
    if (place->self != 0 && channel->leader == place->self) {
        channel->leader = 0;
        dns_tickets_tell(channel);
    }
    place->self = 0;
}

/* Does what can be done at one channel, with its lock. Lowers *until_us to when it must be looked
 * at again. *here: false: the caller has given up waiting. */
static void look(struct place *place, uint64_t *until_us, bool *here)
{
    struct dns_channel *channel = place->channel;
    uint64_t now_us = channel->io->now_us();
    place->wanted = (struct pollfd){.fd = -1};
    if (is_led(channel, now_us) && channel->leader != place->self) {
        uint64_t again_us = now_us + (uint64_t)LED_BY_OTHER_MS * 1000;
        *until_us = again_us < *until_us ? again_us : *until_us;
        return;
    }
    dns_channel_pump(channel);
    if (place->self == 0 || channel->leader != place->self) {
        place->self = lead(channel);
    }
    if (channel->address_count == 0 && dns_tickets_any(channel, DNS_TICKET_QUEUED)) {
        *here = addresses_find(channel);
        dns_channel_pump(channel);
    }
    if (!dns_connection_wants(channel, &place->wanted, until_us)) {
        place->wanted.fd = -1;
    }
    channel->heard_by_us =
        channel->io->now_us() + (uint64_t)WAIT_AT_MOST_MS * 1000 + LEADER_LATE_US;
}

static size_t places_make(const struct dns_channel_wait *waits, size_t count, struct place *places)
{
    size_t used = 0;
    for (size_t i = 0; i < count && i < DNS_WAITS_MAX; i++) {
        size_t at = 0;
        while (at < used && places[at].channel != waits[i].channel) {
            at++;
        }
        if (at == used) {
            places[used++] = (struct place){.channel = waits[i].channel};
        }
    }
    return used;
}

/* Goes through all channels. True: a ticket is done, or the caller has given up waiting. */
static bool look_at_all(const struct dns_channel_wait *waits, size_t count, struct place *places,
                        size_t used, uint64_t *until_us, bool *here)
{
    bool done = false;
    for (size_t i = 0; i < used; i++) {
        pthread_mutex_lock(&places[i].channel->lock);
        look(&places[i], until_us, here);
        for (size_t j = 0; j < count; j++) {
            done = done || (waits[j].channel == places[i].channel &&
                            waits[j].ticket->state == DNS_TICKET_DONE);
        }
        pthread_mutex_unlock(&places[i].channel->lock);
    }
    return done || !*here;
}

/* False: the caller has given up waiting. */
static bool poll_all(const struct place *places, size_t used, uint64_t until_us)
{
    struct pollfd wanted[DNS_WAITS_MAX];
    const struct dns_io *io = places[0].channel->io;
    nfds_t sockets = 0;
    for (size_t i = 0; i < used; i++) {
        if (places[i].wanted.fd >= 0) {
            wanted[sockets++] = places[i].wanted;
        }
    }
    uint64_t now_us = io->now_us();
    uint64_t left_ms = until_us > now_us ? (until_us - now_us + 999) / 1000 : 0;
    int timeout_ms = left_ms > WAIT_AT_MOST_MS ? WAIT_AT_MOST_MS : (int)left_ms;
    return io->poll(wanted, sockets, timeout_ms) >= 0 || errno != ECANCELED;
}

bool dns_channels_wait_any(const struct dns_channel_wait *waits, size_t count,
                           uint64_t wait_until_us)
{
    struct place places[DNS_WAITS_MAX];
    int saved_errno = errno;
    size_t used = places_make(waits, count, places);
    bool here = true;
    uint64_t until_us = wait_until_us;
    if (used == 0) {
        return true;
    }
    while (!look_at_all(waits, count, places, used, &until_us, &here)) {
        if (places[0].channel->io->now_us() >= wait_until_us) {
            break;
        }
        here = poll_all(places, used, until_us);
        if (!here) {
            break;
        }
        until_us = wait_until_us;
    }
    for (size_t i = 0; i < used; i++) {
        pthread_mutex_lock(&places[i].channel->lock);
        stop_leading(&places[i]);
        pthread_mutex_unlock(&places[i].channel->lock);
    }
    errno = saved_errno;
    return here;
}
