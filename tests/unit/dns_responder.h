/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A DNS server in a thread, on loopback, over UDP and TCP, for what no real server does. A function
 * of the test makes each answer.
 */
#ifndef TESTS_UNIT_DNS_RESPONDER_H
#define TESTS_UNIT_DNS_RESPONDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dns/name.h"
#include "tests/unit/dns_messages.h"

/* A query as it came. */
struct dns_query {
    uint16_t id;
    char name[DNS_HOST_SIZE];
    uint16_t type;
    bool tcp;
    bool edns;       /* the query has an additional record */
    unsigned number; /* number of queries before it */
    uint64_t at_us;  /* when the kernel received it; UDP only */
};

/* What to do with the message that the function made. */
enum responder_act {
    RESPONDER_SEND,
    RESPONDER_SEND_ELSEWHERE, /* from another port: UDP only */
    RESPONDER_SEND_SPLIT,     /* octet by octet: TCP only */
    RESPONDER_SEND_HALF,      /* and then close: TCP only */
    RESPONDER_DROP,           /* over TCP the connection stays open */
    RESPONDER_AGAIN,          /* send, and call again for one more message to the same query */
};

typedef enum responder_act responder_fn(const struct dns_query *query, unsigned round,
                                        struct message *reply);

enum { RESPONDER_LOG_MAX = 64, RESPONDER_SILENT_MAX = 16 };

struct responder {
    int udp;
    int tcp;
    int elsewhere;
    int stop[2];
    int silent[RESPONDER_SILENT_MAX]; /* unanswered connections, kept until responder_stop */
    unsigned silent_count;
    uint16_t port;
    pthread_t thread;
    responder_fn *answer;
    struct dns_query log[RESPONDER_LOG_MAX];
    unsigned count; /* number of queries; read it after responder_stop */
};

void responder_start(struct responder *responder, responder_fn *answer);
void responder_stop(struct responder *responder);

#endif
