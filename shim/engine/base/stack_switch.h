/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From one stack to another and back, within a thread. As swapcontext, but the signal mask stays
 * what it is: on x86-64 that takes no system call, where swapcontext takes one each time.
 */
#ifndef SHIM_ENGINE_BASE_STACK_SWITCH_H
#define SHIM_ENGINE_BASE_STACK_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

/* A place to come back to. */
struct shim_stack_place {
    void *top;          /* of the stack, where the registers are kept */
    ucontext_t context; /* on machines where swapcontext does it */
    /* What the address sanitizer is told, in builds that have it. */
    const void *stack;
    size_t size;
    struct shim_stack_place *came_from;
    void (*entry)(void *argument);
    void *argument;
};

/* Lets a switch to `place` call entry(argument) on this stack; it must never return. */
bool shim_stack_make(struct shim_stack_place *place, void *stack, size_t size,
                     void (*entry)(void *argument), void *argument);
/* Goes to `to`. It returns when something goes to `from`. */
void shim_stack_switch(struct shim_stack_place *from, struct shim_stack_place *to);

#endif
