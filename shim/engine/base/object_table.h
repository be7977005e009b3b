/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we know of objects that a TLS library made (SSL, SSL_CTX, BIO, gnutls_session_t). We keep it
 * ourselves, by the object's address: the libraries have storage for such things (ex_data), but a
 * program may write to any slot of it. Qt uses three slots and asks for one.
 *
 * The owner of a table has to remove an object before the library can give its address to another.
 * The thread that makes or frees an object puts or removes it, so two threads never do that at
 * once.
 *
 * No function here takes a lock. So a handler may jump out of all of them, no signal has to be held
 * back, and the child of a fork may go on with a table as it is. A table is a row of segments, each
 * four times as large as the one before it, and an object has a window of few places in every
 * segment: so everything takes constant time at any size. A table never gives memory back, so a
 * reader never meets memory that belongs to something else by now.
 */
#ifndef SHIM_ENGINE_BASE_OBJECT_TABLE_H
#define SHIM_ENGINE_BASE_OBJECT_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "ech/status.h"

enum { SHIM_OBJECT_SEGMENTS = 12 };

struct shim_object_place;

/* All zero is an empty table. */
struct shim_object_table {
    _Atomic(struct shim_object_place *) segments[SHIM_OBJECT_SEGMENTS];
};

/* What is known of an object. Both pointers belong to the table's owner. */
struct shim_object_entry {
    void *owner; /* the library that made it */
    void *value; /* may be NULL */
};

/* False if the object is not in the table. */
bool shim_object_get(struct shim_object_table *table, const void *object,
                     struct shim_object_entry *entry);
/* Adds the object, or changes what is known of it. False if there is no memory. */
ECH_MUST_USE bool shim_object_put(struct shim_object_table *table, const void *object,
                                  const struct shim_object_entry *entry);
/* Removes the object. *entry (may be NULL) gets what was known of it. False if it was not in the
 * table. */
bool shim_object_remove(struct shim_object_table *table, const void *object,
                        struct shim_object_entry *entry);
/* How many objects there are in the first `count` segments. */
size_t shim_object_count(struct shim_object_table *table, size_t count);

#endif
