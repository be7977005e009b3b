/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/object_table.h"

#include <stdint.h>
#include <stdlib.h>

struct shim_object {
    const void *key;
    struct shim_object_entry entry;
    struct shim_object *next; /* in its bucket */
};

enum { FIRST_BUCKETS = 16 };

/* Addresses differ in their middle bits most. */
static size_t hash_of(const void *object)
{
    uint64_t mixed = (uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32);
}

static struct shim_object_shard *shard_of(struct shim_object_table *table, const void *object)
{
    return &table->shards[hash_of(object) % SHIM_OBJECT_SHARDS];
}

static struct shim_object **bucket_of(const struct shim_object_shard *shard, const void *object)
{
    return &shard->buckets[hash_of(object) / SHIM_OBJECT_SHARDS % shard->bucket_count];
}

/* The place of the pointer that leads to the object, or NULL. */
static struct shim_object **find(const struct shim_object_shard *shard, const void *object)
{
    if (shard->buckets == NULL) {
        return NULL;
    }
    for (struct shim_object **at = bucket_of(shard, object); *at != NULL; at = &(*at)->next) {
        if ((*at)->key == object) {
            return at;
        }
    }
    return NULL;
}

/* Keeps the chains short. If memory fails they only grow longer, except for the first buckets. */
static bool make_room(struct shim_object_shard *shard)
{
    if (shard->object_count < shard->bucket_count) {
        return true;
    }
    size_t count = shard->bucket_count > 0 ? 2 * shard->bucket_count : FIRST_BUCKETS;
    struct shim_object **buckets = calloc(count, sizeof(struct shim_object *));
    if (buckets == NULL) {
        return shard->buckets != NULL;
    }
    struct shim_object_shard grown = {.buckets = buckets, .bucket_count = count};
    for (size_t i = 0; i < shard->bucket_count; i++) {
        while (shard->buckets[i] != NULL) {
            struct shim_object *object = shard->buckets[i];
            shard->buckets[i] = object->next;
            struct shim_object **bucket = bucket_of(&grown, object->key);
            object->next = *bucket;
            *bucket = object;
        }
    }
    free(shard->buckets);
    shard->buckets = buckets;
    shard->bucket_count = count;
    return true;
}

bool shim_object_get(struct shim_object_table *table, const void *object,
                     struct shim_object_entry *entry)
{
    struct shim_object_shard *shard = shard_of(table, object);
    pthread_mutex_lock(&shard->lock);
    struct shim_object **at = find(shard, object);
    if (at != NULL) {
        *entry = (*at)->entry;
    }
    pthread_mutex_unlock(&shard->lock);
    return at != NULL;
}

static bool add(struct shim_object_shard *shard, const void *object,
                const struct shim_object_entry *entry)
{
    struct shim_object *fresh = make_room(shard) ? malloc(sizeof *fresh) : NULL;
    if (fresh == NULL) {
        return false;
    }
    struct shim_object **bucket = bucket_of(shard, object);
    *fresh = (struct shim_object){.key = object, .entry = *entry, .next = *bucket};
    *bucket = fresh;
    shard->object_count++;
    return true;
}

bool shim_object_put(struct shim_object_table *table, const void *object,
                     const struct shim_object_entry *entry)
{
    struct shim_object_shard *shard = shard_of(table, object);
    bool there = true;
    pthread_mutex_lock(&shard->lock);
    struct shim_object **at = find(shard, object);
    if (at != NULL) {
        (*at)->entry = *entry;
    } else {
        there = add(shard, object, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return there;
}

bool shim_object_remove(struct shim_object_table *table, const void *object,
                        struct shim_object_entry *entry)
{
    struct shim_object_shard *shard = shard_of(table, object);
    struct shim_object *removed = NULL;
    pthread_mutex_lock(&shard->lock);
    struct shim_object **at = find(shard, object);
    if (at != NULL) {
        removed = *at;
        *at = removed->next;
        shard->object_count--;
    }
    pthread_mutex_unlock(&shard->lock);
    if (removed != NULL && entry != NULL) {
        *entry = removed->entry;
    }
    free(removed);
    return removed != NULL;
}

void shim_object_table_lock(struct shim_object_table *table)
{
    for (size_t i = 0; i < SHIM_OBJECT_SHARDS; i++) {
        pthread_mutex_lock(&table->shards[i].lock);
    }
}

void shim_object_table_unlock(struct shim_object_table *table)
{
    for (size_t i = 0; i < SHIM_OBJECT_SHARDS; i++) {
        pthread_mutex_unlock(&table->shards[i].lock);
    }
}
