/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SVCB resolution for TLS over TCP (RFC 9460, 3; RFC 9848, 5): from an origin to endpoints with
 * their ECHConfigLists; and the addresses of host names.
 *
 * Choices where the RFCs leave one: failures are told, and whether they are fatal is the caller's
 * policy (RFC 9460, 3.1); an RRset is not rejected because all records have no-default-alpn
 * (7.1.2). HTTPS records of an alias's target that the answer brings along spare the question for
 * them, and addresses of a TargetName take the place of its hints (5.2, 7.3); but only in this very
 * answer: as answers to questions of their own they are not kept (RFC 2181, 5.4.1), for a server
 * may bring along what it likes, about anybody's names.
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

/* Told, for tools, of each question of a look-up that went out: with its answer, which is borrowed
 * during the call, or why there is none (then NULL). */
struct dns_lookup_observer {
    void (*saw)(void *context, const struct dns_question *question, enum dns_reason reason,
                const struct dns_answer *answer);
    void *context;
};

/* Who is asked and how. All pointers are borrowed; the same object may serve many threads. */
struct dns_lookup {
    const struct dns_resolver *resolver;
    const char *resolv_conf; /* NULL: /etc/resolv.conf */
    const struct dns_io *io;
    struct dns_cache *cache;                    /* NULL: none */
    const struct dns_lookup_observer *observer; /* NULL: none */
    struct dns_resolver_health *health;         /* NULL: nothing is remembered of plain servers */
    struct dns_channel *channel; /* NULL: plain DNS; else every question goes over it */
    bool hurried; /* somebody will wait for some 250 ms at most: send again, and go on to the next
                     server, sooner */
    uint64_t timeout_us; /* how long one look-up may make its caller wait, with all retries,
                            servers,         aliases and TCP */
};

/* How a look-up went, for the report. */
struct dns_lookup_report {
    uint64_t lookup_us; /* how long the caller was kept */
    bool cached;
    char resolver[DNS_RESOLVER_ID]; /* dns_servers_id of who was asked, or would have been */
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
 * The same in two steps, so that the answer travels while the program does something else. A
 * pending look-up is one thread's at a time. Over plain DNS it owns one socket (dns/io.h); where
 * that was closed under it, or is left behind by a fork, it asks again.
 */
struct dns_https_pending;

/*
 * Sends the first question, or finds the cache warm, and returns without waiting. What lookup
 * points to is borrowed until the end. NULL: no memory, or not a name to ask about.
 * dns_https_finish or dns_https_cancel ends it.
 */
ECH_MUST_USE struct dns_https_pending *dns_https_begin(const struct dns_lookup *lookup,
                                                       const char *host, uint16_t port);

/*
 * Waits until wait_until_us (io's clock), but never longer than what is left of timeout_us, of
 * which only the time counts that is spent waiting. What has come already is always read: with 0 it
 * does not wait. NULL: not there yet, and pending stays. Else the answer, and pending is freed. The
 * report is filled in either way.
 */
ECH_MUST_USE struct dns_endpoints *dns_https_finish(struct dns_https_pending *pending,
                                                    uint64_t wait_until_us,
                                                    struct dns_lookup_report *report);

/* Sends again, and goes on to the next server, sooner: somebody will not wait for timeout_us. */
void dns_https_hurry(struct dns_https_pending *pending);

/*
 * How long, in microseconds from the moment when the program has its addresses, the records may
 * keep it where it would go on without them: see dns/resolver_health.h. UINT64_MAX: as long as
 * timeout_us says, for this name is known to have records.
 */
uint64_t dns_https_patience_us(const struct dns_https_pending *pending);
/* The program has its addresses and went on without the records. */
void dns_https_note_silence(const struct dns_https_pending *pending);

/* Frees a pending look-up whose answer nobody wants. NULL is nothing. */
void dns_https_cancel(struct dns_https_pending *pending);

/* An address, in the order of octets of the network. */
struct dns_address {
    int family;         /* AF_INET, AF_INET6 */
    uint8_t octets[16]; /* the first 4 of them, or all */
};

/* The addresses of a host. */
struct dns_addresses {
    enum dns_result result; /* DNS_FOUND: at least one; what could not be looked up is left out */
    enum dns_reason reason;
    char canonical[DNS_HOST_SIZE]; /* where the CNAMEs led, no trailing dot; of DNS_FOUND */
    struct dns_address *list;      /* IPv6 first, in the resolver's order */
    size_t count;
    uint32_t ttl;  /* seconds: the least of all */
    bool answered; /* each family that was asked for, be it by "there is none" */
};

/*
 * Looks up A and AAAA of a host name, which counts as absolute; ipv4 and ipv6 say which. Both are
 * asked at once, CNAMEs are followed, answers are cached. As dns_lookup_https in all else;
 * dns_addresses_free. NULL only if there is no memory.
 */
ECH_MUST_USE struct dns_addresses *dns_lookup_addresses(const struct dns_lookup *lookup,
                                                        const char *host, bool ipv4, bool ipv6,
                                                        struct dns_lookup_report *report);

/*
 * Do answers for both families of a host name come within a moment? Over plain DNS they are asked
 * for; a name that was silent a while ago is not asked for again. For callers that are about to
 * have somebody else ask, who would wait for long.
 */
bool dns_addresses_come(const struct dns_lookup *lookup, const char *host);

/* NULL is nothing. */
void dns_addresses_free(struct dns_addresses *addresses);

#endif
