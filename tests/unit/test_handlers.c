/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

#include "shim/common/handlers.h"
#include "shim/common/hold.h"

static unsigned looks;
static bool answer;

static bool look(void)
{
    looks++;
    return answer;
}

static struct shim_handlers handlers = {.caught = look};

static void enter_and_leave(void)
{
    cr_assert(shim_handlers_enter(&handlers));
    cr_assert_eq(atomic_load(&handlers.within), 1);
    shim_handlers_leave(&handlers);
    cr_assert_eq(atomic_load(&handlers.within), 0);
}

Test(handlers, the_kernel_is_asked_now_and_then)
{
    for (int i = 0; i < SHIM_HANDLERS_LOOK; i++) {
        enter_and_leave();
        cr_assert_eq(looks, 1);
    }
    enter_and_leave();
    cr_assert_eq(looks, 2);
    atomic_store(&handlers.look, true);
    enter_and_leave();
    enter_and_leave();
    cr_assert_eq(looks, 3);
}

Test(handlers, one_that_was_seen_stays)
{
    answer = true;
    cr_assert_not(shim_handlers_enter(&handlers));
    answer = false;
    atomic_store(&handlers.look, true);
    cr_assert_not(shim_handlers_enter(&handlers));
    cr_assert_eq(atomic_load(&handlers.within), 0);
    cr_assert_eq(looks, 1);
}

/* ---- holds ---- */

static bool is_blocked(void)
{
    sigset_t now;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &now);
    return sigismember(&now, SIGALRM) == 1;
}

static bool not_locked(void)
{
    return false;
}

Test(handlers, a_hold_blocks_nothing_without_them)
{
    struct shim_hold hold;
    shim_hold_start(not_locked, &handlers);
    shim_hold_begin(&hold);
    cr_assert_not(is_blocked());
    cr_assert_eq(atomic_load(&handlers.within), 1);
    shim_hold_end(&hold);
    cr_assert_eq(atomic_load(&handlers.within), 0);
    atomic_store(&handlers.seen, true);
    shim_hold_begin(&hold);
    cr_assert(is_blocked());
    shim_hold_end(&hold);
    cr_assert_not(is_blocked());
}

/* Another thread of the program sets the first handler while this one waits. */
Test(handlers, a_wait_ends_with_signals_blocked_if_one_came)
{
    struct shim_hold hold;
    shim_hold_start(not_locked, &handlers);
    shim_hold_begin(&hold);
    struct shim_hold *paused = shim_hold_pause();
    cr_assert_eq(atomic_load(&handlers.within), 0);
    cr_assert_not(paused->blocked);
    atomic_store(&handlers.seen, true);
    shim_hold_resume(paused);
    cr_assert(is_blocked());
    shim_hold_end(&hold);
    cr_assert_not(is_blocked());
}

Test(handlers, a_wait_may_come_twice)
{
    struct shim_hold hold;
    shim_hold_start(not_locked, &handlers);
    shim_hold_begin(&hold);
    for (int i = 0; i < 2; i++) {
        shim_hold_resume(shim_hold_pause());
        cr_assert_eq(atomic_load(&handlers.within), 1);
    }
    shim_hold_end(&hold);
    cr_assert_eq(atomic_load(&handlers.within), 0);
}
