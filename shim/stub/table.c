/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/table.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "shim/stub/locked.h"

enum { WINDOW = 16, GROWTH_BITS = 2 };

static size_t count_of(const struct stub_table *table, unsigned segment)
{
    return table->first_count << (GROWTH_BITS * segment);
}

static struct stub_place *place_at(const struct stub_table *table, unsigned char *segment,
                                   size_t number)
{
    return (struct stub_place *)(void *)(segment + number * table->place_size);
}

/* Fibonacci hashing: the upper bits depend on all of the key. */
static size_t start_of(uint64_t key, size_t count)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (count - 1);
}

void *stub_table_find(struct stub_table *table, uint64_t key, stub_table_same *same,
                      const void *context)
{
    for (unsigned i = 0; i < STUB_TABLE_SEGMENTS; i++) {
        unsigned char *segment = atomic_load_explicit(&table->segments[i], memory_order_acquire);
        if (segment == NULL) {
            return NULL;
        }
        size_t count = count_of(table, i);
        size_t start = start_of(key, count);
        for (size_t j = 0; j < WINDOW; j++) {
            struct stub_place *place = place_at(table, segment, (start + j) & (count - 1));
            if (atomic_load_explicit(&place->key, memory_order_acquire) == key &&
                (same == NULL || same(place, context))) {
                return place;
            }
        }
    }
    return NULL;
}

int64_t stub_table_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec;
}

static bool is_stale(const struct stub_table *table, struct stub_place *place, int64_t now)
{
    return table->stale_seconds != 0 &&
           now - atomic_load_explicit(&place->since, memory_order_relaxed) > table->stale_seconds;
}

static bool may_be_taken(const struct stub_table *table, struct stub_place *place, uint64_t owner,
                         int64_t now)
{
    return owner != STUB_PLACE_FREE && owner != STUB_PLACE_FILLING &&
           (is_stale(table, place, now) ||
            (table->is_left != NULL && table->is_left(place, owner)));
}

/* `used`: also takes places that have an owner, or had one. */
static struct stub_place *take_of(const struct stub_table *table, unsigned number,
                                  unsigned char *segment, uint64_t key, bool used)
{
    size_t count = count_of(table, number);
    size_t start = start_of(key, count);
    int64_t now = stub_table_now();
    for (size_t j = 0; j < WINDOW; j++) {
        struct stub_place *place = place_at(table, segment, (start + j) & (count - 1));
        uint64_t owner = atomic_load_explicit(&place->key, memory_order_acquire);
        bool open = used ? may_be_taken(table, place, owner, now) : owner == STUB_PLACE_FREE;
        if (open && atomic_compare_exchange_strong(&place->key, &owner, STUB_PLACE_FILLING)) {
            atomic_store_explicit(&place->since, now, memory_order_relaxed);
            return place;
        }
    }
    return NULL;
}

static struct stub_place *take_in(const struct stub_table *table, unsigned number,
                                  unsigned char *segment, uint64_t key, bool *taken_over)
{
    struct stub_place *place = take_of(table, number, segment, key, false);
    *taken_over = place == NULL;
    return place != NULL ? place : take_of(table, number, segment, key, true);
}

/* Maps a segment, or takes the one that another thread mapped meanwhile. */
static unsigned char *grow(struct stub_table *table, unsigned number)
{
    size_t size = count_of(table, number) * table->place_size;
    if (stub_locked()) {
        return NULL;
    }
    int saved = errno;
    unsigned char *fresh =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *seen = NULL;
    if (fresh == MAP_FAILED) {
        fresh = NULL;
    } else if (!atomic_compare_exchange_strong(&table->segments[number], &seen, fresh)) {
        (void)munmap(fresh, size);
        fresh = seen;
    }
    errno = saved;
    return fresh;
}

void *stub_table_take(struct stub_table *table, uint64_t key, bool *taken_over)
{
    bool unused;
    for (unsigned i = 0; i < STUB_TABLE_SEGMENTS; i++) {
        unsigned char *segment = atomic_load_explicit(&table->segments[i], memory_order_acquire);
        if (segment == NULL) {
            segment = grow(table, i);
        }
        if (segment == NULL) {
            return NULL;
        }
        struct stub_place *place =
            take_in(table, i, segment, key, taken_over != NULL ? taken_over : &unused);
        if (place != NULL) {
            return place;
        }
    }
    return NULL;
}

void stub_table_publish(void *place, uint64_t key)
{
    atomic_store_explicit(&((struct stub_place *)place)->key, key, memory_order_release);
}

bool stub_table_release(void *place, uint64_t key)
{
    return atomic_compare_exchange_strong(&((struct stub_place *)place)->key, &key,
                                          STUB_PLACE_FREE);
}

void *stub_table_next(struct stub_table *table, size_t *cursor)
{
    size_t first = 0;
    for (unsigned i = 0; i < STUB_TABLE_SEGMENTS; i++) {
        unsigned char *segment = atomic_load_explicit(&table->segments[i], memory_order_acquire);
        size_t count = count_of(table, i);
        if (segment == NULL) {
            return NULL;
        }
        while (*cursor < first + count) {
            struct stub_place *place = place_at(table, segment, *cursor - first);
            (*cursor)++;
            if (atomic_load_explicit(&place->key, memory_order_acquire) > STUB_PLACE_FILLING) {
                return place;
            }
        }
        first += count;
    }
    return NULL;
}
