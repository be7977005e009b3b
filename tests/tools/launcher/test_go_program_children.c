/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a Go program of our own executes under echshim (go_program.h). */
#include "tests/tools/launcher/go_program.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define URL "https://" INNER_NAME "/"

/* The supervisor leads a Go program that a Go program executes, at its first connection. The shim
 * is in other programs as ever. */
static void check_executed(const char *options, const char *how)
{
    struct world *world = go_program_start(NULL);
    char text[512];
    if (world == NULL) {
        return;
    }
    snprintf(text, sizeof text, "%s '%s' time 127.0.0.1:443 " INNER_NAME " 3", how, go_program());
    struct run_result result = launch(world, options, go_program_command(text));
    go_program_say(how, &result);
    cr_assert_not_null(strstr(result.out, "done 4 accepted 4 failed 0 "), "%s%s", result.out,
                       result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
    snprintf(text, sizeof text, "%s /usr/bin/curl -sS --cacert \"$CA\" " URL, how);
    result = launch(world, options, go_program_command(text));
    expect_exit(&result, 0, "hello from " INNER_NAME);
    world_expect_hidden(world);
}

Test(go_program, a_child_with_go)
{
    check_executed("-q --strict", "run");
    check_executed("-q --mode=opportunistic", "run");
}

Test(go_program, another_program_in_its_place)
{
    check_executed("-q --strict", "exec");
    check_executed("-q --mode=opportunistic", "exec");
}

/* All threads of the program are stopped for a moment, while the collector and many goroutines run.
 */
Test(go_program, a_child_with_many_goroutines)
{
    struct world *world = go_program_start(&(struct world_options){.direct = true});
    char text[512];
    for (int i = 0; world != NULL && i < 5; i++) {
        snprintf(text, sizeof text, "run '%s' many " URL " 64 2", go_program());
        struct run_result result = launch(world, "-q --strict", go_program_command(text));
        go_program_say("run many", &result);
        expect_exit(&result, 0, "done 128 accepted 128 failed 0 ");
    }
}

Test(go_program, an_echshim_below_a_go_program)
{
    static const char *const modes[] = {"--mode=opportunistic", "--strict"};
    struct world *world = go_program_start(NULL);
    char text[1024];
    for (size_t i = 0; world != NULL && i < sizeof modes / sizeof *modes; i++) {
        bool same = i == 0;
        snprintf(text, sizeof text, "run '%s' %s '%s' time 127.0.0.1:443 " INNER_NAME " 1",
                 tool_path("echshim"), modes[i], go_program());
        struct run_result result =
            launch(world, "--mode=opportunistic -q", go_program_command(text));
        cr_assert_not_null(strstr(result.out, same ? "done 2 accepted 2" : "exit status 121"),
                           "%s%s", result.out, result.err);
        cr_assert_not_null(
            strstr(result.err, same ? "is held by the supervisor of another echshim already"
                                    : "another echshim around it has a supervisor with other"),
            "%s", result.err);
        world_expect_hidden(world);
    }
}

/* By each way, and with an environment that says nothing to the program. */
static void check_ways(const char *parent, const char *options)
{
    /* fexecve makes the system call execveat. */
    static const char *const ways[] = {"execve", "fexecve", "vfork", "posix_spawn", "posix_spawnp"};
    static const char *const environments[] = {"kept", "no-settings"};
    struct world *world = go_program_start(NULL);
    char text[2048];
    for (size_t i = 0; world != NULL && i < 2 * (sizeof ways / sizeof *ways); i++) {
        snprintf(text, sizeof text,
                 "env SSL_CERT_FILE=\"$CA\" '%s' %s %s '%s' time 127.0.0.1:443 " INNER_NAME " 1",
                 tool_program(parent), ways[i / 2], environments[i % 2], go_program());
        struct run_result result = launch(world, options, text);
        expect_exit(&result, 0, NULL);
        cr_assert_not_null(strstr(result.out, "done 2 accepted 2 failed 0 "), "%s: %s%s",
                           ways[i / 2], result.out, result.err);
        cr_assert_null(strstr(result.err, "refuses its TLS: "), "%s: %s", ways[i / 2], result.err);
        world_expect_hidden(world);
    }
}

Test(go_program, children_of_a_static_program)
{
    check_ways("execs-static", "-q --strict");
}

Test(go_program, children_of_a_program_with_the_shim)
{
    check_ways("execs", "--strict");
}
