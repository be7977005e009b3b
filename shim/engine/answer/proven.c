/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/answer/proven.h"

#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"
#include "shim/engine/base/lock.h"
#include "shim/engine/base/table.h"

struct proven {
    struct shim_table_node node;
    enum shim_proof proof;
    uint64_t until_us;
    char host[DNS_HOST_SIZE]; /* in its normal form */
    struct writer key;
};

enum { SWEEP_FIRST = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_table table;
static size_t sweep_at; /* number of entries at which the table is cleared of expired ones */

static void forget(struct proven *proven)
{
    wr_free(&proven->key);
    free(proven);
}

static bool is_over(struct shim_table_node *node, void *now_us)
{
    struct proven *proven = (struct proven *)node;
    if (proven->until_us > *(const uint64_t *)now_us) {
        return false;
    }
    forget(proven);
    return true;
}

/* No part but the last can have a NUL in it, so different sources have different keys. */
static void write_key(const struct shim_rejection_source *source, struct writer *key)
{
    wr_u16(key, source->port);
    wr_bytes(key, bytes_of(source->host, strlen(source->host) + 1));
    wr_bytes(key, bytes_of(source->endpoint, strlen(source->endpoint) + 1));
    wr_bytes(key, source->ech_config_list);
}

static uint64_t hash_of(struct bytes key)
{
    return shim_table_hash(SHIM_TABLE_HASH, key.data, key.len);
}

/* Called under the lock. */
static struct proven *find(struct bytes key)
{
    struct shim_table_node *node = shim_table_find(&table, hash_of(key));
    for (; node != NULL; node = shim_table_next(node)) {
        struct proven *proven = (struct proven *)node;
        if (bytes_equal(wr_view(&proven->key), key)) {
            return proven;
        }
    }
    return NULL;
}

enum shim_proof shim_proven_get(const struct shim_rejection_source *source, uint64_t now_us)
{
    struct shim_hold hold;
    struct writer key;
    enum shim_proof proof = SHIM_PROOF_NONE;
    wr_init(&key, 0);
    write_key(source, &key);
    if (wr_finish(&key) == ECH_OK) {
        shim_lock(&lock, &hold);
        const struct proven *proven = find(wr_view(&key));
        if (proven != NULL && proven->until_us > now_us) {
            proof = proven->proof;
        }
        shim_unlock(&lock, &hold);
    }
    wr_free(&key);
    return proof;
}

void shim_proven_put(const struct shim_rejection_source *source, enum shim_proof proof,
                     uint64_t now_us, uint64_t lifetime_us)
{
    struct shim_hold hold;
    struct proven *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return;
    }
    fresh->proof = proof;
    fresh->until_us = now_us + lifetime_us;
    wr_init(&fresh->key, 0);
    write_key(source, &fresh->key);
    if (!dns_host_normal(source->host, fresh->host) || wr_finish(&fresh->key) != ECH_OK) {
        forget(fresh);
        return;
    }
    shim_lock(&lock, &hold);
    if (table.count >= sweep_at && table.count >= SWEEP_FIRST) {
        shim_table_sweep(&table, is_over, &now_us);
        sweep_at = 2 * table.count;
    }
    struct proven *before = find(wr_view(&fresh->key));
    if (before != NULL) {
        shim_table_remove(&table, &before->node);
        forget(before);
    }
    shim_table_add(&table, &fresh->node, hash_of(wr_view(&fresh->key)));
    shim_unlock(&lock, &hold);
}

static bool is_of(struct shim_table_node *node, void *host)
{
    struct proven *proven = (struct proven *)node;
    if (!dns_host_equal(proven->host, host)) {
        return false;
    }
    forget(proven);
    return true;
}

void shim_proven_forget(const char *host)
{
    struct shim_hold hold;
    char normal[DNS_HOST_SIZE];
    (void)dns_host_normal(host, normal);
    shim_lock(&lock, &hold);
    shim_table_sweep(&table, is_of, normal);
    shim_unlock(&lock, &hold);
}
