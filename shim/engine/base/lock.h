/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mutex of ours in a thread of the program: while it is held no signal handler of the program
 * runs there and the thread is not cancelled, so it is always given back. Every mutex in shim/ is
 * taken by these two but where a hold is there for another reason (sections, forks). Nothing is
 * waited for under one, and nothing of the program is called but its allocator.
 */
#ifndef SHIM_ENGINE_BASE_LOCK_H
#define SHIM_ENGINE_BASE_LOCK_H

#include <pthread.h>

#include "shim/common/hold.h"

static inline void shim_lock(pthread_mutex_t *mutex, struct shim_hold *hold)
{
    shim_hold_begin(hold);
    (void)pthread_mutex_lock(mutex);
}

static inline void shim_unlock(pthread_mutex_t *mutex, const struct shim_hold *hold)
{
    (void)pthread_mutex_unlock(mutex);
    shim_hold_end(hold);
}

#endif
