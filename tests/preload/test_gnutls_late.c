/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program sets late for its hello: the shim decides by what the hello will have. */
#include "checks.h"
#include "matrix.h"

#include <string.h>

#define LATE(mode) "\"$CLIENTS/gnutls_late\" " INNER_NAME " 443 \"$CA\" " mode
#define WELL "all is well"

MATRIX_SUITE(gnutls_late);

MATRIX(gnutls_late, name_twice, 1, WELL, LATE("name-twice"));
MATRIX(gnutls_late, name_of_another_type, 1, WELL, LATE("name-type"));
MATRIX(gnutls_late, name_unset, 1, WELL, LATE("name-unset"));
MATRIX(gnutls_late, name_mapped, 1, WELL, LATE("name-mapped"));
MATRIX(gnutls_late, name_while_the_hello_is_built, 1, WELL, LATE("name-in-extension"));
MATRIX(gnutls_late, other_name_while_the_hello_is_built, 1, WELL, LATE("other-name-in-extension"));
MATRIX(gnutls_late, more_while_the_hello_is_built, 1, WELL, LATE("more-in-extension"));
MATRIX(gnutls_late, priorities_after_a_try, 1, WELL, LATE("priorities-after-a-try"));
MATRIX(gnutls_late, priorities_twice, 1, WELL, LATE("priorities-twice"));
MATRIX(gnutls_late, priorities_when_the_hello_is_gone, 1, WELL, LATE("priorities-in-push"));
MATRIX(gnutls_late, changes_before_an_octet, 1, WELL, LATE("before-an-octet"));
MATRIX(gnutls_late, unusable_session_data, 2, WELL, LATE("bad-session"));

/* The report has one line for one handshake, with the name that was sent. */
static void check_reported(const char *command, const char *outcome, const char *reason)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, outcome, reason);
    expect_report_text(world, "host", INNER_NAME);
}

Test(gnutls_late, one_decision_for_the_name_that_is_sent)
{
    check_reported(LATE("other-name-in-extension"), "grease", "nodata");
}

Test(gnutls_late, one_decision_for_the_versions_that_are_offered)
{
    struct world *world = world_start(&(struct world_options){.tls12 = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, LATE("no-tls13-in-extension"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", "no_tls13");
    expect_report_text(world, "host", INNER_NAME);
}

static void check_silence(const char *command)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL}, command);
    cr_assert_eq(result.exit_code, 1);
    expect_silence(world);
}

Test(gnutls_late, strict_refuses_the_name_that_would_be_sent)
{
    check_silence(LATE("name-in-extension"));
}

Test(gnutls_late, strict_refuses_a_hello_without_extensions)
{
    check_silence(LATE("no-extensions"));
}

Test(gnutls_late, strict_refuses_a_hello_whose_extensions_are_not_built)
{
    check_silence(LATE("no-extensions-with-extension"));
}

/* Without a name and without TLS 1.3 there is nothing to hide, and the shim must not disturb. */
static void check_as_without(const char *command)
{
    struct world *world =
        world_start(&(struct world_options){.tls12 = true, .inner_certificate = "inner"});
    struct run_result without = world_shell(world, RUN_PLAIN, NULL, command);
    struct run_result with = world_shell(world, RUN_SHIM, NULL, command);
    cr_assert_eq(with.exit_code, without.exit_code, "%s\nand without the shim: %s", with.err,
                 without.err);
    cr_assert_str_eq(with.err, without.err);
    cr_assert_str_eq(with.out, without.out);
}

Test(gnutls_late, hello_without_extensions)
{
    check_as_without(LATE("no-extensions"));
}

Test(gnutls_late, hello_whose_extensions_are_not_built)
{
    check_as_without(LATE("no-extensions-with-extension"));
}
