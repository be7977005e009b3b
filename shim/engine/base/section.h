/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work of the engine that may have to wait, in a thread of the program.
 *
 * A program may leave a wait for good: its signal handler jumps out of getaddrinfo (wget -T), or
 * its thread is cancelled. Then the frames that owned sockets, look-ups and memory are gone. So
 * such work runs on a stack of its own, with signals held back (shim/common/hold.h). To wait, it
 * comes back to the program's stack, under the program's own signal mask and without any lock. If
 * the program leaves the wait, only the frames of the wait are gone. The work still exists and is
 * taken to its end later: each of its waits fails at once with ECANCELED, so it takes the way of
 * any failure and gives everything back. That happens when the thread is cancelled in the wait,
 * when it next calls us from a frame that is not below the wait (shim/common/frame.h), or when
 * it ends.
 */
#ifndef SHIM_ENGINE_BASE_SECTION_H
#define SHIM_ENGINE_BASE_SECTION_H

#include <poll.h>
#include <stdbool.h>

/* The first member of a struct that holds all the work needs and gives. Nothing of it may lie on
 * the program's stack, which may be gone before the work is. */
struct shim_work {
    void (*run)(struct shim_work *work);
    /* Frees the struct and what the work has given. Called when the work has no caller any more. */
    void (*drop)(struct shim_work *work);
};

/*
 * Runs the work. True: it is done, and belongs to the caller again. False: it was dropped, for want
 * of memory, or because the thread called us anew while it waited. Within a section this is a plain
 * call. Keeps errno, unless the work changes it.
 *
 * The caller holds signals back (shim/common/hold.h) until it has taken what the work gives.
 * Signals that came meanwhile are delivered at the end of the hold: a handler that jumped out
 * earlier would leave finished work without an owner. Waits within the work still let signals
 * through.
 */
bool shim_section_run(struct shim_work *work);

/* Takes this work to its end if the calling thread has left it. */
void shim_section_settle(const struct shim_work *work);

/* poll, for code that may run in a section. Also fails with ECANCELED: no caller waits any more. */
int shim_section_poll(struct pollfd *wait, nfds_t count, int milliseconds);

/*
 * Calls a function of the program's side that may wait (its C library's getaddrinfo), on the
 * program's stack and under its signal mask. False: the call was left or not made, and its result
 * does not exist; then `context` may still be in use, so it has to be static or given up to the
 * call.
 */
bool shim_section_outside(void (*call)(void *context), void *context);

/* Is the calling code in a section that has no caller any more? */
bool shim_section_is_left(void);

void shim_section_before_fork(void);
void shim_section_after_fork(void);

#endif
