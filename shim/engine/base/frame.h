/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which stack, and how deep: for state that belongs to one call. A thread-local variable that is
 * set before a call and cleared after it stays set for ever when a signal handler or a callback
 * jumps out (siglongjmp, an exception, pthread_exit), and is wrong meanwhile for what runs on
 * another stack (swapcontext, sigaltstack). Such a variable is a struct shim_frame, and whoever
 * reads it asks whether the reader can be below the frame that set it. Stacks grow towards lower
 * addresses.
 *
 * What addresses can tell is one-sided. "Not within" is certain enough to act on: the frame has
 * ended, or is another stack's. "Within" may be a stale frame that a later, deeper call seems to be
 * below: nothing may be let through on its word. A hook that wants to know whether the library
 * itself has called it asks for its caller instead (stub_library_calls), which no jump can leave
 * behind.
 */
#ifndef SHIM_ENGINE_BASE_FRAME_H
#define SHIM_ENGINE_BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_frame {
    uintptr_t at; /* 0: none */
};

/* The frame of the function that says it. */
#define SHIM_FRAME_HERE ((uintptr_t)__builtin_frame_address(0))

/*
 * Is the code whose frame is `now` called, however indirectly, by the frame that was noted? `reach`
 * is how many octets of stack may lie between the two: what is farther away is another stack.
 */
static inline bool shim_frame_holds(struct shim_frame frame, uintptr_t now, size_t reach)
{
    return frame.at != 0 && now < frame.at && frame.at - now <= reach;
}

/* Has the noted frame ended, if `now` is a frame of the same stack? A call that is made anew from
 * the same place has the same frame. */
static inline bool shim_frame_is_over(struct shim_frame frame, uintptr_t now)
{
    return now >= frame.at;
}

#endif
