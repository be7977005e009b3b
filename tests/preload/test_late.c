/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program may change settings in callbacks after its handshake has begun: the shim decides by
 * what the hello will say. (test_openssl.c shows that this works at all.) */
#include "checks.h"

#include <criterion/criterion.h>

TestSuite(late, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define WELL "all is well"

static void check_strict(const struct world_options *options, const char *command, unsigned count)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_report_count(world, "accepted"), count, "%s",
                 world_read(world, "report", NULL));
    cr_assert_eq(world_report_count(world, "refused"), 0u);
    world_expect_hidden(world);
}

#define ACCEPTED(name, count, mode)                                                                \
    Test(late, name##_strict)                                                                      \
    {                                                                                              \
        check_strict(NULL, OWN_OPENSSL(mode), count);                                              \
    }                                                                                              \
    Test(late, name##_rejected_once)                                                               \
    {                                                                                              \
        check_strict(&(struct world_options){.stale_config = true}, OWN_OPENSSL(mode), count);     \
    }                                                                                              \
    struct world

ACCEPTED(name, 1, "late-name");
ACCEPTED(name_in_loop, 1, "late-name-in-loop");
ACCEPTED(other_name, 2, "late-other-name");
ACCEPTED(versions, 4, "late-versions");
ACCEPTED(transport, 2, "late-transport");
ACCEPTED(context, 2, "late-context");
ACCEPTED(settings, 2, "late-settings");
ACCEPTED(session, 3, "late-session");
ACCEPTED(security, 2, "late-security");
ACCEPTED(again, 2, "late-again");

static void check_failed(const char *mode, const char *command, const char *outcome,
                         const char *reason)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA((char *)(size_t)mode), command);
    expect_exit(&result, 1, NULL);
    expect_report(world, 1, outcome, reason);
}

/* The name that the program had first does not count. */
Test(late, no_name_in_the_end)
{
    check_failed("ECHSHIM_MODE=opportunistic", OWN_OPENSSL("late-no-name"), "grease", "no_name");
}

Test(late, no_name_in_the_end_strict)
{
    check_failed(STRICT, OWN_OPENSSL("late-no-name"), "refused", "no_name");
}

Test(late, tls12_in_the_end)
{
    check_failed("ECHSHIM_MODE=opportunistic", OWN_OPENSSL("late-tls12"), "plain", "no_tls13");
}

Test(late, tls12_in_the_end_strict)
{
    check_failed(STRICT, OWN_OPENSSL("late-tls12"), "refused", "no_tls13");
}

Test(late, no_tls13_in_the_end_strict)
{
    check_failed(STRICT, OWN_OPENSSL("late-no-tls13"), "refused", "no_tls13");
}

/* The program gets the same hello as without the shim, with its suites of TLS 1.2. */
Test(late, tls12_is_spoken)
{
    struct world *world = world_start(&(struct world_options){.tls12 = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, OWN_OPENSSL("late-tls12"));
    expect_exit(&result, 1, "not TLS 1.3");
    cr_assert_eq(world_log_count(world, "done", 1), 1u);
}

/* The last name that the program sets has no record. */
Test(late, a_name_without_record_strict)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), OWN_OPENSSL("late-other-name"));
    expect_exit(&result, 1, "ech required");
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    expect_silence(world);
}

Test(late, a_name_without_record)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, OWN_OPENSSL("late-other-name"));
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_report_count(world, "grease"), 2u);
}
