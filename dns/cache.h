/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps answers for their time to live: in the memory of one process and, if there is one, in a
 * folder that processes share (dns/cache_folder.h). The key is the network, the resolver and the
 * question, so that an answer from one network is not used in another (RFC 9460, 12). Time comes as
 * an argument.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/message.h"

enum {
    DNS_CACHE_ENTRIES = 4096,
    /* The bound on memory, for each possible entry. A usual answer (one endpoint with an
     * ECHConfigList) and its key take about 1,300 octets. */
    DNS_CACHE_OCTETS_EACH = 2048,
};

struct dns_cache_entry;
struct dns_cache_folder;

/* Owned by the caller. The caller may set the first three fields after dns_cache_init and before
 * the first use; the others belong to dns/cache.c. */
struct dns_cache {
    size_t entries_max;                    /* DNS_CACHE_ENTRIES */
    const struct dns_cache_folder *folder; /* borrowed; NULL: nothing is shared */
    /*
     * Says which network we are in: dns_network_id; NULL: always the same one. If it cannot say,
     * the key is the resolver and the question alone, and nothing is shared.
     */
    bool (*network)(uint64_t *id);

    pthread_mutex_t lock;
    uint64_t seed;                    /* of the hash, so that an outsider cannot fill one bucket */
    struct dns_cache_entry **buckets; /* a power of two, no less than entries_max; NULL: none yet */
    size_t bucket_mask;
    struct dns_cache_entry *newest; /* at a bound the least recently used is dropped */
    struct dns_cache_entry *oldest;
    size_t count;
    size_t octets;
    uint64_t network_id;
    uint64_t network_until_us; /* until then it is not read again */
    bool network_known;
};

/* seed is a random number. */
void dns_cache_init(struct dns_cache *cache, uint64_t seed);
/* Forgets everything that is in memory; dns_cache_init makes the object usable again. */
void dns_cache_free(struct dns_cache *cache);

/*
 * A new reference (dns_endpoints_free) to a live answer, or NULL. resolver_id is a string of
 * dns_servers_id. The ttl of an answer from the folder is the time that is left.
 */
ECH_MUST_USE struct dns_endpoints *dns_cache_get(struct dns_cache *cache, const char *resolver_id,
                                                 const struct dns_question *question,
                                                 uint64_t now_us);

/*
 * Keeps a reference of its own. DNS_FAILED is not kept: the next look-up asks again. If there is no
 * memory, nothing is kept. Threads that miss the same name at the same time each ask; the last
 * answer stays.
 */
void dns_cache_put(struct dns_cache *cache, const char *resolver_id,
                   const struct dns_question *question, struct dns_endpoints *answer,
                   uint64_t now_us);

/* Has this process seen records of this name (DNS_FOUND), perhaps expired by now? Entries that had
 * to make room are forgotten. */
ECH_MUST_USE bool dns_cache_had_records(struct dns_cache *cache, const char *resolver_id,
                                        const struct dns_question *question, uint64_t now_us);

/* The network that this process is in, as dns_network_id tells it; 0 where it cannot. */
uint64_t dns_cache_network(struct dns_cache *cache, uint64_t now_us);

/* Is there a folder, and is it known which network this process is in? Then gives the latter. */
ECH_MUST_USE bool dns_cache_shares(struct dns_cache *cache, uint64_t now_us, uint64_t *network);

/* For pthread_atfork: before in `prepare`, after in both `parent` and `child`. The child keeps the
 * entries. */
void dns_cache_before_fork(struct dns_cache *cache);
void dns_cache_after_fork(struct dns_cache *cache);

#endif
