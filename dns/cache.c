/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/cache.h"

#include <stdlib.h>
#include <string.h>

#include "dns/cache_folder.h"
#include "dns/stored_answer.h"

enum { NETWORK_US = 1000000 /* a change of network is seen within a second */ };

struct dns_cache_entry {
    struct dns_cache_entry *next; /* in the bucket */
    struct dns_cache_entry *newer;
    struct dns_cache_entry *older;
    uint64_t hash; /* of the key */
    uint64_t expires_us;
    struct dns_endpoints *answer;
    size_t octets;
    uint64_t network;
    uint16_t type;
    uint8_t qname_len;
    uint8_t rest[]; /* of the key: qname, and resolver_id with its NUL */
};

/* FNV-1a from a secret start: good enough for a table of answers. */
static uint64_t hash_octets(uint64_t hash, struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        hash = (hash ^ octets.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_of(const struct dns_cache *cache, const struct dns_cache_key *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ cache->seed;
    hash = hash_octets(hash, bytes_of(&key->network, sizeof key->network));
    hash = hash_octets(hash, bytes_of(&key->question->type, sizeof key->question->type));
    hash = hash_octets(hash, bytes_of(key->resolver_id, strlen(key->resolver_id)));
    hash = hash_octets(hash, dns_name_view(&key->question->qname));
    return hash ^ hash >> 32; /* the upper half depends on more of the octets */
}

static bool is_for(const struct dns_cache_entry *entry, uint64_t hash,
                   const struct dns_cache_key *key)
{
    return entry->hash == hash && entry->network == key->network &&
           entry->type == key->question->type &&
           bytes_equal(bytes_of(entry->rest, entry->qname_len),
                       dns_name_view(&key->question->qname)) &&
           strcmp((const char *)entry->rest + entry->qname_len, key->resolver_id) == 0;
}

static struct dns_cache_entry *entry_new(const struct dns_cache_key *key, uint64_t hash,
                                         struct dns_endpoints *answer)
{
    struct bytes qname = dns_name_view(&key->question->qname);
    size_t id_size = strlen(key->resolver_id) + 1;
    size_t size = sizeof(struct dns_cache_entry) + qname.len + id_size;
    struct dns_cache_entry *entry = calloc(1, size);
    if (entry == NULL) {
        return NULL;
    }
    entry->hash = hash;
    entry->network = key->network;
    entry->type = key->question->type;
    entry->qname_len = (uint8_t)qname.len;
    memcpy(entry->rest, qname.data, qname.len);
    memcpy(entry->rest + qname.len, key->resolver_id, id_size);
    entry->octets = size + answer->size;
    entry->answer = dns_endpoints_hold(answer);
    return entry;
}

static void entry_free(struct dns_cache_entry *entry)
{
    dns_endpoints_free(entry->answer);
    free(entry);
}

/* ---- entries in the order of their last use ---- */

static void list_remove(struct dns_cache *cache, struct dns_cache_entry *entry)
{
    if (cache->newest == entry) {
        cache->newest = entry->older;
    } else {
        entry->newer->older = entry->older;
    }
    if (cache->oldest == entry) {
        cache->oldest = entry->newer;
    } else {
        entry->older->newer = entry->newer;
    }
    entry->newer = NULL;
    entry->older = NULL;
}

static void list_add(struct dns_cache *cache, struct dns_cache_entry *entry)
{
    entry->older = cache->newest;
    if (cache->newest != NULL) {
        cache->newest->newer = entry;
    } else {
        cache->oldest = entry;
    }
    cache->newest = entry;
}

/* ---- entries; the caller holds the lock ---- */

/* Allocated all at once, so that no look-up has to wait while a table grows. */
static bool have_buckets(struct dns_cache *cache)
{
    size_t count = 1;
    if (cache->buckets != NULL) {
        return true;
    }
    while (count < cache->entries_max) {
        count *= 2;
    }
    cache->buckets = calloc(count, sizeof(struct dns_cache_entry *));
    cache->bucket_mask = count - 1;
    return cache->buckets != NULL;
}

static struct dns_cache_entry *find(const struct dns_cache *cache, uint64_t hash,
                                    const struct dns_cache_key *key)
{
    if (cache->buckets == NULL) {
        return NULL;
    }
    struct dns_cache_entry *entry = cache->buckets[hash & cache->bucket_mask];
    while (entry != NULL && !is_for(entry, hash, key)) {
        entry = entry->next;
    }
    return entry;
}

static void drop(struct dns_cache *cache, struct dns_cache_entry *entry)
{
    struct dns_cache_entry **link = &cache->buckets[entry->hash & cache->bucket_mask];
    while (*link != NULL && *link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    list_remove(cache, entry);
    cache->count--;
    cache->octets -= entry->octets;
    entry_free(entry);
}

static void add(struct dns_cache *cache, struct dns_cache_entry *entry,
                const struct dns_cache_key *key)
{
    struct dns_cache_entry *old = find(cache, entry->hash, key);
    if (old != NULL) {
        drop(cache, old);
    }
    struct dns_cache_entry **bucket = &cache->buckets[entry->hash & cache->bucket_mask];
    entry->next = *bucket;
    *bucket = entry;
    list_add(cache, entry);
    cache->count++;
    cache->octets += entry->octets;
    while (cache->oldest != NULL && (cache->count > cache->entries_max ||
                                     cache->octets > cache->entries_max * DNS_CACHE_OCTETS_EACH)) {
        drop(cache, cache->oldest);
    }
}

/* ---- memory and folder ---- */

static struct dns_endpoints *get_from_memory(struct dns_cache *cache,
                                             const struct dns_cache_key *key, uint64_t now_us)
{
    struct dns_endpoints *answer = NULL;
    uint64_t hash = hash_of(cache, key);
    (void)pthread_mutex_lock(&cache->lock);
    struct dns_cache_entry *entry = find(cache, hash, key);
    if (entry != NULL && now_us >= entry->expires_us) {
        /* The entry stays without its answer, for dns_cache_had_records. */
        if (entry->answer->result != DNS_FOUND) {
            drop(cache, entry);
        }
    } else if (entry != NULL) {
        list_remove(cache, entry);
        list_add(cache, entry);
        answer = dns_endpoints_hold(entry->answer);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return answer;
}

static void put_in_memory(struct dns_cache *cache, const struct dns_cache_key *key,
                          struct dns_endpoints *answer, uint64_t now_us)
{
    struct dns_cache_entry *entry = entry_new(key, hash_of(cache, key), answer);
    if (entry == NULL) {
        return;
    }
    entry->expires_us = now_us + (uint64_t)dns_endpoints_lifetime(answer) * 1000000U;
    (void)pthread_mutex_lock(&cache->lock);
    bool added = have_buckets(cache);
    if (added) {
        add(cache, entry, key);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    if (!added) {
        entry_free(entry);
    }
}

/*
 * The network we are in, read again if `fresh` or if the last reading is old. A put needs it fresh:
 * the router's link-layer address may become known only when the query leaves.
 */
static bool network_now(struct dns_cache *cache, bool fresh, uint64_t now_us, uint64_t *id)
{
    if (cache->network == NULL) {
        *id = 0;
        return true;
    }
    (void)pthread_mutex_lock(&cache->lock);
    bool known = cache->network_known;
    bool current = !fresh && now_us < cache->network_until_us;
    *id = cache->network_id;
    (void)pthread_mutex_unlock(&cache->lock);
    if (current) {
        return known;
    }
    known = cache->network(id);
    *id = known ? *id : 0;
    (void)pthread_mutex_lock(&cache->lock);
    cache->network_known = known;
    cache->network_id = *id;
    cache->network_until_us = now_us + NETWORK_US;
    (void)pthread_mutex_unlock(&cache->lock);
    return known;
}

/* ---- the interface ---- */

bool dns_cache_had_records(struct dns_cache *cache, const char *resolver_id,
                           const struct dns_question *question, uint64_t now_us)
{
    struct dns_cache_key key = {.resolver_id = resolver_id, .question = question};
    (void)network_now(cache, false, now_us, &key.network);
    uint64_t hash = hash_of(cache, &key);
    (void)pthread_mutex_lock(&cache->lock);
    const struct dns_cache_entry *entry = find(cache, hash, &key);
    bool had = entry != NULL && entry->answer->result == DNS_FOUND;
    (void)pthread_mutex_unlock(&cache->lock);
    return had;
}

uint64_t dns_cache_network(struct dns_cache *cache, uint64_t now_us)
{
    uint64_t id;
    (void)network_now(cache, false, now_us, &id);
    return id;
}

bool dns_cache_shares(struct dns_cache *cache, uint64_t now_us, uint64_t *network)
{
    return cache->folder != NULL && network_now(cache, false, now_us, network);
}

void dns_cache_init(struct dns_cache *cache, uint64_t seed)
{
    *cache = (struct dns_cache){.entries_max = DNS_CACHE_ENTRIES, .seed = seed};
    (void)pthread_mutex_init(&cache->lock, NULL);
}

void dns_cache_free(struct dns_cache *cache)
{
    while (cache->oldest != NULL) {
        drop(cache, cache->oldest);
    }
    free(cache->buckets);
    cache->buckets = NULL;
    (void)pthread_mutex_destroy(&cache->lock);
}

struct dns_endpoints *dns_cache_get(struct dns_cache *cache, const char *resolver_id,
                                    const struct dns_question *question, uint64_t now_us)
{
    struct dns_cache_key key = {.resolver_id = resolver_id, .question = question};
    bool network_known = network_now(cache, false, now_us, &key.network);
    struct dns_endpoints *answer = get_from_memory(cache, &key, now_us);
    if (answer != NULL || cache->folder == NULL || !network_known) {
        return answer;
    }
    answer = dns_cache_folder_get(cache->folder, &key);
    /* Memory keeps answers for a minimum time; this one has less left than that. */
    if (answer != NULL && answer->ttl >= DNS_CACHE_TTL_MIN) {
        put_in_memory(cache, &key, answer, now_us);
    }
    return answer;
}

void dns_cache_put(struct dns_cache *cache, const char *resolver_id,
                   const struct dns_question *question, struct dns_endpoints *answer,
                   uint64_t now_us)
{
    if (answer->result == DNS_FAILED) {
        return;
    }
    struct dns_cache_key key = {.resolver_id = resolver_id, .question = question};
    bool network_known = network_now(cache, true, now_us, &key.network);
    put_in_memory(cache, &key, answer, now_us);
    if (cache->folder != NULL && network_known) {
        dns_cache_folder_put(cache->folder, &key, answer);
    }
}

void dns_cache_before_fork(struct dns_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
}

void dns_cache_after_fork(struct dns_cache *cache)
{
    (void)pthread_mutex_unlock(&cache->lock);
}
