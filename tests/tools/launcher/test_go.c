/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Go programs: their own crypto/tls makes ECH, switched on by the launcher. hey makes handshakes in
 * many goroutines. */
#include "tests/tools/launcher/go_client.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(go, .fini = world_end, .timeout = 120);

#define URL "https://" INNER_NAME "/"

static bool is_led(void)
{
    return go_client_is_led("go");
}

static char *handshakes(const char *url)
{
    char *command;
    cr_assert_gt(asprintf(&command, "%s -disable-keepalive -n 40 -c 8 %s", go_client(), url), 0);
    return command;
}

static void expect_ech(const char *mode)
{
    struct world *world = is_led() ? world_start(NULL) : NULL;
    if (world == NULL) {
        return;
    }
    struct run_result result = launch(world, mode, handshakes(URL));
    cr_assert_not_null(strstr(result.out, "40 responses"), "%s%s", result.out, result.err);
    world_expect_hidden(world);
    /* The supervisor asks the server too, once. */
    cr_assert_geq(world_log_count(world, "accepted", 40), 40);
}

Test(go, ech_of_its_own)
{
    expect_ech("-q --mode=opportunistic");
}

Test(go, ech_of_its_own_in_strict_mode)
{
    expect_ech("-q --strict");
}

/* The stub in the shell executes the launcher in its place: by a path, by a name, and from another
 * program. */
static void expect_ech_below(const char *mode)
{
    struct world *world = is_led() ? world_start(NULL) : NULL;
    if (world == NULL) {
        return;
    }
    char *command;
    cr_assert_gt(asprintf(&command,
                          "sh -c '%s -disable-keepalive -n 8 -c 4 " URL "; PATH=\"${0%%/*}:$PATH\" "
                          "env \"${0##*/}\" -disable-keepalive -n 8 -c 4 " URL "; \"$0\" -x; "
                          "echo \"ended $?\"' %s",
                          go_client(), go_client()),
                 0);
    struct run_result result = launch(world, mode, command);
    const char *first = strstr(result.out, "8 responses");
    cr_assert(first != NULL && strstr(first + 1, "8 responses") != NULL, "%s%s", result.out,
              result.err);
    cr_assert_not_null(strstr(result.out, "ended 2"), "%s%s", result.out, result.err);
    cr_assert_null(strstr(result.err, "without the shim"), "%s", result.err);
    world_expect_hidden(world);
    cr_assert_geq(world_log_count(world, "accepted", 16), 16);
}

Test(go, below_a_shell)
{
    expect_ech_below("--mode=opportunistic");
}

Test(go, below_a_shell_in_strict_mode)
{
    expect_ech_below("--strict");
}

/* Nothing of ours sees it executed, so the supervisor puts the detour in at the first connection.
 */
static void expect_ech_late(const char *how)
{
    struct world *world = is_led() ? world_start(NULL) : NULL;
    char *command;
    if (world == NULL) {
        return;
    }
    cr_assert_gt(asprintf(&command, "%s %s", how, handshakes(URL)), 0);
    struct run_result result = launch(world, "-q --strict", command);
    cr_assert_not_null(strstr(result.out, "40 responses"), "%s: %s%s", how, result.out, result.err);
    world_expect_hidden(world);
    cr_assert_geq(world_log_count(world, "accepted", 40), 40);
    free(command);
}

Test(go, below_a_static_program)
{
    char how[512];
    snprintf(how, sizeof how, "'%s' vfork no-settings", tool_program("execs-static"));
    expect_ech_late(how);
}

Test(go, given_by_descriptor)
{
    char how[512];
    snprintf(how, sizeof how, "'%s' fexecve kept", tool_program("execs"));
    expect_ech_late(how);
}

Test(go, in_an_environment_that_was_cleaned)
{
    expect_ech_late("env -i");
}

/* There can be one supervisor only. The inner echshim leaves it to the outer one, if that does the
 * same. */
static struct run_result below(struct world *world, const char *outer, const char *environment,
                               const char *inner)
{
    char *command;
    cr_assert_gt(asprintf(&command, "env %s '%s' %s %s", environment, tool_path("echshim"), inner,
                          handshakes(URL)),
                 0);
    struct run_result result = launch(world, outer, command);
    free(command);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
    return result;
}

Test(go, an_echshim_below_another)
{
    /* With a relay the outer one has a supervisor in each mode. */
    static const struct {
        const char *outer;
        const char *inner;
    } pairs[] = {{"--strict -q", "--strict"},
                 {"--strict -q", "--mode=opportunistic"},
                 {"--mode=opportunistic --relay -q", "--mode=opportunistic"}};
    static const char *const environments[] = {"A=1", "-u ECHSHIM_SUPERVISOR"};
    struct world *world = is_led() ? world_start(NULL) : NULL;
    for (size_t i = 0; world != NULL && i < 2 * (sizeof pairs / sizeof *pairs); i++) {
        struct run_result result =
            below(world, pairs[i / 2].outer, environments[i % 2], pairs[i / 2].inner);
        cr_assert_not_null(strstr(result.out, "40 responses"), "%s, %s: %s%s", pairs[i / 2].outer,
                           pairs[i / 2].inner, result.out, result.err);
        cr_assert_not_null(strstr(result.err, "is held by the supervisor of another echshim"), "%s",
                           result.err);
        cr_assert_null(strstr(result.err, "without the shim"), "%s", result.err);
    }
}

/* The outer one would let a handshake go that the inner one must refuse. */
Test(go, a_strict_echshim_below_an_opportunistic_one)
{
    if (is_led()) {
        struct run_result result =
            below(world_start(NULL), "--mode=opportunistic --relay -q", "A=1", "--strict");
        expect_exit(&result, 121, "another echshim around it has a supervisor with other settings");
    }
}

Test(go, traced_by_another_program)
{
    struct world *world = is_led() ? world_start(NULL) : NULL;
    char *command;
    if (world == NULL || access("/usr/bin/strace", X_OK) != 0) {
        fprintf(stderr, "go: skipped: strace or a new Go is missing\n");
        return;
    }
    cr_assert_gt(asprintf(&command, "strace -f -o /dev/null env -i %s", handshakes(URL)), 0);
    struct run_result result = launch(world, "-q --strict", command);
    cr_assert_null(strstr(result.out, "40 responses"), "%s%s", result.out, result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
    free(command);
}

Test(go, no_record_no_handshake)
{
    struct world *world =
        is_led() ? world_start(&(struct world_options){.no_https_record = true}) : NULL;
    if (world == NULL) {
        return;
    }
    struct run_result result = launch(world, "-q --strict", handshakes(URL));
    cr_assert_not_null(strstr(result.out, "no valid configs"), "%s%s", result.out, result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
    result = launch(world, "-q --mode=opportunistic", handshakes(URL));
    cr_assert_not_null(strstr(result.out, "40 responses"), "%s%s", result.out, result.err);
}

/* What is not led is held, as before. */
static void expect_held(const char *options)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, options, handshakes(URL));
    cr_assert_null(strstr(result.out, "40 responses"), "%s%s", result.out, result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
}

Test(go, switched_off)
{
    if (!is_led()) {
        return;
    }
    expect_held("--strict --go=off");
    cr_assert_str_eq(go_client_way("--go=off"), "held");
    cr_assert_str_eq(go_client_way("--off"), "held");
}

Test(go, an_old_one_is_held)
{
    if (access(go_client(), X_OK) != 0 || strcmp(go_client_way("--strict"), "held") != 0) {
        fprintf(stderr, "go: skipped: there is no %s with an old Go\n", go_client());
        return;
    }
    expect_held("--strict");
}

/* As in some containers. */
Test(go, where_tracing_is_forbidden)
{
    if (!is_led()) {
        return;
    }
    char *echshim = tool_path("echshim");
    char *forbidden = tool_program("forbidden");
    struct tool_result result = tool_run(
        NULL, ARGV(forbidden, "ptrace", echshim, "--strict", (char *)(size_t)go_client(), "-h"));
    tool_expect_err(&result, "strict mode refuses its TLS: the ECH of a Go program cannot be "
                             "switched on here: a process may not trace another one here (ptrace)");
    result = tool_run(NULL, ARGV(forbidden, "ptrace", echshim, "--mode=opportunistic",
                                 (char *)(size_t)go_client(), "-h"));
    tool_expect_err(&result, "runs without the shim: the ECH of a Go program cannot be switched on "
                             "here: a process may not trace another one here (ptrace)");
    result = tool_run(NULL, ARGV(forbidden, "seccomp", echshim, "--mode=opportunistic",
                                 (char *)(size_t)go_client(), "-h"));
    tool_expect_err(&result, "runs without the shim: the ECH of a Go program cannot be switched on "
                             "here: Operation not permitted");
}

Test(go, inspect_tells_where_tracing_is_forbidden)
{
    if (!is_led()) {
        return;
    }
    char *echshim = tool_path("echshim");
    char *forbidden = tool_program("forbidden");
    struct tool_result result = tool_run(NULL, ARGV(forbidden, "ptrace", echshim, "--inspect",
                                                    "--strict", (char *)(size_t)go_client()));
    tool_expect_out(&result, "held: a process may not trace another one here (ptrace)");
    tool_expect_out(&result, "held (mode strict)");
    result = tool_run(NULL, ARGV(forbidden, "ptrace", echshim, "--inspect", "--mode=opportunistic",
                                 (char *)(size_t)go_client()));
    tool_expect_out(&result, "held: a process may not trace another one here (ptrace)");
    tool_expect_out(&result, "open (mode opportunistic)");
    result = tool_run(NULL, ARGV(forbidden, "seccomp", echshim, "--inspect", "--mode=opportunistic",
                                 (char *)(size_t)go_client()));
    tool_expect_out(&result, "held: Operation not permitted");
    tool_expect_out(&result, "open (mode opportunistic)");
}

/* As an obfuscator leaves it (garble): nothing in the file has the name of crypto/tls. The program
 * runs, but nothing can be switched on in it. */
Test(go, an_obfuscated_one_is_held)
{
    if (!is_led()) {
        return;
    }
    struct world *world = world_start(NULL);
    char *copy = tool_file("obfuscated", "", 0755);
    char *command;
    tool_run(NULL, ARGV("/bin/sh", "-c", "sed 's#crypto/tls\\.#Qx7mPa_k3d.#g' \"$0\" >\"$1\"",
                        (char *)(size_t)go_client(), copy));
    cr_assert_gt(asprintf(&command, "'%s' -disable-keepalive -n 40 -c 8 " URL, copy), 0);
    struct run_result result = launch(world, "-q --strict", command);
    cr_assert_null(strstr(result.out, "40 responses"), "%s%s", result.out, result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
    result = launch(world, "-q --mode=opportunistic", command);
    cr_assert_not_null(strstr(result.out, "40 responses"), "%s%s", result.out, result.err);
    struct tool_result told = tool_run(NULL, ARGV("echshim", "--inspect", "--strict", copy));
    tool_expect_out(&told, "held (mode strict)");
    tool_end();
    free(command);
}

/* As esbuild: its linker left out what tells of the build. */
Test(go, inspect_without_the_mark_of_go)
{
    if (!is_led()) {
        return;
    }
    char *copy = tool_file("unmarked", "", 0755);
    tool_run(NULL,
             ARGV("/bin/sh", "-c", "sed 's/\\xff Go buildinf:/\\xff no buildinf:/' \"$0\" >\"$1\"",
                  (char *)(size_t)go_client(), copy));
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--inspect", "--strict", copy));
    tool_expect_out(&result, "go: its own ECH is switched on");
    tool_expect_out(&result, "Go's crypto/tls: ");
    tool_end();
}
