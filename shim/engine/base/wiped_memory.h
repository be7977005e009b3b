/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that holds zeros in the child of every fork: the kernel wipes it, also where no handler of
 * pthread_atfork runs (_Fork, clone, the system call). It is in no core dump. A child that shares
 * its parent's memory (vfork) shares this too.
 */
#ifndef SHIM_ENGINE_BASE_WIPED_MEMORY_H
#define SHIM_ENGINE_BASE_WIPED_MEMORY_H

#include <stddef.h>

/* Whole pages of zeros; NULL: there is no such memory here. */
void *shim_wiped_memory(size_t size);
void shim_wiped_memory_free(void *memory, size_t size);

#endif
