/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/late.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/echshim/supervisor/notify.h"
#include "tools/echshim/supervisor/pool.h"
#include "tools/echshim/supervisor/target.h"

enum {
    TRIES_MAX = 5,
    TRIED_MAX = 256,    /* processes that we remember */
    WAITING_MAX = 4096, /* calls of one process */
};

/* A call that waits. */
struct held {
    struct held *next;
    struct seccomp_notif notification;
    bool released;
};

/* One process that gets its detours. */
struct job {
    struct supervisor_task task;
    struct job *next;
    pid_t process;
    pid_t thread;
    enum supervisor_placed placed;
    pthread_mutex_t lock; /* of the calls: the thread that stops the process releases them */
    struct held *held;
    unsigned held_count;
};

/* A number of a process may be another's later: so its beginning counts too, and what it executes
 * in its place. */
struct tried {
    uint64_t start;
    ino_t image;
    pid_t process;
    unsigned count;
};

static supervisor_place *place;
static const struct shim_pass *pass;
static supervisor_judge *judge;
static void *judge_context;
static struct job *jobs;
static struct tried tried[TRIED_MAX];
static unsigned next_tried;

void supervisor_late_start(supervisor_place *how, const struct shim_pass *with,
                           supervisor_judge *then, void *context)
{
    place = how;
    pass = with;
    judge = then;
    judge_context = context;
}

/* ---- what was tried ---- */

static struct tried *find_tried(pid_t process)
{
    struct tried now = {.process = process};
    if (!supervisor_target_identity(process, &now.start, &now.image)) {
        return NULL;
    }
    for (unsigned i = 0; i < TRIED_MAX; i++) {
        if (tried[i].process == process && tried[i].start == now.start &&
            tried[i].image == now.image) {
            return &tried[i];
        }
    }
    struct tried *entry = &tried[next_tried++ % TRIED_MAX];
    *entry = now;
    return entry;
}

/* ---- one process ---- */

static void release(void *context, pid_t thread)
{
    struct job *job = context;
    (void)pthread_mutex_lock(&job->lock);
    for (struct held *held = job->held; held != NULL; held = held->next) {
        if (!held->released && (pid_t)held->notification.pid == thread) {
            held->released = true;
            supervisor_notify_begin_anew(held->notification.id);
        }
    }
    (void)pthread_mutex_unlock(&job->lock);
}

static void work(struct supervisor_task *task)
{
    struct job *job = (struct job *)task;
    job->placed = place(job->thread, pass, release, job);
}

static void forget(struct job *job)
{
    struct job **at = &jobs;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
}

static void done(struct supervisor_task *task)
{
    struct job *job = (struct job *)task;
    struct tried *entry = find_tried(job->process);
    forget(job);
    if (entry != NULL) {
        entry->count = job->placed == SUPERVISOR_NOT_YET ? entry->count + 1 : TRIES_MAX;
    }
    for (struct held *held = job->held; held != NULL;) {
        struct held *next = held->next;
        if (!held->released) {
            judge(judge_context, &held->notification);
        }
        free(held);
        held = next;
    }
    (void)pthread_mutex_destroy(&job->lock);
    free(job);
}

static bool hold(struct job *job, const struct seccomp_notif *notification)
{
    struct held *held = job->held_count < WAITING_MAX ? calloc(1, sizeof *held) : NULL;
    if (held == NULL) {
        return false;
    }
    held->notification = *notification;
    (void)pthread_mutex_lock(&job->lock);
    held->next = job->held;
    job->held = held;
    job->held_count++;
    (void)pthread_mutex_unlock(&job->lock);
    return true;
}

static bool begin(pid_t process, const struct seccomp_notif *notification)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return false;
    }
    job->task = (struct supervisor_task){.work = work, .done = done};
    job->process = process;
    job->thread = (pid_t)notification->pid;
    if (pthread_mutex_init(&job->lock, NULL) != 0) {
        free(job);
        return false;
    }
    if (!hold(job, notification) || !supervisor_pool_add(&job->task)) {
        free(job->held);
        (void)pthread_mutex_destroy(&job->lock);
        free(job);
        return false;
    }
    job->next = jobs;
    jobs = job;
    return true;
}

bool supervisor_late_take(const struct seccomp_notif *notification)
{
    if (place == NULL) {
        return false;
    }
    pid_t process = supervisor_target_process((pid_t)notification->pid);
    for (struct job *job = jobs; job != NULL; job = job->next) {
        if (job->process == process) {
            return hold(job, notification);
        }
    }
    const struct tried *entry = find_tried(process);
    return entry != NULL && entry->count < TRIES_MAX && begin(process, notification);
}
