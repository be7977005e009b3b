/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/hold.h"

#include <pthread.h>
#include <stddef.h>

/* Set only while no handler can run and the thread cannot be cancelled, so no jump can leave it
 * set.
 */
static __thread struct shim_hold *outermost __attribute__((tls_model("initial-exec")));

static bool (*is_locked)(void);
static struct shim_handlers *handlers; /* NULL: there may be some */

void shim_hold_start(bool (*locked)(void), struct shim_handlers *of_program)
{
    is_locked = locked;
    handlers = of_program;
}

bool shim_hold_locked(void)
{
    return is_locked != NULL && is_locked();
}

/* All signals, except those that a fault or the end of the program raises: these do not
 * interrupt. */
static void all_that_interrupt(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};
    (void)sigfillset(set);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        (void)sigdelset(set, faults[i]);
    }
}

/* Keeps the program's handlers away. A program that has locked itself in keeps its mask. */
static void keep_away(struct shim_hold *hold)
{
    sigset_t all;
    bool locked = shim_hold_locked();
    hold->counted = !locked && handlers != NULL && shim_handlers_enter(handlers);
    hold->blocked = !locked && !hold->counted;
    if (hold->blocked) {
        all_that_interrupt(&all);
        (void)pthread_sigmask(SIG_BLOCK, &all, &hold->mask);
    }
}

void shim_hold_begin(struct shim_hold *hold)
{
    hold->nested = outermost != NULL;
    if (hold->nested) {
        return;
    }
    keep_away(hold);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel);
    outermost = hold;
}

/* Restores the mask last: in that call a handler may run, and jump. */
void shim_hold_end(const struct shim_hold *hold)
{
    if (hold->nested) {
        return;
    }
    outermost = NULL;
    (void)pthread_setcancelstate(hold->cancel, NULL);
    if (hold->counted) {
        shim_handlers_leave(handlers);
    }
    if (hold->blocked) {
        (void)pthread_sigmask(SIG_SETMASK, &hold->mask, NULL);
    }
}

struct shim_hold *shim_hold_pause(void)
{
    struct shim_hold *paused = outermost;
    if (paused != NULL) {
        outermost = NULL;
        (void)pthread_setcancelstate(paused->cancel, NULL);
        if (paused->counted) {
            shim_handlers_leave(handlers);
        }
    }
    return paused;
}

/* Signals that were blocked are so again. If none were, a handler may have been set meanwhile. */
void shim_hold_resume(struct shim_hold *paused)
{
    if (paused == NULL) {
        return;
    }
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (paused->counted) {
        keep_away(paused);
    }
    outermost = paused;
}
