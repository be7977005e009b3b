/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of the stub that grow: no lock, no malloc, so that they can be used in write and connect,
 * in signal handlers, and in the child of a fork at any moment. A look-up takes the same time
 * whatever the number of entries. What was let go is used again.
 *
 * A table is a row of segments, each four times as large as the one before it. A key has a window
 * of few places in every segment. A new segment is mapped when the windows of all others are full.
 */
#ifndef SHIM_STUB_TABLE_H
#define SHIM_STUB_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUB_TABLE_SEGMENTS = 10 };

/* Begins every place. What follows belongs to whoever keeps the table. */
struct stub_place {
    /* STUB_PLACE_FREE, STUB_PLACE_FILLING, or a key: none of the two. */
    _Atomic uint64_t key;
    /* When it was last of use, in seconds. */
    _Atomic int64_t since;
};

#define STUB_PLACE_FREE UINT64_C(0)
#define STUB_PLACE_FILLING UINT64_C(1)

struct stub_table {
    size_t place_size;
    size_t first_count; /* places in the first segment: a power of two */
    /* A place that was silent for longer may be taken away from its owner; 0: never. */
    int64_t stale_seconds;
    /* Has the place no owner any more? Asked before the table grows; NULL: never. */
    bool (*is_left)(const void *place, uint64_t key);
    _Atomic(unsigned char *) segments[STUB_TABLE_SEGMENTS];
};

/* `first`: an array of places, zeroed, whose number is a power of two and at least 16. */
#define STUB_TABLE_INIT(first, stale)                                                              \
    {                                                                                              \
        .place_size = sizeof *(first), .first_count = sizeof(first) / sizeof *(first),             \
        .stale_seconds = (stale), .segments = {                                                    \
            (unsigned char *)(first)                                                               \
        }                                                                                          \
    }

/* A key that no state has: octets that are equal to one are another key, for all of us alike. */
static inline uint64_t stub_table_key(uint64_t octets)
{
    return octets <= STUB_PLACE_FILLING ? octets + 2 : octets;
}

/* Is the place, which has the right key, the one that is sought? */
typedef bool stub_table_same(const void *place, const void *context);

/* The place of a key; NULL if there is none. same NULL: the key alone counts. */
void *stub_table_find(struct stub_table *table, uint64_t key, stub_table_same *same,
                      const void *context);
/*
 * A place for a key, in state FILLING until it is published; NULL if there is no memory for one, or
 * none may be asked for. Whoever fills it sees what its last owner left there. *taken_over (may be
 * NULL): it was in use until now.
 */
void *stub_table_take(struct stub_table *table, uint64_t key, bool *taken_over);
void stub_table_publish(void *place, uint64_t key);
/* Lets go of a place that has this key; false if it has another one by now. */
bool stub_table_release(void *place, uint64_t key);
/* Seconds of the clock that `since` goes by. */
int64_t stub_table_now(void);
/* The next place after `cursor` (at first 0) that is in use; NULL at the end. */
void *stub_table_next(struct stub_table *table, size_t *cursor);

#endif
