/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Switches from one stack to another and back, within a thread. Unlike swapcontext it leaves the
 * signal mask as it is: so on x86-64 a switch takes no system call.
 */
#ifndef SHIM_ENGINE_BASE_STACK_SWITCH_H
#define SHIM_ENGINE_BASE_STACK_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

/* A place to come back to. */
struct shim_stack_place {
    void *top;          /* of the stack, where the registers were saved */
    ucontext_t context; /* where swapcontext makes the switch */
    /* For the address sanitizer, in builds that have it. */
    const void *stack;
    size_t size;
    struct shim_stack_place *came_from;
    void (*entry)(void *argument);
    void *argument;
};

/* Makes a switch to `place` call entry(argument) on this stack. `entry` must never return. */
bool shim_stack_make(struct shim_stack_place *place, void *stack, size_t size,
                     void (*entry)(void *argument), void *argument);
/*
 * How many octets have to be unused on both sides of a stack to which a switch leads. valgrind
 * takes a short change of the stack pointer for a call or a return, and what lies in between for
 * memory that is no longer used. 0 without valgrind.
 */
size_t shim_stack_distance(void);
/* Goes to `to`. Returns when something switches to `from`. */
void shim_stack_switch(struct shim_stack_place *from, struct shim_stack_place *to);

#endif
