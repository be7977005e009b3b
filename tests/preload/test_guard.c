/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wire guard and the downgrade rule (docs/architecture.md): TLS that the shim does not hook.
 * guard_client writes a hello by itself; openssl_static links its TLS library statically. */
#include "checks.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SENT = 0, REFUSED = 3, SILENT_OCTETS = 42 };

#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define NO_REPORT "ECHSHIM_REPORT="
#define NO_LOG "ECHSHIM_LOG=off"

TestSuite(guard, .fini = world_end, .timeout = 120);
TestSuite(baseline_guard, .fini = world_end, .timeout = 120);

static struct run_result send_hello(struct world *world, enum run_mode mode, const char *setting,
                                    const char *how, const char *port)
{
    char program[300];
    snprintf(program, sizeof program, "%s/guard_client", world->clients);
    char *const argv[] = {program,    "127.0.0.1", (char *)(size_t)port, (char *)(size_t)how,
                          INNER_NAME, NULL};
    char *const extra[] = {(char *)(size_t)setting, NULL};
    return world_run(world, mode, extra, argv);
}

/* The largest number of octets that a connection sent. */
static size_t longest_on_wire(const struct world *world)
{
    char pattern[192];
    glob_t found = {0};
    size_t longest = 0;
    snprintf(pattern, sizeof pattern, "%s/wire/*.c2s", world->folder);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        free(world_read(world, found.gl_pathv[i] + strlen(world->folder) + 1, &len));
        longest = len > longest ? len : longest;
    }
    globfree(&found);
    return longest;
}

static unsigned reasons(const struct world *world, const char *reason)
{
    char *report = world_read(world, "report", NULL);
    unsigned count = 0;
    for (const char *at = report; (at = strstr(at, reason)) != NULL; at++) {
        count++;
    }
    free(report);
    return count;
}

/* The relay records at its own pace. Once the server has seen the end of every connection the
 * record is complete. */
static void expect_name_on_wire(struct world *world)
{
    for (int tries = 0; tries < 400 && world_wire_count(world, INNER_NAME) == 0; tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    cr_assert_gt(world_wire_await(world, INNER_NAME, 1), 0, "the relay does not see the name");
}

/* Three tests for each way to send a hello, on `sockets` connections. */
static void check_without_shim(const char *how)
{
    struct world *world = world_start(NULL);
    struct run_result result = send_hello(world, RUN_PLAIN, OPPORTUNISTIC, how, "443");
    expect_exit(&result, SENT, "sent");
    expect_name_on_wire(world);
}

/* Strict is the mode of all hosts, or of this host alone. Then the guard reads the name in the
 * hello; it takes a hello in pieces for one to this host. */
static void check_strict(const char *how, bool by_host, unsigned sockets, size_t before)
{
    struct world *world = world_start(NULL);
    const char *setting =
        by_host ? conf_setting(world, "[host \"" INNER_NAME "\"]\nmode = strict\n") : STRICT;
    struct run_result result = send_hello(world, RUN_SHIM, setting, how, "443");
    expect_exit(&result, REFUSED, "refused");
    (void)connections_ended(world);
    world_expect_hidden(world);
    cr_assert_leq(longest_on_wire(world), SILENT_OCTETS + before);
    cr_assert_eq(world_report_count(world, "refused"), sockets);
    cr_assert_eq(reasons(world, "\"unhooked_tls\""), sockets);
    cr_assert_eq(world_report_count(world, "plain"), 0);
}

static void check_opportunistic(const char *how, unsigned sockets)
{
    struct world *world = world_start(NULL);
    struct run_result result = send_hello(world, RUN_SHIM, OPPORTUNISTIC, how, "443");
    expect_exit(&result, SENT, "sent");
    expect_name_on_wire(world);
    cr_assert_eq(world_report_count(world, "plain"), sockets);
    cr_assert_eq(reasons(world, "\"unhooked_tls\""), sockets);
}

#define SENDS(name, how, sockets, before)                                                          \
    Test(guard, strict_##name)                                                                     \
    {                                                                                              \
        check_strict(how, false, sockets, before);                                                 \
    }                                                                                              \
    Test(guard, strict_host_##name)                                                                \
    {                                                                                              \
        check_strict(how, true, sockets, before);                                                  \
    }                                                                                              \
    Test(guard, opportunistic_##name)                                                              \
    {                                                                                              \
        check_opportunistic(how, sockets);                                                         \
    }                                                                                              \
    Test(baseline_guard, name)                                                                     \
    {                                                                                              \
        check_without_shim(how);                                                                   \
    }                                                                                              \
    struct world

SENDS(write, "write", 1, 0);
SENDS(writev, "writev", 1, 0);
SENDS(send, "send", 1, 0);
SENDS(sendto, "sendto", 1, 0);
SENDS(sendmsg, "sendmsg", 1, 0);
SENDS(sendmmsg, "sendmmsg", 1, 0);
SENDS(fastopen, "fastopen", 1, 0);
SENDS(fastopen_message, "fastopen-message", 1, 0);
SENDS(fastopen_connect, "fastopen-connect", 1, 0);
SENDS(octets, "octets", 1, 0);
SENDS(dup, "dup", 1, 0);
SENDS(random_border, "random-border", 1, 0);
SENDS(reuse, "reuse", 1, 0);
SENDS(false_start, "false-start", 1, 1);
SENDS(late, "late", 1, 10);
SENDS(signal, "signal", 1, 0);
SENDS(fork, "fork", 1, 0);
SENDS(threads, "threads", 200, 0);

/* ---- what does not concern the guard ---- */

static void check_passes(const char *how, const char *port)
{
    struct world *world = world_start(NULL);
    struct run_result result = send_hello(world, RUN_SHIM, STRICT, how, port);
    expect_exit(&result, SENT, "sent");
    cr_assert_eq(world_report_count(world, "refused"), 0);
}

Test(guard, another_protocol_passes)
{
    check_passes("other-protocol", "443");
}

Test(guard, other_records_pass)
{
    check_passes("other-records", "443");
}

Test(guard, errors_are_the_real_ones)
{
    check_passes("errors", "443");
}

Test(guard, other_datagrams_pass)
{
    check_passes("other-datagrams", "443");
}

Test(guard, other_ports_pass)
{
    struct world *world = world_start(NULL);
    char command[300];
    snprintf(command, sizeof command,
             "\"$CLIENTS/guard_client\" " DNS_ADDRESS " 853 write " INNER_NAME);
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, command);
    expect_exit(&result, SENT, "sent");
    result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, "ECHSHIM_PORTS=8443,853", NULL}, command);
    expect_exit(&result, REFUSED, "refused");
    cr_assert_eq(world_report_count(world, "refused"), 1);
}

Test(guard, off_is_off)
{
    struct world *world = world_start(NULL);
    struct run_result result = send_hello(world, RUN_SHIM, "ECHSHIM_MODE=off", "write", "443");
    expect_exit(&result, SENT, "sent");
    cr_assert_eq(world_report_count(world, "plain"), 0);
}

Test(guard, tells_the_log_where_there_is_no_report)
{
    struct world *world = world_start(NULL);
    struct run_result result = send_hello(world, RUN_SHIM, NO_REPORT, "write", "443");
    expect_exit(&result, SENT, "sent");
    char *log = world_read(world, "shim.log", NULL);
    cr_assert_not_null(strstr(log, "plain (unhooked_tls)"), "%s", log);
}

/* ---- datagrams ---- */

static void check_datagram(const char *how)
{
    struct world *world = world_start(NULL);
    struct run_result result = send_hello(world, RUN_SHIM, STRICT, how, "443");
    expect_exit(&result, REFUSED, "refused");
    cr_assert_eq(world_report_count(world, "refused"), 1);
    cr_assert_eq(reasons(world, "\"quic\""), 1);
    result = send_hello(world, RUN_SHIM, OPPORTUNISTIC, how, "443");
    expect_exit(&result, SENT, "sent");
    cr_assert_eq(world_report_count(world, "plain"), 1);
}

Test(guard, quic_send)
{
    check_datagram("quic-send");
}

Test(guard, quic_sendto)
{
    check_datagram("quic-sendto");
}

Test(guard, quic_sendmmsg)
{
    check_datagram("quic-sendmmsg");
}

Test(guard, dtls)
{
    check_datagram("dtls");
}

/* ---- real TLS libraries that are not hooked ---- */

#define STATIC "\"$CLIENTS/openssl_static\" " INNER_NAME " 443 \"$CA\" "

Test(baseline_guard, a_linked_library)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, STATIC "direct");
    expect_exit(&result, 0, "all is well");
    world_expect_visible(world, 1);
}

static void check_linked_library(const char *command)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, command);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_leq(result.exit_code, 127, "killed by a signal");
    world_expect_hidden(world);
    cr_assert_eq(reasons(world, "\"unhooked_tls\""), 1);
    cr_assert_eq(world_report_count(world, "refused"), 1);
    result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, "all is well");
    cr_assert_eq(world_report_count(world, "plain"), 1);
}

Test(guard, a_linked_library)
{
    check_linked_library(STATIC "direct");
}

Test(guard, a_linked_library_with_memory_bios)
{
    check_linked_library(STATIC "memory");
}

Test(guard, a_linked_library_that_dribbles)
{
    check_linked_library(STATIC "dribble");
}

/* It has the names that we hook, but other code behind them. */
Test(guard, a_library_that_is_hooked_and_not_known)
{
    need_boringssl_with_ech();
    struct world *world = world_start(NULL);
    const char *command =
        UNKNOWN_LIBRARY "\"$PKI/../peers/ech_client\" " INNER_NAME " " RELAY_ADDRESS " \"$CA\" -";
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, command);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_leq(result.exit_code, 127, "killed by a signal");
    cr_assert_eq(longest_on_wire(world), 0);
    result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(world, "plain"), 1);
    cr_assert_eq(reasons(world, "\"reason\":\"library\""), 2);
}

/* ---- what the shim itself sends and permits ---- */

#define HOOKED(mode) "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""

static void check_announced(const char *command, bool hello_retry)
{
    struct world *world = world_start(&(struct world_options){.hello_retry = hello_retry});
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, command);
    expect_exit(&result, 0, NULL);
    world_expect_accepted(world, 1);
    cr_assert_eq(reasons(world, "\"unhooked_tls\""), 0);
}

#define ANNOUNCED(name, command)                                                                   \
    Test(guard, announced_##name)                                                                  \
    {                                                                                              \
        check_announced(command, false);                                                           \
    }                                                                                              \
    Test(guard, announced_##name##_retry)                                                          \
    {                                                                                              \
        check_announced(command, true);                                                            \
    }                                                                                              \
    struct world

ANNOUNCED(direct, HOOKED("direct"));
ANNOUNCED(memory, HOOKED("memory"));
ANNOUNCED(dribble, HOOKED("dribble"));
ANNOUNCED(stutter, HOOKED("stutter"));
ANNOUNCED(epoll, HOOKED("epoll"));
ANNOUNCED(wget, "wget -q -O - --ca-certificate=\"$CA\" https://" INNER_NAME "/");
ANNOUNCED(curl, "curl -sS https://" INNER_NAME "/");

/* A handshake that policy let pass has one report line, from the adapter. */
static void check_permitted(const char *command)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_GREASE=off", NULL}, command);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(world, "plain"), 1);
    cr_assert_eq(reasons(world, "\"unhooked_tls\""), 0);
}

Test(guard, a_permitted_hello_is_reported_once)
{
    check_permitted(HOOKED("direct"));
}

Test(guard, a_permitted_hello_of_memory_bios_is_reported_once)
{
    check_permitted(HOOKED("memory"));
}

Test(guard, a_permitted_hello_of_gnutls_is_reported_once)
{
    check_permitted("wget -q -O - --ca-certificate=\"$CA\" https://" INNER_NAME "/");
}

/* ---- the downgrade rule ---- */

/* This server rejects, and cannot prove that it speaks for public_name. */
static const struct world_options rejecting = {.server_without_ech = true,
                                               .public_certificate = "public-stranger"};

#define DOWNGRADE(mode) "\"$CLIENTS/openssl_downgrade\" " INNER_NAME " 443 \"$CA\" " mode

static void check_downgrade(const char *command)
{
    struct world *world = world_start(&rejecting);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, "second attempt was stopped");
    world_expect_hidden(world);
    cr_assert_eq(reasons(world, "\"downgrade\""), 1);
    cr_assert_eq(world_report_count(world, "refused"), 1);
}

Test(guard, downgrade_tls12)
{
    check_downgrade(DOWNGRADE("tls12"));
}

Test(guard, downgrade_no_name)
{
    check_downgrade(DOWNGRADE("no-name"));
}

/* If no attempt has failed the user may choose a weaker handshake. */
static void check_no_downgrade(const char *command, enum run_mode mode)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, mode, NULL, command);
    expect_exit(&result, 0, "second attempt went through");
}

Test(guard, no_downgrade_tls12)
{
    check_no_downgrade(DOWNGRADE("once-tls12"), RUN_SHIM);
}

Test(guard, no_downgrade_no_name)
{
    check_no_downgrade(DOWNGRADE("once-no-name"), RUN_SHIM);
}

Test(baseline_guard, downgrade)
{
    check_no_downgrade(DOWNGRADE("once-tls12"), RUN_PLAIN);
}
