/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we know of objects that a TLS library made (SSL, SSL_CTX, BIO), kept by ourselves and found
 * by the object's address. The library lends storage for such things (ex_data), but a program may
 * write to any slot of it: Qt uses three slots and asks for one.
 *
 * Whoever owns a table has to remove an object before the library can give its address to another.
 * All functions may be called by any thread; look-ups take constant time at any size.
 */
#ifndef SHIM_OBJECT_TABLE_H
#define SHIM_OBJECT_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "ech/status.h"

struct shim_object;
struct shim_object_buckets;

/*
 * A part of a table with a lock of its own, so that threads seldom wait for each other. The lock is
 * for changes alone: look-ups take none, for they are on the data path, and a signal handler may
 * jump out of them. They are made again if something has changed meanwhile. No memory of a table is
 * given back, so none can be read that is somebody else's.
 */
struct shim_object_shard {
    pthread_mutex_t lock;
    atomic_uint changes;                           /* odd while one is being made */
    _Atomic(struct shim_object_buckets *) buckets; /* NULL until the first object comes */
    struct shim_object *spare;
    size_t object_count;
};

enum { SHIM_OBJECT_SHARDS = 16 };

struct shim_object_table {
    struct shim_object_shard shards[SHIM_OBJECT_SHARDS];
};

#define SHIM_OBJECT_TABLE_INIT                                                                     \
    {                                                                                              \
        .shards = { [0 ... SHIM_OBJECT_SHARDS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER} }         \
    }

/* What is known of an object. Both pointers are the table's owner's. */
struct shim_object_entry {
    void *owner; /* the library that made it */
    void *value; /* may be NULL */
};

/* False if the object is not in the table. */
bool shim_object_get(struct shim_object_table *table, const void *object,
                     struct shim_object_entry *entry);
/* Adds the object or, if it is there, changes what is known of it. False for want of memory. */
ECH_MUST_USE bool shim_object_put(struct shim_object_table *table, const void *object,
                                  const struct shim_object_entry *entry);
/* Removes the object. *entry (may be NULL) is what was known. False if it was not in the table. */
bool shim_object_remove(struct shim_object_table *table, const void *object,
                        struct shim_object_entry *entry);

/* Around fork, so that the child does not inherit a lock that another thread holds. */
void shim_object_table_lock(struct shim_object_table *table);
void shim_object_table_unlock(struct shim_object_table *table);

#endif
