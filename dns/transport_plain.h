/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One question to plain DNS servers: UDP, and TCP where an answer does not fit (RFC 7766) or where
 * TCP alone is wanted.
 */
#ifndef DNS_TRANSPORT_PLAIN_H
#define DNS_TRANSPORT_PLAIN_H

#include "dns/answer.h"
#include "dns/io.h"
#include "dns/message.h"
#include "dns/resolver.h"

/* An answer and the memory that it borrows from. About 70 KiB: not for the stack of a foreign
 * program. */
struct dns_exchange {
    struct dns_answer answer;
    uint8_t message[2 + DNS_MESSAGE_MAX];
};

/*
 * Asks the servers in turn, in rounds, until one says NOERROR or NXDOMAIN, or deadline_us (on io's
 * clock) is there. Each try has a new socket, a port that the kernel chooses at random, and a
 * random id; messages that do not match all of it, the question included, are dropped and the wait
 * goes on (RFC 5452, 9). No try takes more than its share of the time left, so that a dead server
 * does not eat it all, but half a second if there is that much. DNS_REASON_OK: x->answer is to be
 * judged. Else the reason of DNS_FAILED: the last one that is more telling than a timeout.
 */
ECH_MUST_USE enum dns_reason dns_plain_query(const struct dns_io *io,
                                             const struct dns_servers *servers,
                                             const struct dns_name *qname, uint64_t deadline_us,
                                             struct dns_exchange *x);

#endif
