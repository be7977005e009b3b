/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program jumps out of gnutls_handshake and does not come back, 1,000 times. No hello leaves in
 * the clear, the thread's next handshakes have ECH, and nothing is left behind.
 */
#include "checks.h"

#include <criterion/criterion.h>

TestSuite(gnutls_jumps, .fini = world_end, .timeout = 240);
TestSuite(baseline_gnutls_jumps, .fini = world_end, .timeout = 240);

#define JUMPS(mode) "\"$CLIENTS/gnutls_jumps\" " INNER_NAME " 443 \"$CA\" " mode

static void check(const struct world_options *options, char *const extra[], const char *command)
{
    struct world *world = world_start(options);
    world->run_seconds = 200;
    struct run_result result = world_shell(world, RUN_SHIM, extra, command);
    expect_exit(&result, 0, "all is well");
    world_expect_hidden(world);
    cr_assert_geq(world_report_count(world, "accepted"), 1, "the last one had no ECH");
    cr_assert_eq(world_report_count(world, "plain"), 0);
    cr_assert_eq(world_report_count(world, "grease"), 0);
}

static void check_baseline(const char *command)
{
    struct world *world = world_start(NULL);
    world->run_seconds = 200;
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, command);
    expect_exit(&result, 0, "all is well");
}

#define LEFT(name, mode)                                                                           \
    Test(gnutls_jumps, name)                                                                       \
    {                                                                                              \
        check(NULL, NULL, JUMPS(mode));                                                            \
    }                                                                                              \
    Test(gnutls_jumps, name##_in_strict_mode)                                                      \
    {                                                                                              \
        check(&(struct world_options){.hello_retry = true},                                        \
              (char *[]){"ECHSHIM_MODE=strict", NULL}, JUMPS(mode));                               \
    }                                                                                              \
    Test(baseline_gnutls_jumps, name)                                                              \
    {                                                                                              \
        check_baseline(JUMPS(mode));                                                               \
    }                                                                                              \
    struct world

LEFT(function_jumps_and_the_session_ends, "end");
LEFT(function_jumps_and_the_session_goes_on, "go-on");
LEFT(signal_handler_jumps, "signal");
LEFT(thread_is_cancelled, "cancel");
