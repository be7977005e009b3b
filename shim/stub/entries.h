/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries: for each of the first TLS libraries of a process, and for each hook, a function of its
 * own that says which library it stands for and jumps to the hook. A program that has two copies of
 * a library takes functions from the handle of each. The hooks look the same for both, and their
 * caller is the program: only the entry tells them apart.
 */
#ifndef SHIM_STUB_ENTRIES_H
#define SHIM_STUB_ENTRIES_H

#include "shim/stub/stub.h"

/* The entry of a hook for a library. NULL: the library has none, because it is not one of the
 * first, or the hook is of libc. */
void *stub_entry(const struct shim_library *library, enum shim_hook hook);

/* The number of the library whose entry this thread just came through, on its way to this hook; 0:
 * it came to the hook directly. The second call gives 0. Async-signal-safe. */
unsigned stub_entered_by(enum shim_hook hook);

#endif
