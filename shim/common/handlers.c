/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/handlers.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static bool may_run(struct shim_handlers *handlers)
{
    if (atomic_load(&handlers->seen)) {
        return true;
    }
    unsigned asked = atomic_fetch_add_explicit(&handlers->asked, 1, memory_order_relaxed);
    bool look = asked % SHIM_HANDLERS_LOOK == 0;
    if (atomic_load_explicit(&handlers->look, memory_order_relaxed)) {
        look = true;
        atomic_store_explicit(&handlers->look, false, memory_order_relaxed);
    }
    if (look && handlers->caught()) {
        atomic_store(&handlers->seen, true);
        return true;
    }
    return false;
}

/* Counts itself before it asks, and who sets a handler says so before it reads the count: so one of
 * the two sees the other. */
bool shim_handlers_enter(struct shim_handlers *handlers)
{
    (void)atomic_fetch_add(&handlers->within, 1);
    if (may_run(handlers)) {
        shim_handlers_leave(handlers);
        return false;
    }
    return true;
}

void shim_handlers_leave(struct shim_handlers *handlers)
{
    (void)atomic_fetch_sub(&handlers->within, 1);
}

bool shim_handlers_none_runs(const struct shim_handlers *handlers)
{
    sigset_t blocked;
    /* The kernel fills in the signals that exist. sigisemptyset of glibc before 2.32 looks at all
     * octets. */
    sigemptyset(&blocked);
    return handlers != NULL && !atomic_load(&handlers->undeferred) &&
           pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigisemptyset(&blocked) == 1;
}
