/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct list {
    struct relay_job *first;
    struct relay_job **last;
};

struct relay_pool {
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct list waiting;
    struct list done;
    int event;
};

static void append(struct list *list, struct relay_job *job)
{
    job->next = NULL;
    *list->last = job;
    list->last = &job->next;
}

static void *work(void *context)
{
    struct relay_pool *pool = context;
    const uint64_t one = 1;
    for (;;) {
        (void)pthread_mutex_lock(&pool->lock);
        while (pool->waiting.first == NULL) {
            (void)pthread_cond_wait(&pool->given, &pool->lock);
        }
        struct relay_job *job = pool->waiting.first;
        pool->waiting.first = job->next;
        if (job->next == NULL) {
            pool->waiting.last = &pool->waiting.first;
        }
        (void)pthread_mutex_unlock(&pool->lock);
        job->run(job);
        (void)pthread_mutex_lock(&pool->lock);
        append(&pool->done, job);
        (void)pthread_mutex_unlock(&pool->lock);
        (void)!write(pool->event, &one, sizeof one);
    }
    return NULL;
}

struct relay_pool *relay_pool_new(unsigned threads)
{
    struct relay_pool *pool = calloc(1, sizeof *pool);
    unsigned started = 0;
    if (pool == NULL) {
        return NULL;
    }
    pool->waiting.last = &pool->waiting.first;
    pool->done.last = &pool->done.first;
    pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->given, NULL);
    for (unsigned i = 0; pool->event >= 0 && i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, pool) == 0) {
            (void)pthread_detach(thread);
            started++;
        }
    }
    if (started == 0) {
        free(pool);
        return NULL;
    }
    return pool;
}

int relay_pool_descriptor(const struct relay_pool *pool)
{
    return pool->event;
}

void relay_pool_give(struct relay_pool *pool, struct relay_job *job)
{
    (void)pthread_mutex_lock(&pool->lock);
    append(&pool->waiting, job);
    (void)pthread_cond_signal(&pool->given);
    (void)pthread_mutex_unlock(&pool->lock);
}

struct relay_job *relay_pool_take(struct relay_pool *pool)
{
    uint64_t count;
    (void)!read(pool->event, &count, sizeof count);
    (void)pthread_mutex_lock(&pool->lock);
    struct relay_job *done = pool->done.first;
    pool->done.first = NULL;
    pool->done.last = &pool->done.first;
    (void)pthread_mutex_unlock(&pool->lock);
    return done;
}
