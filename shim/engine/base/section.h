/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work of the engine that may have to wait, in a thread of the program.
 *
 * A program may leave a wait for good: its signal handler jumps out of getaddrinfo (wget -T), its
 * thread is cancelled. Whatever was under way then, sockets, look-ups, memory, would have no owner
 * any more, for the frames that knew of it are gone. So such work runs on a stack of its own, with
 * signals held back (shim/common/hold.h), and comes back to the program's stack to wait there,
 * under the program's own signal mask and without any lock. If the program leaves the wait, only
 * the frames of the wait are gone. The work is still there, and is taken to its end later: each of
 * its waits fails at once with ECANCELED, and so it goes the way of every other failure and gives
 * all back. That happens when the thread is cancelled in the wait, when it next comes to us from a
 * frame that is not below the wait (shim/engine/base/frame.h), and at the thread's end.
 */
#ifndef SHIM_ENGINE_BASE_SECTION_H
#define SHIM_ENGINE_BASE_SECTION_H

#include <poll.h>
#include <stdbool.h>

/* The first member of a struct that has all the work needs and gives: nothing in it lies on the
 * program's stack, for that may be gone before the work is. */
struct shim_work {
    void (*run)(struct shim_work *work);
    /* Frees it, with what it has given. Called for work that nobody waits for any more. */
    void (*drop)(struct shim_work *work);
};

/*
 * Runs the work. True: it has been done, and is the caller's again. False: it was dropped, for want
 * of memory, or because the thread came to us anew in the midst of it. Within a section it is a
 * plain call. Keeps errno but for what the work makes of it.
 *
 * The caller holds signals back (shim/common/hold.h) until it has taken what the work gives: those
 * that came meanwhile are delivered at the end of the hold, and a handler that jumps then would
 * leave work behind that is done and nobody's. What waits in the work is not hindered by that.
 */
bool shim_section_run(struct shim_work *work);

/* Takes this work to its end, if it is one that the calling thread has left. */
void shim_section_settle(const struct shim_work *work);

/* poll, for code that may be in a section. Also fails with ECANCELED: nobody waits any more. */
int shim_section_poll(struct pollfd *wait, nfds_t count, int milliseconds);

/*
 * Calls a function of the program's side that may wait (its C library's getaddrinfo), on its stack
 * and under its signal mask. False: the call was left, or not made, and what it gives is not there;
 * `context` has to be static then, or the call's for ever.
 */
bool shim_section_outside(void (*call)(void *context), void *context);

/* Is the calling code in a section that nobody waits for? */
bool shim_section_is_left(void);

/* Once, before any of these: false if the system has no more keys for threads' ends. */
bool shim_section_start(void);
void shim_section_before_fork(void);
void shim_section_after_fork(void);

#endif
