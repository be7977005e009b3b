/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/stack_switch.h"

#include <stdint.h>
#include <string.h>

#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define ADDRESS_SANITIZER 1
#include <sanitizer/common_interface_defs.h>
#else
#define ADDRESS_SANITIZER 0
#endif

/* The thread sanitizer has to see each switch, and it knows only swapcontext. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(__SANITIZE_THREAD__) &&                   \
    !HAS_FEATURE(thread_sanitizer)
#define OWN_SWITCH 1
#else
#define OWN_SWITCH 0
#endif

static void switch_contexts(struct shim_stack_place *from, struct shim_stack_place *to)
{
    (void)swapcontext(&from->context, &to->context);
}

static void enter_context(unsigned entry_high, unsigned entry_low, unsigned high, unsigned low)
{
    uint64_t entry = (uint64_t)entry_high << 32 | entry_low;
    uint64_t argument = (uint64_t)high << 32 | low;
    ((void (*)(void *))(uintptr_t)entry)((void *)(uintptr_t)argument);
}

/* makecontext hands on only ints, so each pointer goes as two. */
static bool make_context(struct shim_stack_place *place, void *stack, size_t size,
                         void (*entry)(void *), void *argument)
{
    uint64_t at = (uintptr_t)entry;
    uint64_t with = (uintptr_t)argument;
    if (getcontext(&place->context) != 0) {
        return false;
    }
    place->context.uc_stack.ss_sp = stack;
    place->context.uc_stack.ss_size = size;
    makecontext(&place->context, (void (*)(void))enter_context, 4, (unsigned)(at >> 32),
                (unsigned)at, (unsigned)(with >> 32), (unsigned)with);
    return true;
}

#if OWN_SWITCH

/* The registers that a function has to preserve by the ABI of x86-64, the last pushed first. */
struct saved_registers {
    uint32_t mxcsr;
    uint16_t x87;
    uint16_t unused;
    void *r15, *r14, *r13, *r12, *rbx, *rbp;
    void *returns_to;
};

/* Saves the registers on this stack, and restores those that were saved on the other. */
__attribute__((naked, noinline)) static void switch_tops(void **from __attribute__((unused)),
                                                         void *to __attribute__((unused)))
{
    __asm__("pushq %rbp\n\t"
            "pushq %rbx\n\t"
            "pushq %r12\n\t"
            "pushq %r13\n\t"
            "pushq %r14\n\t"
            "pushq %r15\n\t"
            "subq $8, %rsp\n\t"
            "stmxcsr (%rsp)\n\t"
            "fnstcw 4(%rsp)\n\t"
            "movq %rsp, (%rdi)\n\t"
            "movq %rsi, %rsp\n\t"
            "ldmxcsr (%rsp)\n\t"
            "fldcw 4(%rsp)\n\t"
            "addq $8, %rsp\n\t"
            "popq %r15\n\t"
            "popq %r14\n\t"
            "popq %r13\n\t"
            "popq %r12\n\t"
            "popq %rbx\n\t"
            "popq %rbp\n\t"
            "ret");
}

/* The first code on a new stack: registers say what to call. */
__attribute__((naked, noinline)) static void begin_stack(void)
{
    __asm__("movq %r12, %rdi\n\t"
            "callq *%r13\n\t"
            "ud2");
}

/* Some processors keep a second stack of return addresses, which only the C library can switch. On
 * all others this instruction does nothing. */
static bool has_shadow_stack(void)
{
    uint64_t top = 0;
    __asm__ volatile("rdsspq %0" : "+r"(top));
    return top != 0;
}

#if ADDRESS_SANITIZER

/* The address sanitizer has to be told of each switch, before and after it. */
static void switch_told(struct shim_stack_place *from, struct shim_stack_place *to)
{
    void *hidden = NULL;
    to->came_from = from;
    __sanitizer_start_switch_fiber(&hidden, to->stack, to->size);
    switch_tops(&from->top, to->top);
    __sanitizer_finish_switch_fiber(hidden, &from->came_from->stack, &from->came_from->size);
}

static void begin_told(void *place)
{
    struct shim_stack_place *own = place;
    __sanitizer_finish_switch_fiber(NULL, &own->came_from->stack, &own->came_from->size);
    own->entry(own->argument);
}

#else

static void switch_told(struct shim_stack_place *from, struct shim_stack_place *to)
{
    switch_tops(&from->top, to->top);
}

#endif

bool shim_stack_make(struct shim_stack_place *place, void *stack, size_t size,
                     void (*entry)(void *argument), void *argument)
{
    uintptr_t end = ((uintptr_t)stack + size) & ~(uintptr_t)15;
    struct saved_registers saved = {.returns_to = (void *)(uintptr_t)begin_stack,
                                    .r12 = argument,
                                    .r13 = (void *)(uintptr_t)entry};
    memset(place, 0, sizeof *place);
#if ADDRESS_SANITIZER
    *place = (struct shim_stack_place){
        .stack = stack, .size = size, .entry = entry, .argument = argument};
    saved.r12 = place;
    saved.r13 = (void *)(uintptr_t)begin_told;
#endif
    if (has_shadow_stack()) {
        return make_context(place, stack, size, entry, argument);
    }
    __asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(saved.mxcsr), "=m"(saved.x87));
    /* The stack has to be aligned when begin_stack makes its call. */
    place->top = (void *)(end - sizeof saved);
    memcpy(place->top, &saved, sizeof saved);
    return true;
}

void shim_stack_switch(struct shim_stack_place *from, struct shim_stack_place *to)
{
    if (to->top == NULL) {
        switch_contexts(from, to);
    } else {
        switch_told(from, to);
    }
}

#else

bool shim_stack_make(struct shim_stack_place *place, void *stack, size_t size,
                     void (*entry)(void *argument), void *argument)
{
    return make_context(place, stack, size, entry, argument);
}

void shim_stack_switch(struct shim_stack_place *from, struct shim_stack_place *to)
{
    switch_contexts(from, to);
}

#endif

#if defined(__x86_64__)

/* These instructions do nothing, except under valgrind, which answers the request (valgrind.h). */
static bool on_valgrind(void)
{
    const uintptr_t request[6] = {0x1001}; /* RUNNING_ON_VALGRIND */
    uintptr_t answer = 0;
    __asm__ volatile("rolq $3, %%rdi\n\t"
                     "rolq $13, %%rdi\n\t"
                     "rolq $61, %%rdi\n\t"
                     "rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(request)
                     : "cc", "memory");
    return answer != 0;
}

#else

static bool on_valgrind(void)
{
    return false; /* not tried there */
}

#endif

size_t shim_stack_distance(void)
{
    enum { MAX_STACKFRAME = 2 * 1024 * 1024 }; /* of valgrind, rounded to pages */
    return on_valgrind() ? MAX_STACKFRAME : 0;
}
