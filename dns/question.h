/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lowest rung of dns/lookup.h: one question and its answer, over plain DNS or an encrypted
 * channel. Only dns_asking_wait waits.
 */
#ifndef DNS_QUESTION_H
#define DNS_QUESTION_H

#include "dns/encrypted/channel.h"
#include "dns/lookup.h"
#include "dns/transport_plain.h"

enum { DNS_ASKING_MAX = 2 }; /* that dns_asking_wait waits for at once: A and AAAA */

/*
 * Only dns/question.c uses the fields, except x. With several encrypted resolvers the next one is
 * asked when one has failed, or has not answered after a while (RFC 8305, 5); the first answer
 * counts. Those that are known to be down come last.
 */
struct dns_asking {
    const struct dns_io *io;
    const struct dns_lookup *lookup;
    size_t order[DNS_RESOLVERS_MAX];               /* numbers of channels, as they are asked */
    bool down[DNS_RESOLVERS_MAX];                  /* in that order, like all below */
    struct dns_ticket *tickets[DNS_RESOLVERS_MAX]; /* NULL: not asked, or over */
    size_t begun;                                  /* how many have been asked */
    uint64_t patience_us; /* how long to wait still before the next one is asked */
    size_t answered_by;   /* number of the channel, once there is an answer */
    const struct dns_question *question;
    const struct dns_servers *servers;
    struct dns_plain plain;
    enum dns_reason failure;
    uint64_t deadline_us;
    uint64_t due_us;        /* the deadline that it began with */
    struct dns_exchange *x; /* memory for the answer; NULL before the first drive */
};

/* Sends the question, without waiting, over the look-up's channels or else to the servers.
 * Everything is borrowed until dns_asking_end. */
void dns_asking_begin(struct dns_asking *asking, const struct dns_lookup *lookup,
                      const struct dns_servers *servers, const struct dns_question *question,
                      uint64_t deadline_us);

/* The encrypted resolver that answered, once the question is over with DNS_REASON_OK; NULL: plain
 * servers did. Borrowed from the look-up's resolver. */
ECH_MUST_USE const char *dns_asking_answered_by(const struct dns_asking *asking);

/* As dns_plain_hurry. Does nothing over a channel: its transport loses no questions. */
void dns_asking_hurry(struct dns_asking *asking);

/* Does what can be done without waiting; deadline_us takes the place of the earlier deadline.
 * *pending: there is no answer yet. Else the question is over: DNS_REASON_OK: the caller judges
 * asking->x->answer; or the reason of DNS_FAILED. */
ECH_MUST_USE enum dns_reason dns_asking_drive(struct dns_asking *asking, uint64_t deadline_us,
                                              bool *pending);

/* Waits until one of the pending questions, all of one look-up, has something to do, or until_us.
 * False: waiting failed. */
ECH_MUST_USE bool dns_asking_wait(struct dns_asking *const *askings, size_t count,
                                  uint64_t until_us);

/* Closes its sockets and frees its memory, x included. */
void dns_asking_end(struct dns_asking *asking);

#endif
