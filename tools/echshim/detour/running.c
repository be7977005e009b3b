/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/detour/running.h"

#if defined(__x86_64__)

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "tools/echshim/detour/place.h"

enum {
    PATIENCE_MS = 2000, /* a thread in the middle of vfork stops only when its child has executed */
    NAP_US = 100,
    THREADS_MAX = 1 << 16,
};

struct thread {
    pid_t id;
    bool stopped;
    bool gone;
    bool undisturbed; /* it stopped because we asked, not for a signal */
    int signal;       /* that it was to get when it stopped */
};

struct crowd {
    struct thread *threads;
    size_t count;
    size_t room;
};

/* ---- stopping all threads ---- */

static bool knows(const struct crowd *crowd, pid_t id)
{
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->threads[i].id == id) {
            return true;
        }
    }
    return false;
}

/* False: it may not be traced, or there is no memory. A thread that has ended is no failure. */
static bool add(struct crowd *crowd, pid_t id)
{
    if (crowd->count == crowd->room) {
        size_t room = crowd->room == 0 ? 64 : 2 * crowd->room;
        struct thread *grown =
            room <= THREADS_MAX ? realloc(crowd->threads, room * sizeof *grown) : NULL;
        if (grown == NULL) {
            return false;
        }
        crowd->threads = grown;
        crowd->room = room;
    }
    if (ptrace(PTRACE_SEIZE, id, NULL, NULL) != 0) {
        return errno == ESRCH;
    }
    crowd->threads[crowd->count++] = (struct thread){.id = id};
    (void)ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
    return true;
}

/* Traces the threads that are not traced yet. *added says whether there were any. */
static bool add_all(struct crowd *crowd, pid_t task, bool *added)
{
    char path[64];
    size_t before = crowd->count;
    bool good = true;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)task);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && good && (entry = readdir(folder)) != NULL) {
        pid_t id = (pid_t)strtol(entry->d_name, NULL, 10);
        if (id > 0 && !knows(crowd, id)) {
            good = add(crowd, id);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    *added = crowd->count > before;
    return good && folder != NULL;
}

static void note_stop(struct thread *thread, int status)
{
    int number = WSTOPSIG(status);
    thread->stopped = true;
    thread->undisturbed = status >> 16 == PTRACE_EVENT_STOP && number == SIGTRAP;
    thread->signal = status >> 16 == 0 ? number : 0;
}

/* Have all of them stopped or ended? */
static bool look_for_stops(struct crowd *crowd, running_release *release, void *context)
{
    bool all = true;
    for (size_t i = 0; i < crowd->count; i++) {
        struct thread *thread = &crowd->threads[i];
        int status;
        if (thread->stopped || thread->gone) {
            continue;
        }
        release(context, thread->id);
        pid_t got = waitpid(thread->id, &status, __WALL | WNOHANG);
        if (got == thread->id && WIFSTOPPED(status)) {
            note_stop(thread, status);
        } else if (got != 0 && !(got < 0 && errno == EINTR)) {
            thread->gone = true;
        } else {
            all = false;
        }
    }
    return all;
}

static enum running_result stop_all(struct crowd *crowd, pid_t task, running_release *release,
                                    void *context)
{
    const struct timespec nap = {.tv_nsec = NAP_US * 1000L};
    bool added;
    /* A thread that was not stopped yet may have begun another one. */
    for (int naps = 0; naps < PATIENCE_MS * 1000 / NAP_US; naps++) {
        if (!add_all(crowd, task, &added)) {
            return RUNNING_NEVER;
        }
        if (look_for_stops(crowd, release, context) && !added) {
            return RUNNING_PLACED;
        }
        (void)nanosleep(&nap, NULL);
    }
    return RUNNING_AGAIN;
}

/* Only a thread that has stopped can be let go of. The kernel does it with all others at the end of
 * our own thread. */
static void let_all_go(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        struct thread *thread = &crowd->threads[i];
        if (thread->stopped) {
            (void)ptrace(PTRACE_DETACH, thread->id, NULL, (unsigned long)thread->signal);
        }
    }
    free(crowd->threads);
}

/* ---- is this a good moment? ---- */

static bool is_at_beginning(uint64_t at, const struct go_plan *plan, uint64_t base)
{
    enum { JUMP = 5 };
    uint64_t handshake = base + plan->function.client_handshake;
    uint64_t finished = base + plan->function.client_finished;
    return (at > handshake && at < handshake + JUMP) || (at > finished && at < finished + JUMP);
}

/*
 * The thread that waits for us must have stopped behind its system call: then we can make calls
 * there without changing an instruction, which a child by vfork might execute. No thread may be
 * within the octets that the jumps replace. No goroutine is, for the runtime does not interrupt the
 * beginning of a function (cmd/internal/obj/x86/obj6.go, StartUnsafePoint).
 */
static bool is_good_moment(const struct crowd *crowd, pid_t caller, const struct go_plan *plan)
{
    uint64_t base;
    bool good = false;
    if (!go_place_base(caller, plan, &base)) {
        return false;
    }
    for (size_t i = 0; i < crowd->count; i++) {
        const struct thread *thread = &crowd->threads[i];
        struct user_regs_struct registers;
        if (thread->gone) {
            continue;
        }
        if (ptrace(PTRACE_GETREGS, thread->id, NULL, &registers) != 0 ||
            is_at_beginning(registers.rip, plan, base)) {
            return false;
        }
        if (thread->id == caller) {
            good = thread->undisturbed && go_place_is_behind_call(caller, registers.rip);
        }
    }
    return good;
}

enum running_result running_place(pid_t thread, const struct go_plan *plan,
                                  const struct shim_pass *pass, running_release *release,
                                  void *context)
{
    struct crowd crowd = {.threads = NULL};
    const char *why;
    enum running_result result = stop_all(&crowd, thread, release, context);
    if (result == RUNNING_PLACED) {
        if (!is_good_moment(&crowd, thread, plan)) {
            result = RUNNING_AGAIN;
        } else if (!go_place_undisturbed(thread, plan, pass, &why)) {
            result = RUNNING_NEVER;
        }
    }
    let_all_go(&crowd);
    return result;
}

#else

enum running_result running_place(pid_t thread, const struct go_plan *plan,
                                  const struct shim_pass *pass, running_release *release,
                                  void *context)
{
    (void)thread;
    (void)plan;
    (void)pass;
    (void)release;
    (void)context;
    return RUNNING_NEVER;
}

#endif
