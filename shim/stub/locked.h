/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that lock themselves in with seccomp. From then on a system call that the program does
 * not make itself may end it. So the guard makes none: it judges by the octets of a write, and by
 * what it knows already.
 *
 * A filter that was there when the program began (of a container, of systemd) does not count as
 * such a lock. It is made for any program, and the kernel does not say what it would allow.
 */
#ifndef SHIM_STUB_LOCKED_H
#define SHIM_STUB_LOCKED_H

#include <stdatomic.h>
#include <stdbool.h>

extern atomic_bool stub_locked_state;

/* Did the program, or the one that it was forked from, lock itself in? */
static inline bool stub_locked(void)
{
    return atomic_load_explicit(&stub_locked_state, memory_order_relaxed);
}

/* The same, as a function that has an address. */
bool stub_locked_now(void);

#endif
