/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table that grows, and never refuses or forgets a node. Nodes belong to the caller, as part
 * of its own structs. Without memory to grow, look-ups only take longer. The table has no lock.
 */
#ifndef SHIM_ENGINE_BASE_TABLE_H
#define SHIM_ENGINE_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_table_node {
    struct shim_table_node *next;
    uint64_t hash;
};

enum { SHIM_TABLE_FIRST = 64 };

/* All zero is an empty table. */
struct shim_table {
    struct shim_table_node **buckets; /* NULL: `first` */
    size_t bucket_count;
    size_t count; /* of nodes */
    struct shim_table_node *first[SHIM_TABLE_FIRST];
};

void shim_table_add(struct shim_table *table, struct shim_table_node *node, uint64_t hash);
/* The first node of this hash, and the next after a node; NULL: no more. The caller compares what
 * the hash was made of. */
struct shim_table_node *shim_table_find(const struct shim_table *table, uint64_t hash);
struct shim_table_node *shim_table_next(const struct shim_table_node *node);
/* Takes a node out. It has to be in the table. */
void shim_table_remove(struct shim_table *table, struct shim_table_node *node);
/* Asks about every node. Nodes for which the answer is true leave the table; the function may free
 * them. */
void shim_table_sweep(struct shim_table *table,
                      bool (*goes)(struct shim_table_node *node, void *context), void *context);

/* FNV-1a in steps: begin with SHIM_TABLE_HASH. */
#define SHIM_TABLE_HASH UINT64_C(0xcbf29ce484222325)
uint64_t shim_table_hash(uint64_t hash, const void *octets, size_t length);

#endif
