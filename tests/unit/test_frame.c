/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <setjmp.h>
#include <ucontext.h>

#include "shim/common/frame.h"

enum { REACH = 4096 };

static struct shim_frame noted;

static __attribute__((noinline)) bool asked_below(void)
{
    bool below = shim_frame_holds(noted, SHIM_FRAME_HERE, REACH);
    __asm__ volatile("" ::: "memory"); /* prevents a tail call, which would have no frame */
    return below;
}

static __attribute__((noinline)) bool notes_and_asks(void)
{
    noted = (struct shim_frame){.at = SHIM_FRAME_HERE};
    bool below = asked_below();
    __asm__ volatile("" ::: "memory");
    return below;
}

Test(frame, holds_for_what_it_calls)
{
    cr_assert(notes_and_asks());
}

Test(frame, does_not_hold_before_it_is_noted)
{
    noted = (struct shim_frame){0};
    cr_assert_not(asked_below());
}

Test(frame, does_not_hold_for_itself_nor_for_its_caller)
{
    struct shim_frame frame = {.at = 0x10000};
    cr_assert_not(shim_frame_holds(frame, 0x10000, REACH));
    cr_assert_not(shim_frame_holds(frame, 0x10008, REACH));
    cr_assert(shim_frame_holds(frame, 0xfff8, REACH));
    cr_assert(shim_frame_holds(frame, 0x10000 - REACH, REACH));
    cr_assert_not(shim_frame_holds(frame, 0x10000 - REACH - 8, REACH));
}

Test(frame, is_over_for_its_caller_and_for_the_same_call_again)
{
    struct shim_frame frame = {.at = 0x10000};
    cr_assert(shim_frame_is_over(frame, 0x10008));
    cr_assert(shim_frame_is_over(frame, 0x10000));
    cr_assert_not(shim_frame_is_over(frame, 0xfff8));
}

static jmp_buf back;

static __attribute__((noinline)) void notes_and_jumps(void)
{
    noted = (struct shim_frame){.at = SHIM_FRAME_HERE};
    longjmp(back, 1);
}

Test(frame, ends_with_a_jump)
{
    if (setjmp(back) == 0) {
        notes_and_jumps();
    }
    cr_assert_not(shim_frame_holds(noted, SHIM_FRAME_HERE, REACH));
    cr_assert(shim_frame_is_over(noted, SHIM_FRAME_HERE));
}

static ucontext_t first;
static ucontext_t second;
static bool held_in_second;

static void on_second(void)
{
    held_in_second = shim_frame_holds(noted, SHIM_FRAME_HERE, REACH);
}

static __attribute__((noinline)) void notes_and_swaps(char *stack, size_t size)
{
    noted = (struct shim_frame){.at = SHIM_FRAME_HERE};
    (void)getcontext(&second);
    second.uc_stack.ss_sp = stack;
    second.uc_stack.ss_size = size;
    second.uc_link = &first;
    makecontext(&second, on_second, 0);
    (void)swapcontext(&first, &second);
}

Test(frame, does_not_hold_on_another_stack)
{
    static char stack[256 * 1024];
    held_in_second = true;
    notes_and_swaps(stack, sizeof stack);
    cr_assert_not(held_in_second);
}
