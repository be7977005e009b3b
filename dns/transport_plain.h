/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One question to plain DNS servers: UDP, and TCP if an answer does not fit (RFC 7766) or if only
 * TCP is wanted. A state machine that never waits: its caller polls.
 */
#ifndef DNS_TRANSPORT_PLAIN_H
#define DNS_TRANSPORT_PLAIN_H

#include "dns/answer.h"
#include "dns/io.h"
#include "dns/message.h"
#include "dns/resolver.h"
#include "dns/resolver_health.h"

/* An answer and the memory that it borrows from. About 70 KiB: not for the stack of a foreign
 * program. */
struct dns_exchange {
    struct dns_answer answer;
    uint8_t message[2 + DNS_MESSAGE_MAX];
};

enum dns_plain_stage {
    DNS_PLAIN_IDLE, /* no try under way */
    DNS_PLAIN_UDP_SEND,
    DNS_PLAIN_UDP_RECEIVE,
    DNS_PLAIN_TCP_SEND,
    DNS_PLAIN_TCP_RECEIVE,
};

/*
 * A question on its way. The servers are asked in turn, in rounds, until one says NOERROR or
 * NXDOMAIN. Each try has a new socket, a port that the kernel chooses at random, and a random id;
 * messages that do not match all of it, the question included, are dropped and the wait goes on
 * (RFC 5452, 9). A try gets its share of the time that is left, but at least half a second if there
 * is that much. So a dead server does not use it all up. Within a try over UDP a question without
 * an answer is sent once more, without EDNS: that helps against a lost datagram and against servers
 * and gateways that drop what they do not know (RFC 6891, 6.2.2). Only dns/transport_plain.c uses
 * the fields, except deadline_us, which the owner may change.
 */
struct dns_plain {
    const struct dns_io *io;
    const struct dns_servers *servers;   /* borrowed */
    const struct dns_question *question; /* borrowed */
    struct dns_resolver_health *health;  /* borrowed; NULL: nothing is remembered */
    uint64_t deadline_us;                /* of the whole question, on io's clock */
    enum dns_plain_stage stage;
    int fd; /* of the try under way */
    uint64_t try_deadline_us;
    size_t tries;  /* begun */
    unsigned lost; /* sockets that the program closed */
    bool settled[DNS_SERVER_MAX];
    bool without_edns[DNS_SERVER_MAX]; /* these servers do not know it */
    bool hurried;
    uint64_t resend_us; /* when the question of this try is sent again; UINT64_MAX: no more */
    bool resent;
    bool edns;                     /* the first question of this try has it */
    enum dns_reason failure;       /* the last failure that says more than a timeout */
    uint8_t query[DNS_QUERY_SIZE]; /* after the two octets of length that TCP needs */
    size_t query_len;
    uint16_t id;
    size_t done; /* octets sent, or received, over TCP */
};

/* Makes the query and sends it to the first server without waiting. Failures are reported by
 * dns_plain_drive. Always call dns_plain_end. */
void dns_plain_begin(struct dns_plain *plain, const struct dns_io *io,
                     const struct dns_servers *servers, const struct dns_question *question,
                     struct dns_resolver_health *health, uint64_t deadline_us);

/* The caller will not wait until deadline_us. So this tries again sooner, and asks the next server
 * sooner. */
void dns_plain_hurry(struct dns_plain *plain);

/*
 * Does what can be done without waiting. *pending: it must wait, see dns_plain_awaits. Else the
 * question is over: DNS_REASON_OK: the caller judges x->answer; or the reason of DNS_FAILED. Give
 * the same x each time. Messages that have arrived are read even after the deadline.
 */
ECH_MUST_USE enum dns_reason dns_plain_drive(struct dns_plain *plain, struct dns_exchange *x,
                                             bool *pending);

/* What a pending question waits for, and until when. */
struct pollfd dns_plain_awaits(const struct dns_plain *plain, uint64_t *until_us);

/* The number of the server of the last try. */
ECH_MUST_USE size_t dns_plain_place(const struct dns_plain *plain);
/* Was the server of this number asked, and said nothing? */
ECH_MUST_USE bool dns_plain_was_silent(const struct dns_plain *plain, size_t place);

void dns_plain_end(struct dns_plain *plain);

/* DNS_REASON_OK for NOERROR and NXDOMAIN. */
ECH_MUST_USE enum dns_reason dns_reason_of_rcode(const struct dns_answer *answer);

#endif
