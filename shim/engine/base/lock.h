/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our mutexes in a thread of the program. While the thread holds one, no signal handler of the
 * program runs in it and it is not cancelled, so it always gives the mutex back. All mutexes of the
 * engine are taken by these two functions, except where the caller holds signals back already
 * (sections, forks). Under a mutex the thread never waits, and calls nothing of the program but its
 * allocator.
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
