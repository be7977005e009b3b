/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs do with a session between the calls of its handshake and after one that failed, and
 * what must be left behind: nothing. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(edges, .fini = world_end, .timeout = 180);

#define WELL "all is well"

static struct world *check_accepted(const struct world_options *options, const char *command,
                                    unsigned count)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, count);
    return world;
}

#define ACCEPTED(name, count, command)                                                             \
    Test(edges, name)                                                                              \
    {                                                                                              \
        check_accepted(NULL, command, count);                                                      \
    }                                                                                              \
    Test(edges, name##_retry)                                                                      \
    {                                                                                              \
        check_accepted(&(struct world_options){.hello_retry = true}, command, count);              \
    }                                                                                              \
    struct world

ACCEPTED(openssl_called_before_the_name_is_set, 1, OWN_OPENSSL("premature"));
ACCEPTED(openssl_transport_given_again, 1, OWN_OPENSSL("same-fd-again"));
ACCEPTED(openssl_errno_and_queue, 1, OWN_OPENSSL("state"));
ACCEPTED(openssl_fork_while_others_shake_hands, 121, OWN_OPENSSL("fork-midway"));

/* The handshake that was given up is reported, and its connection has an outer hello too. */
Test(edges, openssl_cleared_midway)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, OWN_OPENSSL("clear-midway"));
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 1);
    cr_assert_eq(world_report_count(world, "failed"), 1);
    expect_outer_hellos(world, 2);
}

/* ---- after a failure nothing leaks ---- */

static void check_failures(const struct world_options *options, const char *command,
                           unsigned connections)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, "failed as it should");
    expect_outer_hellos(world, connections);
}

Test(edges, openssl_after_a_rejection)
{
    check_failures(&(struct world_options){.stale_config = true}, OWN_OPENSSL("after-failure"), 2);
}

Test(edges, openssl_after_an_unknown_certificate)
{
    check_failures(&(struct world_options){.inner_certificate = "stranger"},
                   OWN_OPENSSL("after-failure"), 2);
}

Test(edges, openssl_after_a_refusal)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL},
                                           OWN_OPENSSL("after-failure"));
    expect_exit(&result, 0, "failed as it should");
    expect_silence(world);
}

/* ---- nothing is left behind ---- */

static void check_endurance(const char *command)
{
    struct world *world = world_start(NULL);
    world->run_seconds = 150;
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 2200);
}

Test(edges, openssl_endurance)
{
    check_endurance(OWN_OPENSSL("endurance"));
}
