/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A few threads for the steps of handshakes with real servers. There the engine looks up
 * ECHConfigs, and waits for them. The loop must not wait, so these steps are made here. A job
 * belongs to the pool from relay_pool_give until relay_pool_take gives it back.
 */
#ifndef TOOLS_RELAY_POOL_H
#define TOOLS_RELAY_POOL_H

#include <stdbool.h>

struct relay_pool;

struct relay_job {
    struct relay_job *next;
    void (*run)(struct relay_job *job);
};

/* NULL: there are no threads. */
struct relay_pool *relay_pool_new(unsigned threads);
/* A descriptor that can be read when jobs are done. */
int relay_pool_descriptor(const struct relay_pool *pool);
void relay_pool_give(struct relay_pool *pool, struct relay_job *job);
/* All jobs that are done, as a list. */
struct relay_job *relay_pool_take(struct relay_pool *pool);

#endif
