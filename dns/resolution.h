/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The middle rung of dns/lookup.h: follows one question over CNAMEs and aliases (RFC 9460, 3) to
 * its answer. For HTTPS records that is the endpoints. For addresses it is one endpoint, the
 * canonical name, with the addresses as its hint: so the cache keeps one kind of answer.
 */
#ifndef DNS_RESOLUTION_H
#define DNS_RESOLUTION_H

#include "dns/lookup.h"
#include "dns/question.h"

/* Who is asked, for all resolutions of one look-up. */
struct dns_resolution_source {
    struct dns_lookup lookup;
    struct dns_servers servers;
    char resolver[DNS_RESOLVER_ID]; /* the id of all */
    /* Whose answers count: the cache keeps them by who gave them. Plain servers stand together. */
    const char *ids[DNS_RESOLVERS_MAX];
    size_t id_count;
};

/* Only dns/resolution.c uses the fields. */
struct dns_resolution {
    const struct dns_resolution_source *source;
    struct dns_question asked;    /* by the caller */
    struct dns_question question; /* the one to ask now: where the aliases have led so far */
    uint16_t port;                /* the authority's */
    unsigned hops;
    bool alias_followed;
    bool hurried;
    uint64_t shuffle; /* for the order of hints */
    uint32_t ttl;     /* the least of all records so far */
    struct dns_asking asking;
    bool is_asking;
    bool cached;
    const char *answered_by;         /* one of the source's ids; NULL: nobody */
    struct dns_endpoints *answer;    /* once there is one, until it is taken */
    struct dns_endpoints *no_memory; /* made in advance, for the case that there is no memory */
};

/* Fills in the servers as they are now, and their id. */
void dns_resolution_source_make(struct dns_resolution_source *source,
                                const struct dns_lookup *lookup);

/* The answer if the cache has it, else NULL, by what resolv.conf said a moment ago. *resolver gets
 * the id of the one that gave it. */
ECH_MUST_USE struct dns_endpoints *dns_resolution_cached(const struct dns_lookup *lookup,
                                                         const struct dns_question *question,
                                                         char resolver[DNS_RESOLVER_ID]);

/* Finds the answer in the cache or sends the first question. False: no memory, and nothing to free.
 * The source is borrowed until dns_resolution_end. */
ECH_MUST_USE bool dns_resolution_begin(struct dns_resolution *resolution,
                                       const struct dns_resolution_source *source,
                                       const struct dns_question *question, uint16_t port,
                                       uint64_t deadline_us);

/*
 * Works on the resolutions (NULL ones are skipped), waiting if need be, until all have their answer
 * or until_us. At deadline_us it ends those that have none. True if all have an answer.
 */
ECH_MUST_USE bool dns_resolution_run(struct dns_resolution *const *resolutions, size_t count,
                                     uint64_t until_us, uint64_t deadline_us);
/* The same, until one more of them has its answer. */
ECH_MUST_USE bool dns_resolution_run_to_next(struct dns_resolution *const *resolutions,
                                             size_t count, uint64_t deadline_us);

/* Has this process seen records of the name, from any of the resolvers? */
ECH_MUST_USE bool dns_resolution_had_records(const struct dns_resolution *r);

/* See dns_https_hurry. */
void dns_resolution_hurry(struct dns_resolution *resolution);

/* Hands out the reference to the answer. There must be one. */
ECH_MUST_USE struct dns_endpoints *dns_resolution_take(struct dns_resolution *resolution);

/* Frees everything, and the answer if it was not taken. */
void dns_resolution_end(struct dns_resolution *resolution);

#endif
