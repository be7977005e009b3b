/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for work that waits for the network, so that the supervisor's loop never does. The loop's
 * thread adds tasks and takes the finished ones.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_POOL_H
#define TOOLS_ECHSHIM_SUPERVISOR_POOL_H

#include <stdbool.h>

enum { SUPERVISOR_POOL_MAX = 64 }; /* threads: they are made when they are needed */

/* The first member of a struct that belongs to the pool until `done` is called. */
struct supervisor_task {
    void (*work)(struct supervisor_task *task); /* in a thread of the pool */
    void (*done)(struct supervisor_task *task); /* in the loop's thread */
    struct supervisor_task *next;
};

/* Gives a descriptor that can be read when a task is done; the first call makes it. -1: with errno.
 */
int supervisor_pool_event(void);
/* False: there is no thread for it. */
bool supervisor_pool_add(struct supervisor_task *task);
/* Calls `done` of each finished task. */
void supervisor_pool_finish(void);

#endif
