/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that lock themselves in with seccomp, and programs that give the kernel bad pointers. */
#include "checks.h"
#include "require.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(guard_locked, .fini = world_end, .timeout = 120);
TestSuite(baseline_guard_locked, .fini = world_end, .timeout = 120);

#define LOCKED "\"$CLIENTS/guard_locked\" 127.0.0.1 443 "
#define HANDSHAKE "\"$CLIENTS/openssl_locked\" " INNER_NAME " 443 \"$CA\" "
#define STRICT "ECHSHIM_MODE=strict"

/* The kernel answers nonsense with the same errors when the shim is there. */
Test(guard_locked, bad_pointers)
{
    static char *const modes[] = {STRICT, "ECHSHIM_MODE=opportunistic"};
    struct world *world = world_start(NULL);
    struct run_result plain = world_shell(world, RUN_PLAIN, NULL, LOCKED "faults");
    expect_exit(&plain, 0, "Bad address");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct run_result result =
            world_shell(world, RUN_SHIM, (char *[]){modes[i], NULL}, LOCKED "faults");
        expect_exit(&result, 0, NULL);
        cr_assert_str_eq(result.out, plain.out, "%s", modes[i]);
    }
}

static void check_locked(const char *how)
{
    struct world *world = world_start(NULL);
    char command[200];
    char said[100];
    snprintf(command, sizeof command, LOCKED "%s", how);
    snprintf(said, sizeof said, "%s: alive sent, status 0\n", how);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, command);
    cr_assert_str_eq(result.out, said);
    result = world_shell(world, RUN_SHIM, NULL, command);
    cr_assert_str_eq(result.out, said);
    snprintf(said, sizeof said, "%s: alive refused, status 0\n", how);
    result = world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, command);
    cr_assert_str_eq(result.out, said);
    /* The same with an encrypted resolver. */
    result = world_shell(world, RUN_SHIM,
                         (char *[]){STRICT, "ECHSHIM_RESOLVER=" DNS_TLS, "ECHSHIM_PORTS=443", NULL},
                         command);
    cr_assert_str_eq(result.out, said);
}

Test(guard_locked, only_read_and_write)
{
    check_locked("strict");
}

Test(guard_locked, only_read_and_write_by_seccomp)
{
    check_locked("strict-by-seccomp");
}

Test(guard_locked, by_a_filter)
{
    check_locked("filter");
}

Test(guard_locked, by_a_filter_with_seccomp)
{
    check_locked("filter-by-seccomp");
}

/* For ECHSHIM_LAUNCHER the shim reads each file that the program executes. After the lock it
 * cannot. */
static void check_executes(char *launcher, const char *word)
{
    struct world *world = world_start(NULL);
    char said[200] = "exec: ";
    for (int i = 0; i < 8; i++) {
        strcat(said, word);
    }
    strcat(said, ", status 0\n");
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){launcher, STRICT, NULL}, LOCKED "exec");
    cr_assert_str_eq(result.out, said);
}

Test(guard_locked, executes_where_that_is_strict)
{
    check_executes("ECHSHIM_LAUNCHER=strict", "EPERM ");
}

Test(guard_locked, executes_where_that_is_told_of)
{
    check_executes("ECHSHIM_LAUNCHER=warn", "failed ");
}

Test(guard_locked, executes_without_a_launcher)
{
    check_executes("ECHSHIM_LAUNCHER=", "failed ");
}

Test(baseline_guard_locked, handshakes)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, HANDSHAKE "before");
    expect_exit(&result, 0, NULL);
    result = world_shell(world, RUN_PLAIN, NULL, HANDSHAKE "after");
    expect_exit(&result, 0, NULL);
}

Test(guard_locked, after_the_handshake)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, HANDSHAKE "after");
    expect_exit(&result, 0, NULL);
    world_expect_accepted(world, 1);
}

/* After the lock the shim cannot look anything up: the mode decides. */
Test(guard_locked, before_the_handshake)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, HANDSHAKE "before");
    expect_exit(&result, 0, NULL);
    cr_assert_gt(world_wire_await(world, INNER_NAME, 1), 0);
}

Test(guard_locked, before_the_handshake_strict)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, NULL}, HANDSHAKE "before");
    expect_exit(&result, 3, "no handshake");
    world_expect_hidden(world);
}

/* A config set by hand needs no question. */
Test(guard_locked, before_the_handshake_with_a_config)
{
    struct world *world = world_start(NULL);
    char setting[1200];
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, setting, NULL}, HANDSHAKE "before");
    expect_exit(&result, 0, NULL);
    (void)connections_ended(world);
    world_expect_hidden(world);
}

/* ---- apt, which can lock its methods in ---- */

#define APT_HELPER "/usr/lib/apt/apt-helper"
#define APT(more)                                                                                  \
    APT_HELPER " -o APT::Sandbox::User=root -o APT::Sandbox::Seccomp=true " more                   \
               " -o Acquire::https::CAInfo=\"$CA\" -o Acquire::Retries=0 -q=2"                     \
               " download-file " URL " file 2>&1; echo status $?; cat file"

/* seccomp does not end the method for a system call of ours, with and without a report. */
static struct run_result fetch_by_apt(struct world *world, enum run_mode mode, char *const extra[])
{
    if (access(APT_HELPER, X_OK) != 0) {
        cr_skip_test("apt is not installed");
    }
    struct run_result result = world_shell(world, mode, extra, APT(""));
    cr_assert_null(strstr(result.out, "eccomp"), "%s", result.out);
    cr_assert_null(strstr(result.out, "died"), "%s", result.out);
    return result;
}

Test(baseline_guard_locked, apt)
{
    struct world *world = world_start(NULL);
    struct run_result result = fetch_by_apt(world, RUN_PLAIN, NULL);
    expect_exit(&result, 0, HELLO);
    /* Shows that apt does lock itself in: a trap for socket() makes it fail. */
    result = world_shell(world, RUN_PLAIN, NULL, APT("-o APT::Sandbox::Seccomp::Trap::=socket"));
    cr_assert_not_null(strstr(result.out, "Cannot trap socket"), "%s", result.out);
}

Test(guard_locked, apt)
{
    static char *const reports[] = {"ECHSHIM_REPORT=report", "ECHSHIM_REPORT="};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        struct run_result result = fetch_by_apt(world, RUN_SHIM, (char *[]){reports[i], NULL});
        expect_exit(&result, 0, HELLO);
    }
}

/* apt 2 is on GnuTLS, apt 3 on OpenSSL. */
static void expect_handshake_error(const struct run_result *result)
{
    cr_assert(strstr(result->out, "Could not handshake") != NULL ||
                  strstr(result->out, "SSL connection failed") != NULL,
              "%s", result->out);
}

/* The method locks itself in before its first look-up: the shim cannot ask, and strict mode
 * refuses. Only the error of apt tells: a report line takes a system call (docs/security.md). */
Test(guard_locked, apt_strict)
{
    struct world *world = world_start(NULL);
    struct run_result result = fetch_by_apt(world, RUN_SHIM, (char *[]){STRICT, NULL});
    cr_assert_null(strstr(result.out, "status 0"));
    expect_handshake_error(&result);
    (void)connections_ended(world);
    world_expect_hidden(world);
    cr_assert_str_eq(world_read(world, "report", NULL), "");
}

/* The engine could use the config, but is not loaded yet when apt locks itself in. */
Test(guard_locked, apt_strict_with_a_config)
{
    struct world *world = world_start(NULL);
    char setting[1200];
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result = fetch_by_apt(world, RUN_SHIM, (char *[]){STRICT, setting, NULL});
    expect_handshake_error(&result);
    (void)connections_ended(world);
    world_expect_hidden(world);
}
