/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/hold.h"

#include <pthread.h>
#include <stddef.h>

/* Set only while signals are blocked and the thread cannot be cancelled, so no jump can leave it
 * set. */
static __thread const struct shim_hold *outermost __attribute__((tls_model("initial-exec")));

static bool (*is_locked)(void);

void shim_hold_start(bool (*locked)(void))
{
    is_locked = locked;
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

void shim_hold_begin(struct shim_hold *hold)
{
    sigset_t all;
    hold->nested = outermost != NULL;
    if (hold->nested) {
        return;
    }
    hold->locked = shim_hold_locked();
    if (!hold->locked) {
        all_that_interrupt(&all);
        (void)pthread_sigmask(SIG_BLOCK, &all, &hold->mask);
    }
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel);
    outermost = hold;
}

/* Restores the mask last: in that call a handler may run, and jump. */
void shim_hold_end(const struct shim_hold *hold)
{
    if (!hold->nested) {
        outermost = NULL;
        (void)pthread_setcancelstate(hold->cancel, NULL);
        if (!hold->locked) {
            (void)pthread_sigmask(SIG_SETMASK, &hold->mask, NULL);
        }
    }
}

const struct shim_hold *shim_hold_pause(void)
{
    const struct shim_hold *paused = outermost;
    if (paused != NULL) {
        outermost = NULL;
        (void)pthread_setcancelstate(paused->cancel, NULL);
    }
    return paused;
}

void shim_hold_resume(const struct shim_hold *paused)
{
    if (paused != NULL) {
        (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        outermost = paused;
    }
}
