/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mark for each descriptor, in chunks that are mapped when they are needed. */
#include <sys/mman.h>

#include "shim/stub/connections.h"
#include "shim/stub/locked.h"

enum { MARKS = 4096, MARK_CHUNKS = 4096 };

static _Atomic uint8_t first_marks[MARKS];
static _Atomic(_Atomic uint8_t *) marks[MARK_CHUNKS] = {first_marks};

enum stub_mark stub_mark_of(int fd)
{
    if (fd < 0 || fd / MARKS >= MARK_CHUNKS) {
        return STUB_MARK_UNKNOWN;
    }
    _Atomic uint8_t *chunk = atomic_load_explicit(&marks[fd / MARKS], memory_order_acquire);
    return chunk != NULL
               ? (enum stub_mark)atomic_load_explicit(&chunk[fd % MARKS], memory_order_relaxed)
               : STUB_MARK_UNKNOWN;
}

void stub_mark_set(int fd, enum stub_mark mark)
{
    if (fd < 0 || fd / MARKS >= MARK_CHUNKS) {
        return;
    }
    _Atomic uint8_t *chunk = atomic_load_explicit(&marks[fd / MARKS], memory_order_acquire);
    if (chunk == NULL && stub_locked()) {
        return; /* we may not ask for memory */
    }
    if (chunk == NULL) {
        _Atomic uint8_t *fresh =
            mmap(NULL, MARKS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED) {
            return;
        }
        if (atomic_compare_exchange_strong(&marks[fd / MARKS], &chunk, fresh)) {
            chunk = fresh;
        } else {
            (void)munmap(fresh, MARKS);
        }
    }
    atomic_store_explicit(&chunk[fd % MARKS], (uint8_t)mark, memory_order_relaxed);
}
