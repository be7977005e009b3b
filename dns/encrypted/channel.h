/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to an encrypted resolver: one, made at the first question, kept for all that
 * follow, made again when it has died. It is shared by all threads of the process and has none of
 * its own: whoever waits moves it, and hands the others their answers.
 *
 * Questions go out as they come and answers come in any order. A question whose connection died, or
 * that a connection kept from earlier leaves without any sign of life for half of its time, is
 * asked once more on a new one. A resolver given by name speaks ECH as soon as its own HTTPS record
 * is known, for which it is asked on the first connection; how that is judged is the caller's
 * (dns_ech_functions).
 */
#ifndef DNS_ENCRYPTED_CHANNEL_H
#define DNS_ENCRYPTED_CHANNEL_H

#include <netdb.h>

#include "dns/encrypted/tls.h"
#include "dns/resolver.h"

struct dns_channel;
/* One question on its way, and its answer. */
struct dns_ticket;

struct dns_channel_options {
    const struct dns_tls_library *library;
    struct dns_tls_verifier verifier;
    const struct dns_ech_functions *ech; /* NULL: without */
    /* The system's, for a resolver given by name alone. It may wait as long as the system sees fit:
     * ours is not to bound it. EAI_SYSTEM with ECANCELED: as io's poll. */
    __typeof__(&getaddrinfo) getaddrinfo;
    __typeof__(&freeaddrinfo) freeaddrinfo;
};

/*
 * For a resolver that dns_resolver_is_protected. Connects to nobody yet. The resolver, io and what
 * the options point to are borrowed. NULL: no memory.
 */
ECH_MUST_USE struct dns_channel *dns_channel_new(const struct dns_resolver *resolver,
                                                 const struct dns_io *io,
                                                 const struct dns_channel_options *options);
/* Closes the connection. There are no tickets any more, and nobody uses it. NULL is fine. */
void dns_channel_free(struct dns_channel *channel);

/*
 * Takes one query, a complete DNS message with one question and perhaps an OPT record, of which a
 * padded copy is sent, and sends it as far as that goes without waiting. deadline_us (on io's
 * clock) is when its answer is of no use any more. DNS_REASON_OK: *ticket, which is the caller's
 * until dns_channel_wait or dns_channel_drop ends it. Else DNS_REASON_NO_MEMORY, or
 * DNS_REASON_FORMERR for what is no such query.
 */
ECH_MUST_USE enum dns_reason dns_channel_ask(struct dns_channel *channel, struct bytes query,
                                             uint64_t deadline_us, struct dns_ticket **ticket);

/*
 * Waits for the answer until wait_until_us; what has come already is always taken in, so with 0 it
 * does not wait. DNS_REASON_OK and not *pending: the message is appended to w, with the id of the
 * query, for which it has the right question and no TC; the ticket is gone. *pending: it is not
 * there yet, and deadline_us is later than wait_until_us: the ticket stays. Else it failed for
 * good, with a reason of DNS_FAILED, and the ticket is gone.
 */
ECH_MUST_USE enum dns_reason dns_channel_wait(struct dns_channel *channel,
                                              struct dns_ticket *ticket, uint64_t wait_until_us,
                                              struct writer *w, bool *pending);

/* The same for several: waits until one of the tickets is done, and ends none. False: nobody waits
 * for them any more, or waiting does not work. */
ECH_MUST_USE bool dns_channel_wait_any(struct dns_channel *channel,
                                       struct dns_ticket *const *tickets, size_t count,
                                       uint64_t wait_until_us);

/* Nobody wants that answer any more. NULL is fine. */
void dns_channel_drop(struct dns_channel *channel, struct dns_ticket *ticket);
/* Its time is over: as dns_channel_drop, and a connection that was no use in all that time is not
 * used again. */
void dns_channel_expire(struct dns_channel *channel, struct dns_ticket *ticket);

/*
 * For pthread_atfork. The child forgets the connection without a trace on the wire, and asks on one
 * of its own; its tickets stay good.
 */
void dns_channel_before_fork(struct dns_channel *channel);
void dns_channel_after_fork_parent(struct dns_channel *channel);
void dns_channel_after_fork_child(struct dns_channel *channel);

#endif
