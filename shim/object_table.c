/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/object_table.h"

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "shim/lock.h"

struct shim_object {
    _Atomic(const void *) key;
    _Atomic(void *) owner;
    _Atomic(void *) value;
    _Atomic(struct shim_object *) next; /* in its bucket, or among the spare ones */
};

typedef _Atomic(struct shim_object *) shim_object_link;

struct shim_object_buckets {
    struct shim_object_buckets *outgrown; /* the smaller ones, which somebody may be reading */
    size_t count;                         /* a power of two */
    shim_object_link heads[];
};

enum { FIRST_BUCKETS = 16, LOOK_AGAIN = 64 };

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

static shim_object_link *head_of(struct shim_object_buckets *buckets, const void *object)
{
    return &buckets->heads[hash_of(object) / SHIM_OBJECT_SHARDS % buckets->count];
}

static void entry_read(const struct shim_object *object, struct shim_object_entry *entry)
{
    entry->owner = atomic_load_explicit(&object->owner, memory_order_relaxed);
    entry->value = atomic_load_explicit(&object->value, memory_order_relaxed);
}

static void entry_write(struct shim_object *object, const struct shim_object_entry *entry)
{
    atomic_store_explicit(&object->owner, entry->owner, memory_order_relaxed);
    atomic_store_explicit(&object->value, entry->value, memory_order_relaxed);
}

/* ---- changes ---- */

/* No handler runs meanwhile, so a look-up in one never finds its own thread in the midst of this.
 */
static void change_begin(struct shim_object_shard *shard, struct shim_hold *hold)
{
    shim_lock(&shard->lock, hold);
    atomic_fetch_add_explicit(&shard->changes, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void change_end(struct shim_object_shard *shard, const struct shim_hold *hold)
{
    atomic_fetch_add_explicit(&shard->changes, 1, memory_order_release);
    shim_unlock(&shard->lock, hold);
}

/* The place of the pointer that leads to the object, or NULL. */
static shim_object_link *find(struct shim_object_shard *shard, const void *object)
{
    struct shim_object_buckets *buckets = atomic_load(&shard->buckets);
    if (buckets == NULL) {
        return NULL;
    }
    shim_object_link *at = head_of(buckets, object);
    for (struct shim_object *one = *at; one != NULL; at = &one->next, one = *at) {
        if (one->key == object) {
            return at;
        }
    }
    return NULL;
}

static void link_in(struct shim_object_buckets *buckets, struct shim_object *object)
{
    shim_object_link *head = head_of(buckets, object->key);
    atomic_store(&object->next, *head);
    atomic_store(head, object);
}

/* Keeps the chains short. If memory fails they only grow longer, except for the first buckets. */
static bool make_room(struct shim_object_shard *shard)
{
    struct shim_object_buckets *old = atomic_load(&shard->buckets);
    if (old != NULL && shard->object_count < old->count) {
        return true;
    }
    size_t count = old != NULL ? 2 * old->count : FIRST_BUCKETS;
    struct shim_object_buckets *grown = calloc(1, sizeof *grown + count * sizeof *grown->heads);
    if (grown == NULL) {
        return old != NULL;
    }
    grown->outgrown = old;
    grown->count = count;
    for (size_t i = 0; old != NULL && i < old->count; i++) {
        while (old->heads[i] != NULL) {
            struct shim_object *object = old->heads[i];
            atomic_store(&old->heads[i], object->next);
            link_in(grown, object);
        }
    }
    atomic_store(&shard->buckets, grown);
    return true;
}

static struct shim_object *object_take(struct shim_object_shard *shard)
{
    struct shim_object *object = shard->spare;
    if (object == NULL) {
        return calloc(1, sizeof *object);
    }
    shard->spare = object->next;
    return object;
}

static bool add(struct shim_object_shard *shard, const void *object,
                const struct shim_object_entry *entry)
{
    struct shim_object *fresh = make_room(shard) ? object_take(shard) : NULL;
    if (fresh == NULL) {
        return false;
    }
    atomic_store(&fresh->key, object);
    entry_write(fresh, entry);
    link_in(atomic_load(&shard->buckets), fresh);
    shard->object_count++;
    return true;
}

bool shim_object_put(struct shim_object_table *table, const void *object,
                     const struct shim_object_entry *entry)
{
    struct shim_object_shard *shard = shard_of(table, object);
    struct shim_hold hold;
    bool there = true;
    change_begin(shard, &hold);
    shim_object_link *at = find(shard, object);
    if (at != NULL) {
        entry_write(*at, entry);
    } else {
        there = add(shard, object, entry);
    }
    change_end(shard, &hold);
    return there;
}

bool shim_object_remove(struct shim_object_table *table, const void *object,
                        struct shim_object_entry *entry)
{
    struct shim_object_shard *shard = shard_of(table, object);
    struct shim_hold hold;
    change_begin(shard, &hold);
    shim_object_link *at = find(shard, object);
    if (at != NULL) {
        struct shim_object *removed = *at;
        if (entry != NULL) {
            entry_read(removed, entry);
        }
        atomic_store(at, removed->next);
        atomic_store(&removed->key, NULL);
        atomic_store(&removed->next, shard->spare);
        shard->spare = removed;
        shard->object_count--;
    }
    change_end(shard, &hold);
    return at != NULL;
}

/* ---- look-ups ---- */

static bool is_unchanged(struct shim_object_shard *shard, unsigned changes)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&shard->changes, memory_order_relaxed) == changes;
}

/* What it finds counts only if nothing has changed. */
static bool look(struct shim_object_shard *shard, const void *object,
                 struct shim_object_entry *entry, unsigned changes)
{
    struct shim_object_buckets *buckets =
        atomic_load_explicit(&shard->buckets, memory_order_acquire);
    if (buckets == NULL) {
        return false;
    }
    struct shim_object *one = atomic_load_explicit(head_of(buckets, object), memory_order_acquire);
    for (unsigned steps = 1; one != NULL; steps++) {
        if (atomic_load_explicit(&one->key, memory_order_relaxed) == object) {
            entry_read(one, entry);
            return true;
        }
        if (steps % LOOK_AGAIN == 0 && !is_unchanged(shard, changes)) {
            return false; /* a chain that changes may lead round in a circle */
        }
        one = atomic_load_explicit(&one->next, memory_order_acquire);
    }
    return false;
}

bool shim_object_get(struct shim_object_table *table, const void *object,
                     struct shim_object_entry *entry)
{
    struct shim_object_shard *shard = shard_of(table, object);
    for (;;) {
        unsigned changes = atomic_load_explicit(&shard->changes, memory_order_acquire);
        if (changes % 2 == 0) {
            struct shim_object_entry found = {0};
            bool there = look(shard, object, &found, changes);
            if (is_unchanged(shard, changes)) {
                *entry = there ? found : *entry;
                return there;
            }
        } else {
            (void)sched_yield();
        }
    }
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
