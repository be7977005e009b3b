/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/object_table.h"

#include <stdint.h>
#include <stdlib.h>

#include "shim/common/hold.h"

struct shim_object_place {
    _Atomic uintptr_t key; /* the object's address, or one of these two */
    _Atomic(void *) owner;
    _Atomic(void *) value;
};

#define FREE ((uintptr_t)0)
#define FILLING ((uintptr_t)1) /* stays so for ever if a handler jumps out of the filling */

enum { FIRST_PLACES = 256, GROWTH_BITS = 2, WINDOW = 8 };

static size_t count_of(unsigned segment)
{
    return (size_t)FIRST_PLACES << (GROWTH_BITS * segment);
}

/* Fibonacci hashing: the upper bits depend on the whole address. */
static size_t start_of(const void *object)
{
    uint64_t mixed = (uint64_t)(uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32);
}

/* The first place that has this key in the object's window of a segment. */
static struct shim_object_place *in_window(struct shim_object_place *places, unsigned segment,
                                           const void *object, uintptr_t key)
{
    size_t mask = count_of(segment) - 1;
    size_t start = start_of(object);
    for (size_t i = 0; i < WINDOW; i++) {
        struct shim_object_place *place = &places[(start + i) & mask];
        if (atomic_load_explicit(&place->key, memory_order_acquire) == key) {
            return place;
        }
    }
    return NULL;
}

static struct shim_object_place *find(struct shim_object_table *table, const void *object)
{
    for (unsigned i = 0; i < SHIM_OBJECT_SEGMENTS; i++) {
        struct shim_object_place *places =
            atomic_load_explicit(&table->segments[i], memory_order_acquire);
        struct shim_object_place *place =
            places != NULL ? in_window(places, i, object, (uintptr_t)object) : NULL;
        if (places == NULL || place != NULL) {
            return place;
        }
    }
    return NULL;
}

/* What the pointers lead to was written by another thread, and an entry may be replaced under the
 * same key: so each pointer is published by itself. */
static void entry_read(const struct shim_object_place *place, struct shim_object_entry *entry)
{
    entry->owner = atomic_load_explicit(&place->owner, memory_order_acquire);
    entry->value = atomic_load_explicit(&place->value, memory_order_acquire);
}

static void entry_write(struct shim_object_place *place, const struct shim_object_entry *entry)
{
    atomic_store_explicit(&place->owner, entry->owner, memory_order_release);
    atomic_store_explicit(&place->value, entry->value, memory_order_release);
}

/* A new segment, or the one that another thread made meanwhile. */
static struct shim_object_place *grow(struct shim_object_table *table, unsigned segment)
{
    struct shim_hold hold;
    struct shim_object_place *seen = NULL;
    shim_hold_begin(&hold); /* for the allocator */
    struct shim_object_place *fresh = calloc(count_of(segment), sizeof *fresh);
    if (fresh != NULL && !atomic_compare_exchange_strong(&table->segments[segment], &seen, fresh)) {
        free(fresh);
        fresh = seen;
    }
    shim_hold_end(&hold);
    return fresh;
}

/* Takes a free place and marks it FILLING. */
static struct shim_object_place *take(struct shim_object_table *table, const void *object)
{
    for (unsigned i = 0; i < SHIM_OBJECT_SEGMENTS; i++) {
        struct shim_object_place *places =
            atomic_load_explicit(&table->segments[i], memory_order_acquire);
        struct shim_object_place *place;
        if (places == NULL && (places = grow(table, i)) == NULL) {
            return NULL;
        }
        while ((place = in_window(places, i, object, FREE)) != NULL) {
            uintptr_t key = FREE;
            if (atomic_compare_exchange_strong(&place->key, &key, FILLING)) {
                return place;
            }
        }
    }
    return NULL;
}

bool shim_object_put(struct shim_object_table *table, const void *object,
                     const struct shim_object_entry *entry)
{
    struct shim_object_place *place = find(table, object);
    if (place != NULL) {
        entry_write(place, entry);
        return true;
    }
    place = take(table, object);
    if (place == NULL) {
        return false;
    }
    entry_write(place, entry);
    atomic_store_explicit(&place->key, (uintptr_t)object, memory_order_release);
    return true;
}

bool shim_object_remove(struct shim_object_table *table, const void *object,
                        struct shim_object_entry *entry)
{
    struct shim_object_place *place = find(table, object);
    struct shim_object_entry known;
    uintptr_t key = (uintptr_t)object;
    if (place == NULL) {
        return false;
    }
    entry_read(place, entry != NULL ? entry : &known);
    return atomic_compare_exchange_strong(&place->key, &key, FREE);
}

/* Most objects lie in the very first place. OpenSSL's security callback asks 200 times for each
 * hello, so these are looked for without a loop. */
static const struct shim_object_place *find_first(struct shim_object_table *table,
                                                  const void *object)
{
    const struct shim_object_place *places =
        atomic_load_explicit(&table->segments[0], memory_order_acquire);
    const struct shim_object_place *place =
        places != NULL ? &places[start_of(object) & (FIRST_PLACES - 1)] : NULL;
    return place != NULL &&
                   atomic_load_explicit(&place->key, memory_order_acquire) == (uintptr_t)object
               ? place
               : find(table, object);
}

bool shim_object_get(struct shim_object_table *table, const void *object,
                     struct shim_object_entry *entry)
{
    const struct shim_object_place *place = find_first(table, object);
    if (place == NULL) {
        return false;
    }
    entry_read(place, entry);
    return true;
}

size_t shim_object_count(struct shim_object_table *table, size_t count)
{
    size_t objects = 0;
    for (unsigned i = 0; i < count && i < SHIM_OBJECT_SEGMENTS; i++) {
        const struct shim_object_place *places = atomic_load(&table->segments[i]);
        for (size_t j = 0; places != NULL && j < count_of(i); j++) {
            objects += atomic_load(&places[j].key) > FILLING ? 1 : 0;
        }
    }
    return objects;
}
