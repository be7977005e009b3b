/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/pool.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    struct supervisor_task *first;
    struct supervisor_task **end;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t something = PTHREAD_COND_INITIALIZER;
static struct queue waiting = {.end = &waiting.first};
static struct queue finished = {.end = &finished.first};
static unsigned threads;
static unsigned idle;
static unsigned pending; /* tasks that wait for a thread */
static int event = -1;

static void put(struct queue *queue, struct supervisor_task *task)
{
    task->next = NULL;
    *queue->end = task;
    queue->end = &task->next;
}

static struct supervisor_task *take(struct queue *queue)
{
    struct supervisor_task *task = queue->first;
    queue->first = task->next;
    if (queue->first == NULL) {
        queue->end = &queue->first;
    }
    return task;
}

static void tell_loop(void)
{
    const uint64_t one = 1;
    ssize_t count = write(event, &one, sizeof one);
    (void)count; /* EAGAIN: the loop has much to read already */
}

static void *run(void *nothing)
{
    (void)nothing;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (waiting.first == NULL) {
            idle++;
            pthread_cond_wait(&something, &lock);
            idle--;
        }
        struct supervisor_task *task = take(&waiting);
        pending--;
        pthread_mutex_unlock(&lock);
        task->work(task);
        pthread_mutex_lock(&lock);
        put(&finished, task);
        tell_loop();
    }
    return NULL;
}

/* Called under the lock. */
static void add_thread(void)
{
    enum { STACK = 1 << 20 };
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0) {
        return;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    threads += pthread_create(&thread, &attributes, run, NULL) == 0;
    (void)pthread_attr_destroy(&attributes);
}

int supervisor_pool_event(void)
{
    if (event < 0) {
        event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return event;
}

bool supervisor_pool_add(struct supervisor_task *task)
{
    pthread_mutex_lock(&lock);
    if (idle <= pending && threads < SUPERVISOR_POOL_MAX) {
        add_thread();
    }
    bool added = threads > 0;
    if (added) {
        put(&waiting, task);
        pending++;
        pthread_cond_signal(&something);
    }
    pthread_mutex_unlock(&lock);
    return added;
}

void supervisor_pool_finish(void)
{
    uint64_t count;
    ssize_t length = read(event, &count, sizeof count);
    (void)length;
    pthread_mutex_lock(&lock);
    struct supervisor_task *task = finished.first;
    finished = (struct queue){.end = &finished.first};
    pthread_mutex_unlock(&lock);
    while (task != NULL) {
        struct supervisor_task *next = task->next;
        task->done(task);
        task = next;
    }
}
