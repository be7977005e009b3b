/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we know of objects that a TLS library made (SSL, SSL_CTX, BIO, gnutls_session_t), kept by
 * ourselves and found by the object's address. The library lends storage for such things (ex_data),
 * but a program may write to any slot of it: Qt uses three slots and asks for one.
 *
 * Whoever owns a table has to remove an object before the library can give its address to another.
 * An object is put and removed by whoever makes and frees it, so never by two threads at once.
 *
 * No lock is taken, so that a handler may jump out of every function here, and no signal has to be
 * held back meanwhile; the child of a fork may go on with a table as it is. A table is a row of
 * segments, each four times as large as the one before it; an object has a window of few places in
 * every segment. So all takes constant time at any size. No memory of a table is given back, so
 * none can be read that is somebody else's.
 */
#ifndef SHIM_ENGINE_BASE_OBJECT_TABLE_H
#define SHIM_ENGINE_BASE_OBJECT_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "ech/status.h"

enum { SHIM_OBJECT_SEGMENTS = 12 };

struct shim_object_place;

/* All zero is an empty one. */
struct shim_object_table {
    _Atomic(struct shim_object_place *) segments[SHIM_OBJECT_SEGMENTS];
};

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
/* How many objects the first `count` segments hold. */
size_t shim_object_count(struct shim_object_table *table, size_t count);

#endif
