/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one connection to an encrypted resolver. It is made at the first question, kept for later
 * ones, and made again when it has died. All threads of the process share it, and it has no thread
 * of its own: one of the waiting threads leads, works on the connection, and hands the others their
 * answers.
 *
 * Questions go out as they come and answers come in any order. A question is asked once more, on a
 * new connection, if its connection died, or if an older connection showed no sign of life for half
 * of the question's time. If the resolver was given by name, the first connection asks for its
 * HTTPS record, and later ones use ECH. The caller's dns_ech_functions do that.
 */
#ifndef DNS_ENCRYPTED_CHANNEL_H
#define DNS_ENCRYPTED_CHANNEL_H

#include <netdb.h>

#include "dns/encrypted/proxy.h"
#include "dns/encrypted/tls.h"
#include "dns/resolver.h"

struct dns_channel;
/* One question on its way, and its answer. */
struct dns_ticket;

struct dns_channel_options {
    const struct dns_tls_library *library;
    struct dns_tls_verifier verifier;
    const struct dns_ech_functions *ech; /* NULL: without */
    const struct dns_proxy *proxy;       /* that all connections go through; NULL: none */
    /* The system's, for a resolver given by name alone. It may wait as long as the system likes;
     * the channel does not bound it. EAI_SYSTEM with ECANCELED: as io's poll. */
    __typeof__(&getaddrinfo) getaddrinfo;
    __typeof__(&freeaddrinfo) freeaddrinfo;
};

/*
 * Does not connect yet. The server, io and what the options point to are borrowed. NULL: no memory.
 */
ECH_MUST_USE struct dns_channel *dns_channel_new(const struct dns_secure_server *server,
                                                 const struct dns_io *io,
                                                 const struct dns_channel_options *options);
/* Closes the connection. No ticket may be left, and no thread may use the channel. NULL is fine. */
void dns_channel_free(struct dns_channel *channel);

/*
 * Takes one query, a complete DNS message with one question and perhaps an OPT record. Sends a
 * padded copy, without waiting. After deadline_us (on io's clock) the answer is of no use.
 * DNS_REASON_OK: *ticket is the caller's until dns_channel_wait, dns_channel_drop or
 * dns_channel_expire ends it. Else DNS_REASON_NO_MEMORY, or DNS_REASON_FORMERR if it is no such
 * query.
 */
ECH_MUST_USE enum dns_reason dns_channel_ask(struct dns_channel *channel, struct bytes query,
                                             uint64_t deadline_us, struct dns_ticket **ticket);

/*
 * Waits for the answer until wait_until_us, and always takes in what has come already; with 0 it
 * does not wait. DNS_REASON_OK and not *pending: the answer is appended to w, with the id of the
 * query; it has the right question and no TC. The ticket is gone. *pending: there is no answer yet,
 * and deadline_us is later than wait_until_us. The ticket stays. Else the question failed for good,
 * with a reason of DNS_FAILED. The ticket is gone.
 */
ECH_MUST_USE enum dns_reason dns_channel_wait(struct dns_channel *channel,
                                              struct dns_ticket *ticket, uint64_t wait_until_us,
                                              struct writer *w, bool *pending);

/* The same for several: waits until one of the tickets is done, and ends none. False: the caller
 * has given up waiting, or waiting failed. */
ECH_MUST_USE bool dns_channel_wait_any(struct dns_channel *channel,
                                       struct dns_ticket *const *tickets, size_t count,
                                       uint64_t wait_until_us);

/* Ends a ticket: its answer is not wanted any more. NULL is fine. */
void dns_channel_drop(struct dns_channel *channel, struct dns_ticket *ticket);
/* As dns_channel_drop, for a ticket that has reached its deadline. A connection that gave no answer
 * in all that time is not used again. True: the resolver seems to be down. */
bool dns_channel_expire(struct dns_channel *channel, struct dns_ticket *ticket);
/* The same before the deadline: another resolver was faster, or this one is known to be down. The
 * connection goes on, since it may yet come. */
bool dns_channel_overtaken(struct dns_channel *channel, struct dns_ticket *ticket);

/* ---- several resolvers ---- */

enum { DNS_WAITS_MAX = 2 * DNS_RESOLVERS_MAX }; /* A and AAAA at each */

struct dns_channel_wait {
    struct dns_channel *channel;
    struct dns_ticket *ticket;
};

/* As dns_channel_wait_any, for tickets of several channels. */
ECH_MUST_USE bool dns_channels_wait_any(const struct dns_channel_wait *waits, size_t count,
                                        uint64_t wait_until_us);

/* How long, in microseconds, to wait for an answer before another resolver is asked too: four times
 * as long as its answers usually take, within the bounds of RFC 8305, 5; DNS_NEXT_US before the
 * first one. */
ECH_MUST_USE uint64_t dns_channel_patience_us(struct dns_channel *channel);
/* When (io's clock) the connection last showed a sign of life, or was given this question. */
ECH_MUST_USE uint64_t dns_channel_heard_us(struct dns_channel *channel,
                                           const struct dns_ticket *ticket);

/*
 * For pthread_atfork. The child forgets the connection without a trace on the wire, and asks on one
 * of its own; its tickets stay good.
 */
void dns_channel_before_fork(struct dns_channel *channel);
void dns_channel_after_fork_parent(struct dns_channel *channel);
void dns_channel_after_fork_child(struct dns_channel *channel);

#endif
