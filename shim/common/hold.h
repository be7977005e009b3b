/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * While code of ours has something half done that others would find in a thread of the program, the
 * program's signal handlers are held back and the thread is not cancelled: a handler may jump out
 * (siglongjmp), and then a lock would stay locked, a chain of BIOs half linked. Each takes two
 * system calls, so there is none where a jump does no harm: tables without locks
 * (shim/engine/base/object_table.h), a field that is set by one store. Holding back is for moments.
 * Where something is waited for, the program's own mask holds (shim/engine/base/section.h).
 */
#ifndef SHIM_COMMON_HOLD_H
#define SHIM_COMMON_HOLD_H

#include <signal.h>
#include <stdbool.h>

struct shim_hold {
    sigset_t mask; /* the program's */
    int cancel;    /* the program's */
    bool nested;   /* within another one, which does it all */
    bool locked;   /* the program has locked itself in: its mask stays what it is */
};

/* How to know that (struct shim_stub). Once, at the start; never where nothing was set. */
void shim_hold_start(bool (*locked)(void));
/* Has it? */
bool shim_hold_locked(void);

/* Both are async-signal-safe and keep errno. Holds nest; the object is the caller's, on its stack.
 */
void shim_hold_begin(struct shim_hold *hold);
void shim_hold_end(const struct shim_hold *hold);

/*
 * For a wait within a hold: from here on the thread may be cancelled, and the program's code may
 * run as soon as the caller unblocks the signals, which it does with the mask that it is given (of
 * ppoll). It may be that shim_hold_resume is never reached. Gives NULL, and does nothing, outside a
 * hold.
 */
const struct shim_hold *shim_hold_pause(void);
void shim_hold_resume(const struct shim_hold *paused);

#endif
