/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/cache.h"

#include <stdlib.h>
#include <string.h>

struct dns_cache_entry {
    struct dns_cache_entry *next; /* in the bucket */
    struct dns_cache_entry *newer;
    struct dns_cache_entry *older;
    uint64_t expires_us;
    struct dns_https_answer *answer;
    size_t octets;
    size_t bucket;
    struct dns_question question;
    char resolver_id[]; /* a string */
};

/* FNV-1a from a secret start: a table of answers needs no more. */
static uint64_t hash_octets(uint64_t hash, struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        hash = (hash ^ octets.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static size_t bucket_of(const struct dns_cache *cache, const char *resolver_id,
                        const struct dns_question *question)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ cache->seed;
    hash = hash_octets(hash, bytes_of(resolver_id, strlen(resolver_id)));
    hash = hash_octets(hash, dns_name_view(&question->qname));
    hash = hash_octets(hash, bytes_of(&question->type, sizeof question->type));
    return (size_t)((hash ^ (hash >> 32)) % DNS_CACHE_BUCKETS);
}

/* ---- the list by last use ---- */

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

/* ---- entries; the lock is held ---- */

static struct dns_cache_entry *find(const struct dns_cache *cache, size_t bucket,
                                    const char *resolver_id, const struct dns_question *question)
{
    struct dns_cache_entry *entry = cache->bucket[bucket];
    while (entry != NULL && (!dns_question_equal(&entry->question, question) ||
                             strcmp(entry->resolver_id, resolver_id) != 0)) {
        entry = entry->next;
    }
    return entry;
}

static void drop(struct dns_cache *cache, struct dns_cache_entry *entry)
{
    struct dns_cache_entry **link = &cache->bucket[entry->bucket];
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    list_remove(cache, entry);
    cache->count--;
    cache->octets -= entry->octets;
    dns_https_answer_free(entry->answer);
    free(entry);
}

static void add(struct dns_cache *cache, struct dns_cache_entry *entry)
{
    struct dns_cache_entry *old = find(cache, entry->bucket, entry->resolver_id, &entry->question);
    if (old != NULL) {
        drop(cache, old);
    }
    entry->next = cache->bucket[entry->bucket];
    cache->bucket[entry->bucket] = entry;
    list_add(cache, entry);
    cache->count++;
    cache->octets += entry->octets;
    while (cache->oldest != NULL &&
           (cache->count > DNS_CACHE_ENTRIES || cache->octets > DNS_CACHE_OCTETS)) {
        drop(cache, cache->oldest);
    }
}

static uint64_t lifetime_us(const struct dns_https_answer *answer)
{
    uint32_t max = answer->result == DNS_FOUND ? DNS_CACHE_TTL_MAX : DNS_CACHE_NEGATIVE_TTL_MAX;
    uint32_t ttl = answer->ttl < DNS_CACHE_TTL_MIN ? DNS_CACHE_TTL_MIN : answer->ttl;
    return (uint64_t)(ttl > max ? max : ttl) * 1000000U;
}

/* ---- public ---- */

void dns_cache_init(struct dns_cache *cache, uint64_t seed)
{
    *cache = (struct dns_cache){.seed = seed};
    (void)pthread_mutex_init(&cache->lock, NULL);
}

void dns_cache_flush(struct dns_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
    while (cache->oldest != NULL) {
        drop(cache, cache->oldest);
    }
    (void)pthread_mutex_unlock(&cache->lock);
}

void dns_cache_free(struct dns_cache *cache)
{
    dns_cache_flush(cache);
    (void)pthread_mutex_destroy(&cache->lock);
}

struct dns_https_answer *dns_cache_get(struct dns_cache *cache, const char *resolver_id,
                                       const struct dns_question *question, uint64_t now_us)
{
    struct dns_https_answer *answer = NULL;
    (void)pthread_mutex_lock(&cache->lock);
    struct dns_cache_entry *entry =
        find(cache, bucket_of(cache, resolver_id, question), resolver_id, question);
    if (entry != NULL && now_us >= entry->expires_us) {
        drop(cache, entry);
    } else if (entry != NULL) {
        list_remove(cache, entry);
        list_add(cache, entry);
        answer = dns_https_answer_hold(entry->answer);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return answer;
}

void dns_cache_put(struct dns_cache *cache, const char *resolver_id,
                   const struct dns_question *question, struct dns_https_answer *answer,
                   uint64_t now_us)
{
    if (answer->result == DNS_FAILED) {
        return;
    }
    size_t id_size = strlen(resolver_id) + 1;
    struct dns_cache_entry *entry = calloc(1, sizeof *entry + id_size);
    if (entry == NULL) {
        return;
    }
    memcpy(entry->resolver_id, resolver_id, id_size);
    entry->question = *question;
    entry->bucket = bucket_of(cache, resolver_id, question);
    entry->expires_us = now_us + lifetime_us(answer);
    entry->octets = sizeof *entry + id_size + answer->size;
    entry->answer = dns_https_answer_hold(answer);
    (void)pthread_mutex_lock(&cache->lock);
    add(cache, entry);
    (void)pthread_mutex_unlock(&cache->lock);
}

void dns_cache_before_fork(struct dns_cache *cache)
{
    (void)pthread_mutex_lock(&cache->lock);
}

void dns_cache_after_fork(struct dns_cache *cache)
{
    (void)pthread_mutex_unlock(&cache->lock);
}
