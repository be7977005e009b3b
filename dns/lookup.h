/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SVCB resolution for TLS over TCP (RFC 9460, 3; RFC 9848, 5): from an origin to endpoints with
 * their ECHConfigLists; and the addresses of host names.
 *
 * A name goes down a ladder of three rungs, and its answer comes up again. Each rung calls only the
 * next one:
 *
 *   look-up     lookup.c (HTTPS records), lookup_addresses.c (A and AAAA): the name becomes a
 *               question, and the answer becomes what the caller wants. Knows how long the caller
 *               may wait. Only this rung is for callers.
 *   resolution  resolution.c: asks the cache, else the network; follows CNAMEs and aliases, one
 *               question after another; judges the answers and puts them into the cache.
 *   question    question.c: one question, over one of two transports: transport_plain.c (UDP and
 *               TCP) or encrypted/channel.c (TLS and HTTPS, one connection for all threads).
 *
 * No rung has a thread. The caller's thread waits, within dns_https_finish, dns_lookup_https,
 * dns_lookup_addresses or dns_addresses_come; it does so on the lowest rung (dns_asking_wait), and
 * nowhere else. dns_https_begin never waits.
 *
 * Our choices where the RFCs leave one:
 * - A failure is reported; the caller's policy says whether it is fatal (RFC 9460, 3.1).
 * - An RRset is not rejected because all its records have no-default-alpn (7.1.2).
 * - If an answer also has the HTTPS records of an alias's target, they are not asked for again; and
 *   if it has the addresses of a TargetName, they replace the hints (5.2, 7.3). Such records count
 *   within this answer only and are not cached (RFC 2181, 5.4.1): a server may add any name's.
 */
#ifndef DNS_LOOKUP_H
#define DNS_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/cache.h"
#include "dns/io.h"
#include "dns/resolver.h"
#include "dns/resolver_health.h"

enum {
    DNS_ALIAS_MAX = 8, /* queries after the first one, for AliasMode records and CNAMEs (RFC
                          9460, 2.4.2 and 3.1) */
};

struct dns_channel;

/* The connections to the encrypted resolvers of a look-up, in their order. NULL: it could not be
 * made. */
struct dns_channels {
    struct dns_channel *each[DNS_RESOLVERS_MAX];
    size_t count; /* 0: plain DNS */
};

/* For tools: called for each question that a look-up sent, with its answer (borrowed during the
 * call), or with NULL and the reason why there is none. */
struct dns_lookup_observer {
    void (*saw)(void *context, const struct dns_question *question, enum dns_reason reason,
                const struct dns_answer *answer);
    void *context;
};

/* Whom to ask and how. All pointers are borrowed; many threads may use the same object. */
struct dns_lookup {
    const struct dns_resolver *resolver;
    const char *resolv_conf; /* NULL: /etc/resolv.conf */
    const struct dns_io *io;
    struct dns_cache *cache;                    /* NULL: none */
    const struct dns_lookup_observer *observer; /* NULL: none */
    struct dns_resolver_health *health; /* NULL: nothing is remembered about plain servers */
    struct dns_channels channels; /* as many as resolver->secure; all questions go over these */
    bool hurried;        /* the caller waits about 250 ms at most: send again, and go on to the next
                            server, sooner */
    uint64_t timeout_us; /* how long one look-up may make its caller wait, retries, all servers,
                            aliases and TCP included */
};

/* How a look-up went, for the report. */
struct dns_lookup_report {
    uint64_t lookup_us; /* how long the caller waited */
    bool cached;
    char resolver[DNS_RESOLVER_ID]; /* of several encrypted resolvers the one that answered; without
                                       an answer, and of plain servers, dns_resolver_servers' id of
                                       all */
};

/*
 * Looks up the HTTPS records of host and port (the authority's, in host order). Blocks at most
 * timeout_us; safe in threads and in the child of a fork, opens nothing that outlives the call,
 * keeps errno. The answer is one reference: dns_endpoints_free. NULL only if there is no memory,
 * which counts as DNS_FAILED. report may be NULL.
 */
ECH_MUST_USE struct dns_endpoints *dns_lookup_https(const struct dns_lookup *lookup,
                                                    const char *host, uint16_t port,
                                                    struct dns_lookup_report *report);

/*
 * The same in two steps, so that the program can do something else in between. Only one thread at a
 * time may use a pending look-up. Over plain DNS it owns one socket (dns/io.h). If the program
 * closes that, or a fork leaves it behind, the look-up asks again.
 */
struct dns_https_pending;

/* The file that says who the system's resolver is. */
static inline const char *dns_resolv_conf_of(const struct dns_lookup *lookup)
{
    return lookup->resolv_conf != NULL ? lookup->resolv_conf : "/etc/resolv.conf";
}

/*
 * The answer if the cache has it, else NULL: a look-up in memory that begins nothing. `report` as
 * for dns_https_finish, and untouched if there is no answer.
 */
ECH_MUST_USE struct dns_endpoints *dns_https_cached(const struct dns_lookup *lookup,
                                                    const char *host, uint16_t port,
                                                    struct dns_lookup_report *report);

/*
 * Finds the answer in the cache or sends the first question, and returns without waiting. What
 * lookup points to is borrowed until dns_https_finish or dns_https_cancel ends the look-up. NULL:
 * no memory, or not a name to ask about.
 */
ECH_MUST_USE struct dns_https_pending *dns_https_begin(const struct dns_lookup *lookup,
                                                       const char *host, uint16_t port);

/*
 * Waits until wait_until_us (io's clock), but never longer than what is left of timeout_us; only
 * time spent waiting counts against that. Always reads what has come already; with 0 it does not
 * wait. NULL: there is no answer yet, and pending stays. Else returns the answer and frees pending.
 * Fills in the report in both cases.
 */
ECH_MUST_USE struct dns_endpoints *dns_https_finish(struct dns_https_pending *pending,
                                                    uint64_t wait_until_us,
                                                    struct dns_lookup_report *report);

/* Sends again, and goes on to the next server, sooner: for a caller that will not wait for
 * timeout_us. */
void dns_https_hurry(struct dns_https_pending *pending);

/*
 * How long, in microseconds from the moment when the program has its addresses, it may wait for the
 * records if it can go on without them: see dns/resolver_health.h. UINT64_MAX: for timeout_us,
 * since this name is known to have records.
 */
uint64_t dns_https_patience_us(const struct dns_https_pending *pending);
/* Notes that the program has its addresses and went on without the records. */
void dns_https_note_silence(const struct dns_https_pending *pending);

/* Frees a pending look-up without an answer. NULL does nothing. */
void dns_https_cancel(struct dns_https_pending *pending);

/* An address, in network byte order. */
struct dns_address {
    int family;         /* AF_INET, AF_INET6 */
    uint8_t octets[16]; /* the first 4 of them, or all */
};

/* The addresses of a host. */
struct dns_addresses {
    enum dns_result result; /* DNS_FOUND: at least one address; a family that failed is left out */
    enum dns_reason reason;
    char canonical[DNS_HOST_SIZE]; /* for DNS_FOUND: where the CNAMEs led, no trailing dot */
    struct dns_address *list;      /* IPv6 first, in the resolver's order */
    size_t count;
    uint32_t ttl;  /* seconds: the least of all */
    bool answered; /* every family that was asked for has an answer, or "there is none" */
};

/*
 * Looks up A (ipv4) and AAAA (ipv6) of a host name, taken as absolute. Asks for both at once,
 * follows CNAMEs, and caches answers. Otherwise as dns_lookup_https. NULL only if there is no
 * memory; dns_addresses_free.
 */
ECH_MUST_USE struct dns_addresses *dns_lookup_addresses(const struct dns_lookup *lookup,
                                                        const char *host, bool ipv4, bool ipv6,
                                                        struct dns_lookup_report *report);

/*
 * Do both address families of a host name get an answer within a moment? Over plain DNS this asks
 * for them, but not again for a name that was silent a while ago. For callers that would otherwise
 * have the system ask, which may wait for long.
 */
bool dns_addresses_come(const struct dns_lookup *lookup, const char *host);

/* NULL does nothing. */
void dns_addresses_free(struct dns_addresses *addresses);

#endif
