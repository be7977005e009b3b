/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One question on its way, by whichever transport. Nothing waits but dns_asking_wait.
 */
#ifndef DNS_QUESTION_H
#define DNS_QUESTION_H

#include "dns/encrypted/channel.h"
#include "dns/lookup.h"
#include "dns/transport_plain.h"

enum { DNS_ASKING_MAX = 2 }; /* that one wait is for: A and AAAA */

/* Its fields are dns/question.c's, but for x. */
struct dns_asking {
    const struct dns_io *io;
    struct dns_channel *channel; /* NULL: plain */
    struct dns_ticket *ticket;   /* of the channel */
    const struct dns_question *question;
    const struct dns_servers *servers;
    struct dns_plain plain;
    enum dns_reason failure;
    struct dns_exchange *x; /* from the first drive on: memory for the answer */
};

/* Sends the question as far as that goes without waiting: over the look-up's channel, or to the
 * servers. All is borrowed until dns_asking_end. */
void dns_asking_begin(struct dns_asking *asking, const struct dns_lookup *lookup,
                      const struct dns_servers *servers, const struct dns_question *question,
                      uint64_t deadline_us);

/* See dns_plain_hurry; nothing over a channel, whose transport does not lose questions. */
void dns_asking_hurry(struct dns_asking *asking);

/* Does what can be done without waiting, with this bound from now on. *pending: not there yet. Else
 * it is over: DNS_REASON_OK: asking->x->answer is to be judged; or the reason of DNS_FAILED. */
ECH_MUST_USE enum dns_reason dns_asking_drive(struct dns_asking *asking, uint64_t deadline_us,
                                              bool *pending);

/* Waits until one of the pending askings, all of one look-up, has something to do, until_us at the
 * latest. False: waiting does not work. */
ECH_MUST_USE bool dns_asking_wait(struct dns_asking *const *askings, size_t count,
                                  uint64_t until_us);

/* Frees and closes what it has; x with it. */
void dns_asking_end(struct dns_asking *asking);

#endif
