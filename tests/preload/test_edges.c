/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs do with a session between the calls of its handshake, and after a failed handshake.
 * Nothing may be left behind. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(edges, .fini = world_end, .timeout = 180);
TestSuite(valgrind, .fini = world_end, .timeout = 180);
TestSuite(kernel, .fini = world_end, .timeout = 120);
TestSuite(baseline_kernel, .fini = world_end, .timeout = 120);

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

#define EDGE(mode) "\"$CLIENTS/gnutls_edge\" " INNER_NAME " 443 \"$CA\" " mode

ACCEPTED(gnutls_handshake_within_a_handshake, 2, EDGE("nested"));
ACCEPTED(gnutls_errno_of_the_transport, 1, EDGE("stale-errno"));
ACCEPTED(gnutls_transport_set_midway, 1, EDGE("transport-midway"));
ACCEPTED(gnutls_priorities_freed_early, 1, EDGE("fetch"));
ACCEPTED(gnutls_session_of_tls12, 1, EDGE("tls12-session-with-ech"));

Test(edges, gnutls_session_never_used)
{
    check_accepted(NULL, EDGE("unused"), 1);
}

/* The ticket came in the clear for another name; in the outer hello it would link the two. */
Test(edges, gnutls_session_of_tls12_is_not_offered)
{
    enum { MESSAGE = 5, TICKET = MESSAGE + 4 + 4 + 2, SOME = 32 };
    struct world *world = check_accepted(NULL, EDGE("tls12-session-with-ech"), 1);
    size_t len;
    size_t sent;
    const unsigned char *at = (const unsigned char *)world_read(world, "wire/0001.s2c", &len);
    const char *second = world_read(world, "wire/0002.c2s", &sent);
    while (len > TICKET + SOME && !(at[0] == 22 && at[MESSAGE] == 4)) {
        size_t record = MESSAGE + ((size_t)at[3] << 8 | at[4]);
        cr_assert_leq(record, len);
        at += record;
        len -= record;
    }
    cr_assert_gt(len, TICKET + SOME, "no ticket was given");
    cr_assert_null(memmem(second, sent, at + TICKET, SOME), "the ticket was offered");
}

Test(edges, gnutls_session_of_tls12_is_resumed_without_ech)
{
    struct world *world =
        world_start(&(struct world_options){.no_https_record = true, .tls12 = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, EDGE("tls12-resume"));
    expect_exit(&result, 0, WELL);
}

/* The report has a line for the abandoned handshake; its connection too has an outer hello. */
Test(edges, openssl_cleared_midway)
{
    /* The delay is long: the server cannot answer before the program gives up. */
    struct world *world = world_start(&(struct world_options){.delay_ms = 300});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, OWN_OPENSSL("clear-midway"));
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 1);
    cr_assert_eq(world_report_count(world, "failed"), 1);
    expect_outer_hellos(world, 2);
}

/* ---- the program changes transports within the handshake ---- */

static void check_moving(const char *command)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1u);
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "retries", "1");
    world_expect_hidden(world);
}

static void check_moving_in_strict_mode(const char *command)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL}, command);
    expect_exit(&result, 1, NULL);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    expect_silence(world);
}

#define MOVING(name, mode)                                                                         \
    Test(edges, openssl_##name##_and_a_stale_key)                                                  \
    {                                                                                              \
        check_moving(OWN_OPENSSL(mode));                                                           \
    }                                                                                              \
    Test(edges, openssl_##name##_in_strict_mode)                                                   \
    {                                                                                              \
        check_moving_in_strict_mode(OWN_OPENSSL(mode));                                            \
    }                                                                                              \
    struct world

MOVING(late_descriptor, "late-descriptor");
MOVING(late_bio, "late-bio");
MOVING(late_halves, "late-halves");
MOVING(late_push, "late-push");
MOVING(pushed_midway, "pushed-midway");
MOVING(pushed_again, "pushed-again");
MOVING(put_before, "put-before");
MOVING(put_before_and_away, "put-before-and-away");
MOVING(taken_and_pushed, "taken-and-pushed");
MOVING(copied_midway, "copied-midway");

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
    check_failures(
        &(struct world_options){.stale_config = true, .public_certificate = "public-stranger"},
        OWN_OPENSSL("after-failure"), 2);
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

Test(edges, gnutls_after_a_rejection)
{
    check_failures(
        &(struct world_options){.stale_config = true, .public_certificate = "public-stranger"},
        EDGE("after-failure"), 1);
}

Test(edges, gnutls_after_an_unknown_certificate)
{
    check_failures(&(struct world_options){.inner_certificate = "stranger"}, EDGE("after-failure"),
                   1);
}

Test(edges, gnutls_after_a_refusal)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL},
                                           EDGE("after-failure"));
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

Test(edges, gnutls_endurance)
{
    check_endurance(EDGE("endurance"));
}

/* Runs under valgrind, where it is installed; a sanitized library cannot. */
static void check_by_valgrind(const char *command, unsigned handshakes)
{
    char line[1024];
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    struct world *world = world_start(&(struct world_options){.hello_retry = true});
    snprintf(line, sizeof line,
             "valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
             "--errors-for-leak-kinds=definite %s",
             command);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, line);
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, handshakes);
}

Test(valgrind, openssl)
{
    check_by_valgrind(OWN_OPENSSL("direct"), 1);
}

Test(valgrind, openssl_nonblocking)
{
    check_by_valgrind(OWN_OPENSSL("epoll"), 1);
}

Test(valgrind, gnutls)
{
    check_by_valgrind(OWN_GNUTLS("default"), 1);
}

Test(valgrind, gnutls_own_transport)
{
    check_by_valgrind(OWN_GNUTLS("stutter"), 1);
}

#define CALLBACKS(mode) "\"$CLIENTS/gnutls_callbacks\" " INNER_NAME " 443 \"$CA\" " mode

Test(valgrind, gnutls_functions_set_in_functions)
{
    check_by_valgrind(CALLBACKS("as-wget2"), 1);
}

Test(valgrind, gnutls_other_sessions_from_within)
{
    check_by_valgrind(CALLBACKS("nested"), 4);
}

Test(valgrind, gnutls_coroutines)
{
    check_by_valgrind(CALLBACKS("coroutines"), 5);
}

Test(valgrind, openssl_like_qt)
{
    check_by_valgrind(OWN_OPENSSL("index-callbacks"), 1);
}

Test(valgrind, openssl_late_name)
{
    check_by_valgrind(OWN_OPENSSL("late-name"), 1);
}

Test(valgrind, openssl_late_bio)
{
    check_by_valgrind(OWN_OPENSSL("late-bio"), 1);
}

Test(valgrind, openssl_pushed_midway)
{
    check_by_valgrind(OWN_OPENSSL("pushed-midway"), 1);
}

Test(valgrind, openssl_pushed_again)
{
    check_by_valgrind(OWN_OPENSSL("pushed-again"), 1);
}

Test(valgrind, openssl_copied_midway)
{
    check_by_valgrind(OWN_OPENSSL("copied-midway"), 1);
}

Test(valgrind, openssl_put_before_and_away)
{
    check_by_valgrind(OWN_OPENSSL("put-before-and-away"), 1);
}

/* ---- TLS in the kernel ---- */

static void check_kernel(enum run_mode mode, const char *says)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, mode, NULL, OWN_OPENSSL("kernel"));
    expect_exit(&result, 0, says);
    if (mode == RUN_SHIM) {
        world_expect_accepted(world, 2);
    }
}

/* kTLS would start in the middle of the octets that the exchange holds. */
Test(kernel, has_no_part_in_a_connection_with_ech)
{
    check_kernel(RUN_SHIM, "the kernel was asked: no");
}

Test(baseline_kernel, is_asked)
{
    check_kernel(RUN_PLAIN, "the kernel was asked: yes");
}
