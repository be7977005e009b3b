/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/config/rejection_cache.h"
#include "shim/engine/base/lock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"
#include "shim/engine/base/table.h"

struct rejection {
    struct shim_table_node node;
    char host[DNS_HOST_SIZE]; /* in its normal form */
    uint16_t port;
    struct writer endpoint;
    uint64_t until_us;
    struct writer source;
    bool not_shared;             /* nothing was said: other processes know nothing either */
    struct writer retry_configs; /* empty: ECH is disabled */
};

enum { SWEEP_FIRST = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_table table;
static atomic_bool has_any;
static size_t sweep_at; /* number of entries at which the table is cleared of expired ones */

void shim_rejection_cache_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void shim_rejection_cache_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static void forget(struct rejection *rejection)
{
    wr_free(&rejection->endpoint);
    wr_free(&rejection->source);
    wr_free(&rejection->retry_configs);
    free(rejection);
}

static bool is_over(struct shim_table_node *node, void *now_us)
{
    struct rejection *rejection = (struct rejection *)node;
    if (rejection->until_us > *(const uint64_t *)now_us) {
        return false;
    }
    forget(rejection);
    return true;
}

static void sweep(uint64_t now_us)
{
    if (table.count >= sweep_at && table.count >= SWEEP_FIRST) {
        shim_table_sweep(&table, is_over, &now_us);
        sweep_at = 2 * table.count;
    }
}

static struct bytes endpoint_of(const struct shim_rejection_source *source)
{
    return bytes_of(source->endpoint, strlen(source->endpoint));
}

static uint64_t hash_of(const struct shim_rejection_source *source)
{
    uint64_t host = dns_host_hash(source->host, strlen(source->host));
    return shim_table_hash(host, &source->port, sizeof source->port);
}

/* Called under the lock. */
static struct rejection *find(const struct shim_rejection_source *source)
{
    struct shim_table_node *node = shim_table_find(&table, hash_of(source));
    for (; node != NULL; node = shim_table_next(node)) {
        struct rejection *rejection = (struct rejection *)node;
        if (rejection->port == source->port && dns_host_equal(rejection->host, source->host) &&
            bytes_equal(wr_view(&rejection->endpoint), endpoint_of(source)) &&
            bytes_equal(wr_view(&rejection->source), source->ech_config_list)) {
            return rejection;
        }
    }
    return NULL;
}

/* NULL: no memory, or the host is no name. */
static struct rejection *make(const struct shim_rejection_source *source,
                              struct bytes retry_configs, uint64_t until_us)
{
    struct rejection *rejection = calloc(1, sizeof *rejection);
    if (rejection == NULL) {
        return NULL;
    }
    rejection->port = source->port;
    rejection->until_us = until_us;
    wr_init(&rejection->endpoint, 0);
    wr_init(&rejection->source, 0);
    wr_init(&rejection->retry_configs, 0);
    wr_bytes(&rejection->endpoint, endpoint_of(source));
    wr_bytes(&rejection->source, source->ech_config_list);
    wr_bytes(&rejection->retry_configs, retry_configs);
    if (!dns_host_normal(source->host, rejection->host) ||
        wr_finish(&rejection->endpoint) != ECH_OK || wr_finish(&rejection->source) != ECH_OK ||
        wr_finish(&rejection->retry_configs) != ECH_OK) {
        forget(rejection);
        return NULL;
    }
    return rejection;
}

/* Is it known whose words these are? Connections without a name that lead to unknown peers have
 * nothing in common. */
static bool is_bound(const struct shim_rejection_source *source)
{
    return source->host[0] != '\0' || source->endpoint[0] != '\0';
}

/* Owns `fresh`, which may be NULL for want of memory. */
static void put(const struct shim_rejection_source *source, struct rejection *fresh,
                uint64_t now_us)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    sweep(now_us);
    struct rejection *before = find(source);
    if (before != NULL && fresh != NULL && fresh->not_shared && !before->not_shared &&
        before->until_us > now_us) {
        forget(fresh); /* another thread has just learnt something */
        fresh = NULL;
        before = NULL;
    }
    if (before != NULL) {
        shim_table_remove(&table, &before->node);
        forget(before);
    }
    if (fresh != NULL) {
        shim_table_add(&table, &fresh->node, hash_of(source));
        atomic_store(&has_any, true);
    }
    shim_unlock(&lock, &hold);
}

void shim_rejection_cache_put(const struct shim_rejection_source *source,
                              struct bytes retry_configs, uint64_t now_us, uint64_t lifetime_us)
{
    if (is_bound(source)) {
        put(source, make(source, retry_configs, now_us + lifetime_us), now_us);
    }
}

void shim_rejection_cache_put_not_shared(const struct shim_rejection_source *source,
                                         uint64_t now_us, uint64_t lifetime_us)
{
    struct rejection *fresh =
        is_bound(source) ? make(source, (struct bytes){0}, now_us + lifetime_us) : NULL;
    if (fresh != NULL) {
        fresh->not_shared = true;
        put(source, fresh, now_us);
    }
}

bool shim_rejection_cache_has_any(void)
{
    return atomic_load(&has_any);
}

enum shim_cached_rejection shim_rejection_cache_get(const struct shim_rejection_source *source,
                                                    uint64_t now_us, uint8_t **retry_configs,
                                                    size_t *length)
{
    struct shim_hold hold;
    enum shim_cached_rejection kind = SHIM_CACHED_NOTHING;
    shim_lock(&lock, &hold);
    struct rejection *rejection = find(source);
    if (rejection != NULL && rejection->until_us <= now_us) {
        shim_table_remove(&table, &rejection->node);
        forget(rejection);
        rejection = NULL;
    }
    if (rejection != NULL) {
        struct bytes list = wr_view(&rejection->retry_configs);
        if (rejection->not_shared) {
            kind = SHIM_CACHED_NOT_SHARED;
        } else if (list.len == 0) {
            kind = SHIM_CACHED_DISABLED;
        } else {
            uint8_t *copy = malloc(list.len);
            if (copy != NULL) {
                memcpy(copy, list.data, list.len);
                *retry_configs = copy;
                *length = list.len;
                kind = SHIM_CACHED_RETRY_CONFIGS;
            }
        }
    }
    shim_unlock(&lock, &hold);
    return kind;
}
