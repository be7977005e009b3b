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

/* Only dns/question.c uses the fields, except x. */
struct dns_asking {
    const struct dns_io *io;
    struct dns_channel *channel; /* NULL: plain */
    struct dns_ticket *ticket;   /* of the channel */
    const struct dns_question *question;
    const struct dns_servers *servers;
    struct dns_plain plain;
    enum dns_reason failure;
    struct dns_exchange *x; /* memory for the answer; NULL before the first drive */
};

/* Sends the question, without waiting, over the look-up's channel or else to the servers.
 * Everything is borrowed until dns_asking_end. */
void dns_asking_begin(struct dns_asking *asking, const struct dns_lookup *lookup,
                      const struct dns_servers *servers, const struct dns_question *question,
                      uint64_t deadline_us);

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
