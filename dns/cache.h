/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers kept for their time to live, in the memory of one process. Keyed by who was asked and
 * what, so that an answer of one network's resolver is not used for another's (RFC 9460, 12). Time
 * comes as an argument.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/message.h"

enum {
    DNS_CACHE_ENTRIES = 4096,
    DNS_CACHE_OCTETS = 4 << 20, /* memory of all answers together */
    DNS_CACHE_BUCKETS = 1024,
    /* Seconds. The least also holds where the DNS told no time (RFC 2308, 5 would not keep that at
       all). */
    DNS_CACHE_TTL_MIN = 5,
    DNS_CACHE_TTL_MAX = 86400,
    DNS_CACHE_NEGATIVE_TTL_MAX = 3600,
};

struct dns_cache_entry;

/* Owned by the caller; the fields are dns/cache.c's. The oldest use leaves first when a bound is
 * reached. */
struct dns_cache {
    pthread_mutex_t lock;
    uint64_t seed; /* of the hash, so that nobody outside can fill one bucket */
    struct dns_cache_entry *bucket[DNS_CACHE_BUCKETS];
    struct dns_cache_entry *newest;
    struct dns_cache_entry *oldest;
    size_t count;
    size_t octets;
};

/* seed is a random number. */
void dns_cache_init(struct dns_cache *cache, uint64_t seed);
/* Forgets everything; for a change of network too. */
void dns_cache_flush(struct dns_cache *cache);
/* Flushes, and ends the use of the object. */
void dns_cache_free(struct dns_cache *cache);

/* A new reference (dns_https_answer_free) to a live answer, or NULL. resolver_id is a string of
 * dns_servers_id. */
ECH_MUST_USE struct dns_https_answer *dns_cache_get(struct dns_cache *cache,
                                                    const char *resolver_id,
                                                    const struct dns_question *question,
                                                    uint64_t now_us);

/*
 * Keeps a reference of its own. DNS_FAILED is not kept: the next look-up asks again. If there is no
 * memory, nothing is kept. Threads that miss the same name at the same time each ask; the last
 * answer stays.
 */
void dns_cache_put(struct dns_cache *cache, const char *resolver_id,
                   const struct dns_question *question, struct dns_https_answer *answer,
                   uint64_t now_us);

/* For pthread_atfork: before in `prepare`, after in both `parent` and `child`. The child keeps what
 * was known. */
void dns_cache_before_fork(struct dns_cache *cache);
void dns_cache_after_fork(struct dns_cache *cache);

#endif
