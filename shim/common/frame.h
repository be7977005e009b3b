/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which stack, and how deep: for state that belongs to one call. A thread-local variable that is
 * set before a call and cleared after it has two faults. It stays set for ever when a signal
 * handler or a callback jumps out of the call (siglongjmp, an exception, pthread_exit). And it is
 * wrong for code that runs on another stack meanwhile (swapcontext, sigaltstack). So such a
 * variable is a struct shim_frame, and its reader asks whether it can be below the frame that set
 * it. Stacks grow towards lower addresses.
 *
 * Addresses tell only one thing for certain: "not within" means that the frame has ended, or is on
 * another stack. "Within" may be a stale frame that a later, deeper call seems to be below: never
 * let anything through because of it. A hook that has to know whether the library itself called it
 * looks at its caller instead (stub_library_calls), which no jump can leave behind.
 */
#ifndef SHIM_COMMON_FRAME_H
#define SHIM_COMMON_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_frame {
    uintptr_t at; /* 0: none */
};

/* The frame of the function that uses this. */
#define SHIM_FRAME_HERE ((uintptr_t)__builtin_frame_address(0))

/*
 * Was the code that has the frame `now` called, directly or not, from the noted frame? `max_depth`
 * is how many octets of stack may lie between the two: what is farther away is another stack.
 */
static inline bool shim_frame_holds(struct shim_frame frame, uintptr_t now, size_t max_depth)
{
    return frame.at != 0 && now < frame.at && frame.at - now <= max_depth;
}

/* Has the noted frame ended, if `now` is a frame of the same stack? A second call from the same
 * place has the same frame. */
static inline bool shim_frame_is_over(struct shim_frame frame, uintptr_t now)
{
    return now >= frame.at;
}

#endif
