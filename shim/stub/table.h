/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables that grow, without lock and malloc. So they work in write and connect, in signal handlers,
 * and in the child of a fork at any moment. The time of a look-up does not depend on the number of
 * entries. Released places are used again.
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

/* The beginning of every place. The rest is the user's of the table. */
struct stub_place {
    /* STUB_PLACE_FREE, STUB_PLACE_FILLING, or a key, which equals neither. */
    _Atomic uint64_t key;
    /* When it was last of use, in seconds. */
    _Atomic int64_t since;
};

#define STUB_PLACE_FREE UINT64_C(0)
#define STUB_PLACE_FILLING UINT64_C(1)

struct stub_table {
    size_t place_size;
    size_t first_count; /* places in the first segment: a power of two */
    /* A place that was not used for longer may get another owner; 0: never. */
    int64_t stale_seconds;
    /* Has the place lost its owner? Asked before the table grows; NULL: no place ever has. */
    bool (*is_left)(const void *place, uint64_t key);
    _Atomic(unsigned char *) segments[STUB_TABLE_SEGMENTS];
};

/* `first`: a zeroed array of places; their number is a power of two, 16 or more. */
#define STUB_TABLE_INIT(first, stale)                                                              \
    {                                                                                              \
        .place_size = sizeof *(first), .first_count = sizeof(first) / sizeof *(first),             \
        .stale_seconds = (stale), .segments = {                                                    \
            (unsigned char *)(first)                                                               \
        }                                                                                          \
    }

/* Makes a key of octets. Octets that equal a state are mapped to another key, the same for all
 * users. */
static inline uint64_t stub_table_key(uint64_t octets)
{
    return octets <= STUB_PLACE_FILLING ? octets + 2 : octets;
}

/* Is this place, which has the right key, the right one? */
typedef bool stub_table_same(const void *place, const void *context);

/* The place of a key; NULL: there is none. `same` NULL: the key alone counts. */
void *stub_table_find(struct stub_table *table, uint64_t key, stub_table_same *same,
                      const void *context);
/*
 * Takes a place for a key, in state FILLING until the caller publishes it. NULL: there is no
 * memory, or we may not ask for any. The place still holds what its last owner left. *taken_over
 * (may be NULL): the place was in use until now.
 */
void *stub_table_take(struct stub_table *table, uint64_t key, bool *taken_over);
void stub_table_publish(void *place, uint64_t key);
/* Releases a place that has this key; false: it has another key by now. */
bool stub_table_release(void *place, uint64_t key);
/* The time in seconds, by the clock of `since`. */
int64_t stub_table_now(void);
/* The next place after `cursor` (at first 0) that is in use; NULL at the end. */
void *stub_table_next(struct stub_table *table, size_t *cursor);

#endif
