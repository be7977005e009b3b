/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the answer of the DNS decides, as seen from outside. */
#include "checks.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(svcb_rules, .fini = world_end, .timeout = 120);

/* Until the answer comes a connection may be open, but no octet goes over it. The test uses strict
 * mode, which waits as long as the setting says. */
static void check_waits(const char *program)
{
    char command[1000];
    struct world *world = world_start(NULL);
    world_relay_dns(world, (const char *[]){"--type", "65", "--more-ms", "2500", NULL});
    snprintf(command, sizeof command,
             "(%s) >later 2>&1 & sleep 1.2; cat wire/*.c2s | wc -c; wait $!", program);
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    (char *[]){"ECHSHIM_MODE=strict", "ECHSHIM_TIMEOUT_MS=20000", NULL}, command);
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, "0\n", "octets before the answer: %s", result.out);
    world_expect_accepted(world, 1);
}

Test(svcb_rules, svcb_50_no_hello_before_the_answer)
{
    check_waits(CURL);
}

Test(svcb_rules, svcb_50_no_hello_before_the_answer_gnutls)
{
    check_waits(WGET);
}

/* There are configs, and we can use none: the hello has GREASE. */
static void check_unusable(const char *program)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_CONFIG_LIST=AAj+CgAEAAAAAA==", NULL}, program);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "no_usable_config");
    cr_assert_eq(wire_hellos(world, hellos), 1u);
    (void)wire_outer_ech(&hellos[0]);
}

Test(svcb_rules, ech_16_svcb_60_unusable_configs_openssl)
{
    check_unusable(CURL);
}

Test(svcb_rules, ech_16_svcb_60_unusable_configs_gnutls)
{
    check_unusable(WGET);
}
