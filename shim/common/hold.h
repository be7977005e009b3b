/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holds back the program's signal handlers, and the cancellation of its thread, while our code has
 * something half done. A handler may jump out (siglongjmp). Then a lock would stay locked, or a
 * chain of BIOs half linked. To block signals takes two system calls. So a hold blocks none while
 * the program has no handler (shim/common/handlers.h). There is no hold if a jump does no harm: for
 * tables without locks (shim/engine/base/object_table.h), for a field that one store sets. A hold
 * lasts for a moment. While we wait, the program's own mask holds (shim/engine/base/section.h).
 */
#ifndef SHIM_COMMON_HOLD_H
#define SHIM_COMMON_HOLD_H

#include <signal.h>
#include <stdbool.h>

#include "shim/common/handlers.h"

struct shim_hold {
    sigset_t mask; /* the program's, if `blocked` */
    int cancel;    /* the program's */
    bool nested;   /* within another hold, which does the work */
    bool blocked;  /* signals are blocked */
    bool counted;  /* the program has no handler: counted in shim_handlers, nothing is blocked */
};

/* Sets how to ask whether the program has locked itself in, and whether it has handlers (struct
 * shim_stub). Called once, at the start. Without it, it has handlers, and is not locked in. */
void shim_hold_start(bool (*locked)(void), struct shim_handlers *handlers);
/* Has the program locked itself in? */
bool shim_hold_locked(void);

/* Both are async-signal-safe and keep errno. Holds nest. The caller keeps the object on its
 * stack. */
void shim_hold_begin(struct shim_hold *hold);
void shim_hold_end(const struct shim_hold *hold);

/*
 * Begins a wait within a hold. From here on the thread may be cancelled. If signals are blocked,
 * the caller waits with the mask of the hold that this returns (ppoll), so the program's handlers
 * may run. They may jump out, so shim_hold_resume may never be reached. Outside a hold it does
 * nothing and returns NULL.
 */
struct shim_hold *shim_hold_pause(void);
void shim_hold_resume(struct shim_hold *paused);

#endif
