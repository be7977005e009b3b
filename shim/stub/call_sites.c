/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/call_sites.h"

enum { SITES = 512, WAYS = 4 };

/* Each cell is one word, so that no thread reads half of what another writes: 56 bits of a hash
 * (never 0), and 8 bits for the number. */
static _Atomic uint64_t sites[SITES];
static atomic_uint generation;

static uint64_t hash_of(enum shim_hook hook, const void *caller)
{
    uint64_t hash = (uint64_t)(uintptr_t)caller ^ (uint64_t)hook << 48;
    hash ^= (uint64_t)atomic_load_explicit(&generation, memory_order_acquire) << 17;
    hash *= 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93;
    return hash >> 8 | 1;
}

static _Atomic uint64_t *cell_of(uint64_t hash, size_t way)
{
    return &sites[(hash / 2 + way) % SITES];
}

int stub_site_get(enum shim_hook hook, const void *caller)
{
    uint64_t hash = hash_of(hook, caller);
    for (size_t way = 0; way < WAYS; way++) {
        uint64_t cell = atomic_load_explicit(cell_of(hash, way), memory_order_acquire);
        if (cell >> 8 == hash) {
            return (int)(cell & 0xff);
        }
    }
    return STUB_SITE_UNKNOWN;
}

void stub_site_set(enum shim_hook hook, const void *caller, unsigned number)
{
    uint64_t hash = hash_of(hook, caller);
    _Atomic uint64_t *cell = cell_of(hash, 0);
    for (size_t way = 0; way < WAYS; way++) {
        if (atomic_load_explicit(cell_of(hash, way), memory_order_relaxed) == 0) {
            cell = cell_of(hash, way);
            break;
        }
    }
    atomic_store_explicit(cell, hash << 8 | number, memory_order_release);
}

void stub_sites_forget(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_acq_rel);
}
