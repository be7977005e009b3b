/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one process has learned about plain DNS servers, so that a server's fault costs time once
 * and not for each name. It knows servers that fail with EDNS, and resolvers (or gateways before
 * them) that drop questions for HTTPS records. It forgets after five minutes, and shares nothing
 * with other processes. Its size is bounded: what falls out is learned again. Time comes as an
 * argument.
 */
#ifndef DNS_RESOLVER_HEALTH_H
#define DNS_RESOLVER_HEALTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dns/message.h"
#include "dns/resolver.h"

enum {
    DNS_HEALTH_SERVERS = 16,
    DNS_HEALTH_RESOLVERS = 8,
    DNS_HEALTH_SILENT = 64, /* names */
    /* A resolver counts as one that drops questions for HTTPS records after this many names got
     * their addresses but no answer to such a question. One name may be a lost datagram. */
    DNS_HEALTH_NAMES = 3,
    /* Microseconds. How long a program that has its addresses waits for the HTTPS records. */
    DNS_HEALTH_WAIT_US = 250000,
    DNS_HEALTH_WAIT_DROPPED_US = 50000,
    DNS_HEALTH_KEPT_US = 300000000,
};

/* A server that failed at a question with EDNS and answered the same one without. */
struct dns_health_server {
    union dns_socket_address address;
    uint64_t until_us; /* 0: a free place */
};

/* The servers of a look-up, in one network. */
struct dns_health_resolver {
    char id[DNS_RESOLVER_ID]; /* dns_servers_id; "": a free place */
    uint64_t network;
    uint64_t names[DNS_HEALTH_NAMES]; /* hashes of those without an answer */
    size_t name_count;
    uint64_t first_us; /* when the first of them was noted */
    uint64_t drops_until_us;
};

/* A name that got no answer for one of its address families. */
struct dns_health_silent {
    uint64_t name; /* a hash, with that of resolver and network */
    uint64_t until_us;
};

/* Each process has one. Only dns/resolver_health.c uses the fields. */
struct dns_resolver_health {
    pthread_mutex_t lock;
    struct dns_health_server servers[DNS_HEALTH_SERVERS];
    struct dns_health_resolver resolvers[DNS_HEALTH_RESOLVERS];
    struct dns_health_silent silent[DNS_HEALTH_SILENT];
    size_t next_server;
    size_t next_resolver;
    size_t next_silent;
};

#define DNS_RESOLVER_HEALTH_INIT                                                                   \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* ---- EDNS (RFC 6891, 6.2.2) ---- */

/* Should a question to this server go without EDNS? */
bool dns_health_lacks_edns(struct dns_resolver_health *health, const struct dns_server *server,
                           uint64_t now_us);
/* The server answered a question without EDNS, but not the same one with it. */
void dns_health_note_no_edns(struct dns_resolver_health *health, const struct dns_server *server,
                             uint64_t now_us);

/* ---- questions for HTTPS records that get no answer ---- */

/* How long, in microseconds from the moment when the program has its addresses, the program may
 * wait for a name's HTTPS records: DNS_HEALTH_WAIT_US, or less if the resolver is known to drop
 * such questions. */
uint64_t dns_health_wait_us(struct dns_resolver_health *health, const char *resolver_id,
                            uint64_t network, uint64_t now_us);
/* The addresses of this name came, and nothing about its HTTPS records. */
void dns_health_note_silence(struct dns_resolver_health *health, const char *resolver_id,
                             uint64_t network, const struct dns_name *qname, uint64_t now_us);
/* The resolver answered a question for HTTPS records, whatever it said. */
void dns_health_note_answer(struct dns_resolver_health *health, const char *resolver_id,
                            uint64_t network);

/* ---- names that get no addresses ---- */

/* Did a question for an address of this name get no answer a short while ago? */
bool dns_health_is_silent(struct dns_resolver_health *health, const char *resolver_id,
                          uint64_t network, const struct dns_name *qname, uint64_t now_us);
/* Notes that it got none, or that all questions were answered. */
void dns_health_note_addresses(struct dns_resolver_health *health, const char *resolver_id,
                               uint64_t network, const struct dns_name *qname, bool answered,
                               uint64_t now_us);

/* For pthread_atfork: before in `prepare`, after in both `parent` and `child`. */
void dns_health_before_fork(struct dns_resolver_health *health);
void dns_health_after_fork(struct dns_resolver_health *health);

#endif
