/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/leading.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tools/echshim/supervisor/notify.h"

enum {
    /* A program that asks not to wait has other things to do. So long it takes at most to learn
     * that a server refuses, which comes after one round trip. */
    BRIEFLY_MS = 250,
    /* And so long in all within this time: many connections at once do not wait one by one. */
    WINDOW_MS = 1000,
    THREADS = 64, /* whose waiting we remember */
    /* Then the kernel has sent five SYNs without an answer. Its own patience is longer, but no
     * signal reaches a program that we hold. */
    PATIENTLY_MS = 20000,
};

/* What the program gets if its patience ends first. */
enum late { LATE_GOES_ON, LATE_IN_PROGRESS, LATE_TIMED_OUT };

struct waiting {
    struct waiting *next;
    struct supervisor_leading call;
    int copy; /* of the program's socket */
    uint64_t number;
    uint64_t since_ms;
    uint64_t until_ms;
    enum late late;
};

/* How long calls that should not wait have held a thread. */
struct waited {
    pid_t task;
    uint64_t since_ms; /* the start of the window */
    uint64_t spent_ms;
};

static const struct supervisor_lead *lead;
static struct waiting *all;
static uint64_t last_number;
static struct waited waited[THREADS];
static unsigned next_waited;

void supervisor_leading_start(const struct supervisor_lead *to)
{
    lead = to;
}

static uint64_t clock_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- patience ---- */

static struct waited *waited_of(pid_t task, uint64_t now)
{
    struct waited *found = NULL;
    for (unsigned i = 0; i < THREADS; i++) {
        found = waited[i].task == task ? &waited[i] : found;
    }
    if (found == NULL) {
        found = &waited[next_waited++ % THREADS];
        found->since_ms = 0;
    }
    if (found->since_ms == 0 || now - found->since_ms > WINDOW_MS) {
        *found = (struct waited){.task = task, .since_ms = now};
    }
    return found;
}

static uint64_t brief_patience(pid_t task, uint64_t now)
{
    uint64_t spent = waited_of(task, now)->spent_ms;
    return spent < BRIEFLY_MS ? BRIEFLY_MS - spent : 0;
}

static void note_waited(const struct waiting *waiting)
{
    uint64_t now = clock_ms();
    if (waiting->late == LATE_GOES_ON) {
        waited_of(waiting->call.task, now)->spent_ms += now - waiting->since_ms;
    }
}

static void set_patience(struct waiting *waiting)
{
    struct timeval limit = {0};
    socklen_t length = sizeof limit;
    int flags = fcntl(waiting->copy, F_GETFL);
    waiting->since_ms = clock_ms();
    uint64_t patience = PATIENTLY_MS;
    waiting->late = LATE_TIMED_OUT;
    if (flags >= 0 && (flags & O_NONBLOCK) != 0) {
        waiting->late = LATE_GOES_ON;
        patience = brief_patience(waiting->call.task, waiting->since_ms);
    } else if (getsockopt(waiting->copy, SOL_SOCKET, SO_SNDTIMEO, &limit, &length) == 0 &&
               (limit.tv_sec > 0 || limit.tv_usec > 0) && limit.tv_sec < PATIENTLY_MS / 1000) {
        waiting->late = LATE_IN_PROGRESS; /* as the kernel says */
        patience = (uint64_t)limit.tv_sec * 1000 + (uint64_t)limit.tv_usec / 1000;
    }
    waiting->until_ms = waiting->since_ms + patience;
}

/* ---- the end of a call ---- */

static void answer(struct waiting *waiting, int problem)
{
    struct relay_claim claim = {.destination = waiting->call.destination,
                                .process = waiting->call.task,
                                .number = waiting->number};
    note_waited(waiting);
    /* A call that is gone connects nothing: the relay lets its connection go after a while. */
    if (supervisor_notify_waits(waiting->call.id)) {
        supervisor_notify_answer(
            waiting->call.id, 0,
            problem != 0 ? problem : supervisor_lead_connect(lead, waiting->copy, &claim));
    }
    (void)close(waiting->copy);
    free(waiting);
}

static void answer_late(struct waiting *waiting)
{
    static const int problems[] = {
        [LATE_GOES_ON] = 0, [LATE_IN_PROGRESS] = EINPROGRESS, [LATE_TIMED_OUT] = ETIMEDOUT};
    answer(waiting, problems[waiting->late]);
}

static struct waiting *take_out(uint64_t number)
{
    for (struct waiting **at = &all; *at != NULL; at = &(*at)->next) {
        struct waiting *waiting = *at;
        if (waiting->number == number) {
            *at = waiting->next;
            return waiting;
        }
    }
    return NULL;
}

/* ---- the beginning ---- */

static bool is_same_socket(int a, int b)
{
    struct stat x;
    struct stat y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A signal may have interrupted the call, which the kernel then begins again. */
static struct waiting *find_again(const struct supervisor_leading *call, int copy)
{
    struct waiting *waiting = all;
    while (
        waiting != NULL &&
        !(waiting->call.task == call->task && !supervisor_notify_waits(waiting->call.id) &&
          is_same_socket(waiting->copy, copy) &&
          memcmp(&waiting->call.destination, &call->destination, sizeof call->destination) == 0)) {
        waiting = waiting->next;
    }
    return waiting;
}

/* Takes over the copy. */
static void wait_for_relay(const struct supervisor_leading *call, int copy)
{
    const struct relay_claim question = {.source = {.ss_family = AF_UNSPEC},
                                         .destination = call->destination,
                                         .process = call->task,
                                         .number = last_number + 1};
    struct waiting *waiting = find_again(call, copy);
    if (waiting != NULL) {
        waiting->call = *call;
        (void)close(copy);
        return;
    }
    waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL || !supervisor_lead_send(lead, &question)) {
        supervisor_notify_answer(call->id, 0, EACCES);
        (void)close(copy);
        free(waiting);
        return;
    }
    *waiting = (struct waiting){.next = all, .call = *call, .copy = copy, .number = ++last_number};
    set_patience(waiting);
    all = waiting;
}

bool supervisor_leading_take(const struct supervisor_leading *call)
{
    int problem = EACCES;
    int copy = supervisor_copy_socket(call->task, call->fd);
    if (copy < 0 || !supervisor_notify_waits(call->id) ||
        !supervisor_lead_can(lead, copy, &call->destination, &problem)) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return false;
    }
    if (problem == 0) {
        wait_for_relay(call, copy);
        return true;
    }
    supervisor_notify_answer(call->id, 0,
                             problem == EISCONN ? supervisor_lead_again(lead, copy) : problem);
    (void)close(copy);
    return true;
}

/* ---- what the loop calls ---- */

void supervisor_leading_hear(void)
{
    struct relay_connected said;
    ssize_t count = recv(lead->link, &said, sizeof said, MSG_DONTWAIT);
    if (count == sizeof said) {
        struct waiting *waiting = take_out(said.number);
        if (waiting != NULL) {
            answer(waiting, (int)said.problem);
        }
        return;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    supervisor_lead_end(lead); /* as the relay has ended */
    while (all != NULL) {
        struct waiting *waiting = all;
        all = waiting->next;
        answer(waiting, ECONNREFUSED);
    }
}

int supervisor_leading_patience(void)
{
    uint64_t now = clock_ms();
    uint64_t first = UINT64_MAX;
    for (const struct waiting *waiting = all; waiting != NULL; waiting = waiting->next) {
        first = waiting->until_ms < first ? waiting->until_ms : first;
    }
    return first == UINT64_MAX ? -1 : first <= now ? 0 : (int)(first - now) + 1;
}

void supervisor_leading_sweep(void)
{
    uint64_t now = clock_ms();
    struct waiting **at = &all;
    while (*at != NULL) {
        struct waiting *waiting = *at;
        if (waiting->until_ms > now) {
            at = &waiting->next;
            continue;
        }
        *at = waiting->next;
        answer_late(waiting);
    }
}
