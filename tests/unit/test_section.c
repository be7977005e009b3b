/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work that waits in a thread, which may jump out of the wait. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/common/hold.h"
#include "shim/engine/base/section.h"

enum { LONG_MS = 5000, JUMPS = 1000, SHORT_US = 2000, DEEP = 12 };

static int runs;
static int ends;
static int drops;

struct waiting {
    struct shim_work work;
    int result;
    int failure;
    int milliseconds;
};

static void wait_once(struct shim_work *work)
{
    struct waiting *waiting = (struct waiting *)work;
    runs++;
    struct pollfd nothing = {.fd = -1};
    waiting->result = shim_section_poll(&nothing, 1, waiting->milliseconds);
    waiting->failure = errno;
    ends++;
}

static void drop(struct shim_work *work)
{
    drops++;
    free(work);
}

static struct waiting *waiting_new(int milliseconds)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    cr_assert_not_null(waiting);
    waiting->work = (struct shim_work){.run = wait_once, .drop = drop};
    waiting->milliseconds = milliseconds;
    return waiting;
}

TestSuite(section, .timeout = 60);

static bool is_blocked(int number)
{
    sigset_t mask;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, number) == 1;
}

Test(section, work_is_done_and_the_callers_again)
{
    struct waiting *waiting = waiting_new(1);
    cr_assert(shim_section_run(&waiting->work));
    cr_assert_eq(waiting->result, 0);
    cr_assert_eq(drops, 0);
    cr_assert_not(is_blocked(SIGALRM));
    free(waiting);
}

static sigjmp_buf back;
static volatile sig_atomic_t jumps = 1;

static void on_alarm(int number)
{
    (void)number;
    if (jumps) {
        siglongjmp(back, 1);
    }
}

static void alarm_after(unsigned microseconds)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {.it_value = {.tv_usec = (suseconds_t)microseconds}};
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

static __attribute__((noinline)) bool run_short(void)
{
    struct waiting *waiting = waiting_new(1);
    bool done = shim_section_run(&waiting->work);
    free(waiting);
    return done;
}

Test(section, a_handler_that_returns_interrupts_the_wait_only)
{
    jumps = 0;
    alarm_after(SHORT_US);
    struct waiting *waiting = waiting_new(LONG_MS);
    cr_assert(shim_section_run(&waiting->work));
    cr_assert_eq(waiting->result, -1);
    cr_assert_eq(waiting->failure, EINTR);
    free(waiting);
}

/* From the same depth each time, like a program's own time limit. */
static __attribute__((noinline)) void leave_by_jump(void)
{
    if (sigsetjmp(back, 1) == 0) {
        alarm_after(SHORT_US);
        (void)shim_section_run(&waiting_new(LONG_MS)->work);
        cr_assert_fail("nobody jumped");
    }
}

Test(section, work_that_was_left_ends_when_the_thread_comes_again)
{
    leave_by_jump();
    cr_assert_eq(ends, 0);
    cr_assert_not(is_blocked(SIGALRM));
    cr_assert(run_short());
    cr_assert_eq(ends, 2);
    cr_assert_eq(drops, 1);
}

Test(section, a_thousand_jumps_leave_at_most_one_behind)
{
    for (int i = 0; i < JUMPS; i++) {
        leave_by_jump();
        cr_assert_leq(runs - ends, 1);
    }
    cr_assert_eq(runs, JUMPS);
}

static __attribute__((noinline)) void leave_at_depth(int depth)
{
    volatile char room[256];
    memset((char *)room, depth, sizeof room);
    if (depth > 0) {
        leave_at_depth(depth - 1);
    } else {
        leave_by_jump();
    }
    __asm__ volatile("" ::"r"(room) : "memory");
}

Test(section, deeper_and_deeper_jumps_leave_a_few_behind)
{
    for (int depth = 0; depth < DEEP * 4; depth++) {
        leave_at_depth(depth);
        cr_assert_leq(runs - ends, DEEP);
    }
    cr_assert(run_short());
    cr_assert_eq(runs, ends, "and none once the stack is up again");
}

Test(section, work_can_be_settled_by_name)
{
    struct waiting *waiting = waiting_new(LONG_MS);
    if (sigsetjmp(back, 1) == 0) {
        alarm_after(SHORT_US);
        (void)shim_section_run(&waiting->work);
    }
    shim_section_settle(&waiting->work);
    cr_assert_eq(drops, 1);
}

/* A handler that itself calls us, on top of an unfinished wait. */
static void on_alarm_run(int number)
{
    (void)number;
    cr_assert(run_short());
}

Test(section, a_handler_above_the_wait_does_not_end_it)
{
    struct sigaction action = {.sa_handler = on_alarm_run};
    struct itimerval timer = {.it_value = {.tv_usec = SHORT_US}};
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
    struct waiting *waiting = waiting_new(LONG_MS);
    cr_assert(shim_section_run(&waiting->work));
    cr_assert_eq(waiting->failure, EINTR);
    cr_assert_eq(drops, 0);
    free(waiting);
}

/* On another stack this looks like a jump: the wait fails, but does no other harm. */
Test(section, a_handler_on_another_stack_may_end_it)
{
    static char other[256 * 1024];
    stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
    struct sigaction action = {.sa_handler = on_alarm_run, .sa_flags = SA_ONSTACK};
    struct itimerval timer = {.it_value = {.tv_usec = SHORT_US}};
    (void)sigaltstack(&stack, NULL);
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
    struct waiting *waiting = waiting_new(LONG_MS);
    if (shim_section_run(&waiting->work)) {
        cr_assert_eq(waiting->failure, EINTR);
        free(waiting);
    } else {
        cr_assert_eq(drops, 1);
    }
    cr_assert_eq(runs, ends);
}

static void *wait_in_thread(void *type)
{
    int before;
    (void)pthread_setcanceltype(*(int *)type, &before);
    (void)shim_section_run(&waiting_new(LONG_MS)->work);
    return NULL;
}

static void cancel_a_wait(int type)
{
    pthread_t thread;
    void *result;
    cr_assert_eq(pthread_create(&thread, NULL, wait_in_thread, &type), 0);
    while (__atomic_load_n(&runs, __ATOMIC_SEQ_CST) == 0) {
        (void)usleep(1000);
    }
    (void)usleep(10000);
    cr_assert_eq(pthread_cancel(thread), 0);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq(result, PTHREAD_CANCELED, "at once, not when the wait is over");
    cr_assert_eq(ends, 1);
    cr_assert_eq(drops, 1);
}

Test(section, a_cancelled_thread_ends_its_work)
{
    cancel_a_wait(PTHREAD_CANCEL_DEFERRED);
}

Test(section, a_thread_cancelled_at_any_time_ends_its_work)
{
    cancel_a_wait(PTHREAD_CANCEL_ASYNCHRONOUS);
}

static void on_alarm_exit(int number)
{
    (void)number;
    pthread_exit(NULL);
}

static void *exit_in_thread(void *none)
{
    (void)none;
    struct sigaction action = {.sa_handler = on_alarm_exit};
    (void)sigaction(SIGUSR1, &action, NULL);
    (void)shim_section_run(&waiting_new(LONG_MS)->work);
    return NULL;
}

Test(section, a_thread_that_ends_in_a_wait_ends_its_work)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, exit_in_thread, NULL), 0);
    while (__atomic_load_n(&runs, __ATOMIC_SEQ_CST) == 0) {
        (void)usleep(1000);
    }
    (void)usleep(10000);
    (void)pthread_kill(thread, SIGUSR1);
    (void)pthread_join(thread, NULL);
    cr_assert_eq(ends, 1);
    cr_assert_eq(drops, 1);
}

static bool called;

static void call_back(void *context)
{
    (void)context;
    called = !is_blocked(SIGALRM);
    cr_assert(run_short(), "the program's side may come to us");
}

static void call_outside(struct shim_work *work)
{
    (void)work;
    cr_assert(is_blocked(SIGALRM));
    cr_assert_not(is_blocked(SIGSEGV), "a fault is no interruption");
    cr_assert(shim_section_outside(call_back, NULL));
    cr_assert(is_blocked(SIGALRM));
}

Test(section, a_call_outside_has_the_programs_mask)
{
    struct waiting *waiting = waiting_new(0);
    waiting->work.run = call_outside;
    cr_assert(shim_section_run(&waiting->work));
    cr_assert(called);
    free(waiting);
}

static struct waiting *inner;

static void run_another(struct shim_work *work)
{
    (void)work;
    cr_assert(shim_section_run(&inner->work));
}

Test(section, sections_nest)
{
    inner = waiting_new(1);
    struct waiting *waiting = waiting_new(0);
    waiting->work.run = run_another;
    cr_assert(shim_section_run(&waiting->work));
    cr_assert_eq(inner->result, 0);
    free(inner);
    free(waiting);
}

/* ---- holding back ---- */

Test(hold, nests_and_gives_back_what_was)
{
    struct shim_hold outer;
    struct shim_hold nested;
    shim_hold_begin(&outer);
    shim_hold_begin(&nested);
    cr_assert(is_blocked(SIGALRM));
    shim_hold_end(&nested);
    cr_assert(is_blocked(SIGALRM));
    shim_hold_end(&outer);
    cr_assert_not(is_blocked(SIGALRM));
}

Test(hold, a_wait_within_has_the_programs_mask_and_a_jump_out_of_it_leaves_nothing)
{
    struct shim_hold hold;
    if (sigsetjmp(back, 1) == 0) {
        shim_hold_begin(&hold);
        const struct shim_hold *paused = shim_hold_pause();
        cr_assert_eq(paused, &hold);
        (void)pthread_sigmask(SIG_SETMASK, &paused->mask, NULL);
        siglongjmp(back, 1);
    }
    shim_hold_begin(&hold);
    cr_assert_not(hold.nested);
    shim_hold_end(&hold);
    cr_assert_not(is_blocked(SIGALRM));
}
