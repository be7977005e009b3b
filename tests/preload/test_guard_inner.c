/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard stops a ClientHelloInner that was neither announced nor permitted, in every mode,
 * however the program cuts it. test_reject.c tests that one may leave once ECH is securely
 * disabled. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(guard_inner, .fini = world_end, .timeout = 120);
TestSuite(baseline_guard_inner, .fini = world_end, .timeout = 120);

#define REASON "\"inner_hello\""

enum { WAYS = 25 };

/* A short hello, and one that is longer than the part the guard keeps. */
static const char *const commands[] = {
    "\"$CLIENTS/guard_inner\" 127.0.0.1 443 " INNER_NAME " 3",
    "\"$CLIENTS/guard_inner\" 127.0.0.1 443 " INNER_NAME " 1500",
};

static void check(const char *mode, const char *report, const char *word)
{
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct run_result result = world_shell(
            world, RUN_SHIM, (char *[]){(char *)mode, (char *)report, NULL}, commands[i]);
        cr_assert_eq(expect_each(&result, word), WAYS);
    }
    if (report == NULL && strcmp(word, "refused") == 0) {
        cr_assert_eq(world_report_count(world, "refused"), 2u * WAYS);
        cr_assert_eq(world_report_count(world, "plain"), 0);
    }
}

/* Strict mode refuses the hello once the random is out; the marker may not be there yet. */
Test(guard_inner, strict)
{
    check("ECHSHIM_MODE=strict", NULL, "refused");
}

static void check_reasons(const char *mode)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){(char *)mode, NULL}, commands[0]);
    cr_assert_eq(expect_each(&result, "refused"), WAYS);
    unsigned count = 0;
    for (const char *at = world_read(world, "report", NULL); (at = strstr(at, REASON)) != NULL;
         at++) {
        count++;
    }
    cr_assert_eq(count, WAYS);
    cr_assert_eq(world_report_count(world, "refused"), WAYS);
}

Test(guard_inner, opportunistic)
{
    check_reasons("ECHSHIM_MODE=opportunistic");
}

Test(guard_inner, grease)
{
    check_reasons("ECHSHIM_MODE=grease");
}

Test(guard_inner, opportunistic_without_a_report)
{
    check("ECHSHIM_MODE=opportunistic", "ECHSHIM_REPORT=", "refused");
}

Test(guard_inner, grease_without_a_report)
{
    check("ECHSHIM_MODE=grease", "ECHSHIM_REPORT=", "refused");
}

Test(guard_inner, off)
{
    check("ECHSHIM_MODE=off", NULL, "sent");
}

Test(guard_inner, off_without_a_report)
{
    check("ECHSHIM_MODE=off", "ECHSHIM_REPORT=", "sent");
}

Test(baseline_guard_inner, all)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, commands[0]);
    cr_assert_eq(expect_each(&result, "sent"), WAYS);
}
