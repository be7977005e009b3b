/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/table.h"

#include <stdlib.h>

static struct shim_table_node **bucket_of(const struct shim_table *table, uint64_t hash)
{
    struct shim_table_node *const *buckets = table->buckets != NULL ? table->buckets : table->first;
    size_t count = table->buckets != NULL ? table->bucket_count : SHIM_TABLE_FIRST;
    return (struct shim_table_node **)(uintptr_t)&buckets[hash % count];
}

static void grow(struct shim_table *table)
{
    size_t before = table->buckets != NULL ? table->bucket_count : SHIM_TABLE_FIRST;
    struct shim_table grown = {.bucket_count = before * 4};
    if (table->count < 2 * before ||
        (grown.buckets = calloc(grown.bucket_count, sizeof(struct shim_table_node *))) == NULL) {
        return;
    }
    struct shim_table_node **old = table->buckets != NULL ? table->buckets : table->first;
    for (size_t i = 0; i < before; i++) {
        for (struct shim_table_node *node = old[i]; node != NULL;) {
            struct shim_table_node *next = node->next;
            struct shim_table_node **bucket = bucket_of(&grown, node->hash);
            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(table->buckets);
    table->buckets = grown.buckets;
    table->bucket_count = grown.bucket_count;
}

void shim_table_add(struct shim_table *table, struct shim_table_node *node, uint64_t hash)
{
    grow(table);
    struct shim_table_node **bucket = bucket_of(table, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    table->count++;
}

static struct shim_table_node *of_hash(struct shim_table_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct shim_table_node *shim_table_find(const struct shim_table *table, uint64_t hash)
{
    return of_hash(*bucket_of(table, hash), hash);
}

struct shim_table_node *shim_table_next(const struct shim_table_node *node)
{
    return of_hash(node->next, node->hash);
}

void shim_table_remove(struct shim_table *table, struct shim_table_node *node)
{
    struct shim_table_node **at = bucket_of(table, node->hash);
    while (*at != NULL && *at != node) {
        at = &(*at)->next;
    }
    if (*at == node) {
        *at = node->next;
        table->count--;
    }
}

void shim_table_sweep(struct shim_table *table,
                      bool (*goes)(struct shim_table_node *node, void *context), void *context)
{
    struct shim_table_node **buckets = table->buckets != NULL ? table->buckets : table->first;
    size_t count = table->buckets != NULL ? table->bucket_count : SHIM_TABLE_FIRST;
    for (size_t i = 0; i < count; i++) {
        for (struct shim_table_node **at = &buckets[i]; *at != NULL;) {
            struct shim_table_node *node = *at;
            struct shim_table_node *next = node->next;
            if (goes(node, context)) {
                *at = next;
                table->count--;
            } else {
                at = &node->next;
            }
        }
    }
}

uint64_t shim_table_hash(uint64_t hash, const void *octets, size_t length)
{
    const uint8_t *octet = octets;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ octet[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
