/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/wiped_memory.h"

#include <sys/mman.h>

void *shim_wiped_memory(size_t size)
{
    enum { NO_ADVICE = -1 };
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    /* Some emulators take any advice and follow none (qemu-user). */
    if (madvise(memory, size, NO_ADVICE) == 0 || madvise(memory, size, MADV_WIPEONFORK) != 0) {
        shim_wiped_memory_free(memory, size);
        return NULL;
    }
    (void)madvise(memory, size, MADV_DONTDUMP);
    return memory;
}

void shim_wiped_memory_free(void *memory, size_t size)
{
    (void)munmap(memory, size);
}
