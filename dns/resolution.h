/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One resolution, from a question over CNAMEs and aliases (RFC 9460, 3) to its answer: for HTTPS
 * records the endpoints, for addresses one endpoint that is the canonical name, with the addresses
 * as its hint. So the cache keeps one kind of answer. The parts of dns/lookup.h are made of these.
 */
#ifndef DNS_RESOLUTION_H
#define DNS_RESOLUTION_H

#include "dns/lookup.h"
#include "dns/question.h"

/* Who is asked, for all resolutions of one look-up. */
struct dns_resolution_source {
    struct dns_lookup lookup;
    struct dns_servers servers;
    char resolver[DNS_RESOLVER_ID];
};

/* Its fields are dns/resolution.c's. */
struct dns_resolution {
    const struct dns_resolution_source *source;
    struct dns_question asked;    /* by the caller */
    struct dns_question question; /* under way: where the aliases have led so far */
    uint16_t port;                /* the authority's */
    unsigned hops;
    bool alias_followed;
    bool hurried;
    uint64_t shuffle; /* for the order of hints */
    uint32_t ttl;     /* least of all that was seen */
    struct dns_asking asking;
    bool is_asking;
    bool cached;
    struct dns_endpoints *answer;    /* once it is there, until it is taken */
    struct dns_endpoints *no_memory; /* what is told when there is none left */
};

/* The servers of now, and their id. */
void dns_resolution_source_make(struct dns_resolution_source *source,
                                const struct dns_lookup *lookup);

/* Finds the answer in the cache or sends the first question. False: no memory, and nothing to be
 * freed. The source is borrowed; dns_resolution_end. */
ECH_MUST_USE bool dns_resolution_begin(struct dns_resolution *resolution,
                                       const struct dns_resolution_source *source,
                                       const struct dns_question *question, uint16_t port,
                                       uint64_t deadline_us);

/*
 * Goes on with the resolutions (NULL ones are skipped) until all have their answer or until_us, and
 * at deadline_us ends those that have none. True if all have it.
 */
ECH_MUST_USE bool dns_resolution_run(struct dns_resolution *const *resolutions, size_t count,
                                     uint64_t until_us, uint64_t deadline_us);
/* The same, until one more of them has its answer. */
ECH_MUST_USE bool dns_resolution_run_to_next(struct dns_resolution *const *resolutions,
                                             size_t count, uint64_t deadline_us);

/* See dns_https_hurry. */
void dns_resolution_hurry(struct dns_resolution *resolution);

/* Hands out the reference to the answer, which is there. */
ECH_MUST_USE struct dns_endpoints *dns_resolution_take(struct dns_resolution *resolution);

/* Frees what it has and was not taken. */
void dns_resolution_end(struct dns_resolution *resolution);

#endif
