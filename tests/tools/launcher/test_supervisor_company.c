/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The supervisor beside other filters, tracers and limits of the system. */
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(supervisor_company, .fini = world_end, .timeout = 120);

static char line[4096];

/* Has the program a filter? Only strict mode may set no_new_privs for it. */
static bool seccomp_is(const char *option, const char *mode)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", (char *)(size_t)option, "grep", "-e", "^Seccomp:", "-e",
                            "^NoNewPrivs:", "/proc/self/status"));
    tool_expect_exit(&result, 0);
    cr_assert(strcmp(option, "--strict") == 0 || strstr(result.out, "NoNewPrivs:\t0") != NULL, "%s",
              result.out);
    snprintf(line, sizeof line, "Seccomp:\t%s\n", mode);
    return strstr(result.out, line) != NULL;
}

Test(supervisor_company, only_strict_mode_has_a_filter)
{
    if (!seccomp_is("--off", "0")) {
        fprintf(stderr, "supervisor_company: skipped: everything has a filter here\n");
        return;
    }
    cr_assert(seccomp_is("--mode=opportunistic", "0"));
    cr_assert(seccomp_is("--grease", "0"));
    cr_assert(seccomp_is("--report=/dev/null", "0")); /* a report alone is no reason */
    cr_assert(seccomp_is("--strict=refuse-program", "0"));
    cr_assert(seccomp_is("--strict", "2"));
}

Test(supervisor_company, an_echshim_under_another)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line, "'%s' --strict '%s' 443 connect", tool_path("echshim"),
             tool_program("connects-static"));
    struct run_result result = launch(world, "--strict", line);
    held_expect(&result, "connect", EACCES);
    expect_exit(&result, 0, "is held by the supervisor of another echshim already");
    /* The outer one does not watch the inner one's port, and there can be no second filter. */
    snprintf(line, sizeof line, "'%s' --strict --ports=9 '%s' 9 connect", tool_path("echshim"),
             tool_program("connects-static"));
    result = launch(world, "--strict", line);
    expect_exit(&result, 121, "cannot be held here, so strict mode does not run them: another");
    cr_assert_str_empty(result.out);
}

/* Then strict mode is what it was without the supervisor. */
Test(supervisor_company, where_the_filter_cannot_be_installed)
{
    static const char said[] = "cannot be held here, so strict mode does not run them: ";
    char *forbidden = tool_program("forbidden");
    char *echshim = tool_path("echshim");
    struct tool_result result =
        tool_run(NULL, ARGV(forbidden, "seccomp", echshim, "--strict", "/bin/echo", "ran"));
    if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 99) {
        fprintf(stderr, "supervisor_company: skipped: no filters here\n");
        return;
    }
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "ran\n");
    tool_expect_err(&result, said);
    tool_expect_err(&result, "Operation not permitted");
    result =
        tool_run(NULL, ARGV(forbidden, "seccomp", echshim, "--strict", tool_program("static")));
    tool_expect_exit(&result, 121);
    tool_expect_err(&result, said);
    tool_expect_err(&result, "static is not run, because the shim would not be in it");
    result = tool_run(NULL, ARGV(forbidden, "seccomp", echshim, "--strict", "sh", "-c",
                                 "\"$0\"; echo $?", tool_program("static")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "126\n");
    result = tool_run(
        NULL, ARGV(forbidden, "seccomp", echshim, "--inspect", "--strict", tool_program("static")));
    tool_expect_out(&result, "held (mode strict): strict mode does not run it");
}

/* A program below has a filter of its own; only a listener it cannot have. */
Test(supervisor_company, a_second_filter)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(
        world, "--strict -q", held_command("connects-static", "443 own-listener own-filter"));
    held_expect(&result, "own-listener", EBUSY);
    held_expect(&result, "own-filter", EACCES);
    world_expect_hidden(world);
}

/* Tracers stop calls, too: of the program, and of echshim itself. */
Test(supervisor_company, programs_that_are_traced)
{
    static const char *const tracers[] = {"/usr/bin/strace -f -o /dev/null",
                                          "/usr/bin/gdb -q -batch -ex run -ex quit --args"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof tracers / sizeof *tracers; i++) {
        char *path = strndup(tracers[i], strcspn(tracers[i], " "));
        if (access(path, X_OK) != 0) {
            fprintf(stderr, "supervisor_company: skipped: %s is not installed\n", path);
            continue;
        }
        snprintf(line, sizeof line, "%s '%s' 443 connect thread", tracers[i],
                 tool_program("connects-static"));
        struct run_result result = launch(world, "--strict -q", line);
        held_expect(&result, "connect thread", EACCES);
        snprintf(line, sizeof line, "%s '%s' 443 libc", tracers[i], tool_program("connects"));
        result = launch(world, "--strict -q", line);
        held_expect(&result, "libc", 0);
        snprintf(line, sizeof line, "%s '%s' --strict -q '%s' 443 connect", tracers[i],
                 tool_path("echshim"), tool_program("connects-static"));
        result = world_shell(world, RUN_PLAIN, NULL, line);
        held_expect(&result, "connect", EACCES);
        world_expect_hidden(world);
        free(path);
    }
}
