/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Can a signal handler of the program run? If there is none, none can jump out of our code, and
 * nothing has to be held back (shim/common/hold.h).
 *
 * The stub owns the one object of this kind. Its hooks (shim/stub/hooks_signals.c) see each handler
 * that is set by a function of the C library, also by `syscall`. A handler that was set past them
 * is found by asking the kernel for the signals that the process catches: at the first question,
 * after each dlopen, and every SHIM_HANDLERS_LOOK questions. Signals that a fault raises do not
 * count, for no hold keeps them back.
 */
#ifndef SHIM_COMMON_HANDLERS_H
#define SHIM_COMMON_HANDLERS_H

#include <stdatomic.h>
#include <stdbool.h>

enum { SHIM_HANDLERS_LOOK = 256 };

struct shim_handlers {
    atomic_bool seen; /* there is a handler, or was one. Never cleared. */
    /* One of them may interrupt itself (SA_NODEFER), so a thread's mask does not tell that it runs;
     * also one of a fault. Never cleared. */
    atomic_bool undeferred;
    atomic_bool look; /* ask the kernel at the next question */
    atomic_uint asked;
    atomic_int within;    /* threads within a hold that holds nothing back */
    bool (*caught)(void); /* the kernel's answer. True also if it gives none. Keeps errno. */
};

/* Begins a hold without a system call. False: a handler may run, and the caller has to hold signals
 * back. True: shim_handlers_leave has to follow. Both are async-signal-safe. */
bool shim_handlers_enter(struct shim_handlers *handlers);
void shim_handlers_leave(struct shim_handlers *handlers);

/*
 * Is it sure that the calling thread runs no signal handler? A signal is blocked while its handler
 * runs, so a thread that blocks none runs none. NULL, or any doubt: false. One system call.
 * Async-signal-safe.
 */
bool shim_handlers_none_runs(const struct shim_handlers *handlers);

#endif
