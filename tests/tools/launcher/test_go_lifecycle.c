/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Go program that the launcher leads is a job, a child and a process like any other. See
 * test_go.c. */
#include "tests/tools/launcher/go_client.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/terminal.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(go_lifecycle, .fini = world_end, .timeout = 120);

#define SUITE "go_lifecycle"
#define URL "https://" INNER_NAME "/"

/* ---- a job of a shell ---- */

/* It connects to a port that nothing listens on, without end. */
static void enter_job(const struct terminal *terminal, const char *mode, const char *rest)
{
    char line[1024];
    snprintf(line, sizeof line, "'%s' -q %s '%s' -z 90s -q 5 -c 1 http://127.0.0.1:9/%s\n",
             tool_path("echshim"), mode, go_client(), rest);
    terminal_press(terminal, line);
}

/* Waits until the job has the terminal. */
static void bring_to_foreground(const struct terminal *terminal)
{
    pid_t shell = tcgetpgrp(terminal->master);
    terminal_press(terminal, "fg\n");
    for (int i = 0; i < 1000 && tcgetpgrp(terminal->master) == shell; i++) {
        usleep(20000);
    }
    cr_assert_neq(tcgetpgrp(terminal->master), shell);
}

static void check_jobs(const char *mode)
{
    if (!go_client_is_led(SUITE)) {
        return;
    }
    struct terminal terminal =
        terminal_start_shell(ARGV("/bin/bash", "--norc", "--noprofile", "--noediting", "-i"));
    /* When it runs, nothing traces it. */
    enter_job(&terminal, mode, " &");
    terminal_press(&terminal, "until grep -q '^Name:.hey' /proc/$!/status && grep -q "
                              "'^TracerPid:.0$' /proc/$!/status; do sleep 0.1; done; echo le''d\n");
    terminal_expect(&terminal, "led");
    bring_to_foreground(&terminal);
    terminal_press(&terminal, "\032");
    terminal_expect(&terminal, "Stopped");
    terminal_press(&terminal, "bg; jobs -r\n");
    terminal_expect(&terminal, "Running");
    terminal_press(&terminal, "sleep 0.5; kill -INT %1; wait $!; echo st''atus $?\n");
    terminal_expect(&terminal, "Summary:");
    terminal_expect(&terminal, "status 0");
    /* Stopped at any moment of the start. */
    for (unsigned moment = 0; moment < 12; moment++) {
        char rest[128];
        snprintf(rest, sizeof rest, " & sleep 0.0%02u; kill -STOP $!", moment * 5);
        enter_job(&terminal, mode, rest);
        terminal_press(&terminal, "until [ -n \"$(jobs -s)\" ]; do sleep 0.1; done; bg; jobs -r; "
                                  "kill -KILL %1; wait $!; echo st''atus $?\n");
        terminal_expect(&terminal, "Running");
        terminal_expect(&terminal, "status 137");
    }
    terminal_press(&terminal, "kill -9 $$\n");
}

Test(go_lifecycle, a_job_of_a_shell)
{
    check_jobs("--mode=opportunistic");
}

Test(go_lifecycle, a_job_of_a_shell_in_strict_mode)
{
    check_jobs("--strict");
}

/* ---- executed by another program ---- */

static struct run_result run_python(struct world *world, const char *mode, const char *script)
{
    char *command;
    cr_assert_gt(asprintf(&command,
                          "python3 -c 'import os, subprocess, sys\nhey = sys.argv[1:]\n%s' '%s' "
                          "-disable-keepalive -n 4 -c 2 " URL,
                          script, go_client()),
                 0);
    return launch(world, mode, command);
}

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;
    while ((text = strstr(text, part)) != NULL) {
        found++;
        text++;
    }
    return found;
}

static void check_python(const char *mode)
{
    struct world *world = go_client_is_led(SUITE) ? world_start(NULL) : NULL;
    if (world == NULL) {
        return;
    }
    struct run_result result =
        run_python(world, mode,
                   "os.waitpid(os.posix_spawn(hey[0], hey, os.environ), 0)\n"
                   "os.waitpid(os.posix_spawnp(hey[0], hey, os.environ), 0)\n"
                   "subprocess.run(hey)\n"
                   "os.system(\" \".join(hey))\n"
                   "os.spawnv(os.P_WAIT, hey[0], hey)\n"
                   "os.execv(hey[0], hey)\n");
    cr_assert_eq(count(result.out, "4 responses"), 6, "%s%s", result.out, result.err);
    world_expect_hidden(world);
    cr_assert_geq(world_log_count(world, "accepted", 24), 24);
}

Test(go_lifecycle, by_each_way_to_execute)
{
    check_python("-q --mode=opportunistic");
}

Test(go_lifecycle, by_each_way_to_execute_in_strict_mode)
{
    check_python("-q --strict");
}

/* A program without a path is led at its first connection. */
Test(go_lifecycle, by_its_descriptor)
{
    struct world *world = go_client_is_led(SUITE) ? world_start(NULL) : NULL;
    if (world == NULL) {
        return;
    }
    struct run_result result = run_python(
        world, "-q --strict", "os.execve(os.open(hey[0], os.O_RDONLY), hey, os.environ)\n");
    cr_assert_eq(count(result.out, "4 responses"), 1, "%s%s", result.out, result.err);
    world_expect_hidden(world);
}

/* Nothing of the launcher is left: no leader, and no supervisor. */
Test(go_lifecycle, killed_at_any_moment_of_its_start)
{
    struct world *world = go_client_is_led(SUITE) ? world_start(NULL) : NULL;
    char command[2048];
    if (world == NULL) {
        return;
    }
    /* Each has this world's HOME in its environment. */
    snprintf(
        command, sizeof command,
        "for wait in 005 01 015 02 03 04 05 06 08 10; do timeout -s KILL 0.$wait '%s' -q --strict "
        "'%s' -z 60s -q 5 -c 1 http://127.0.0.1:9/; done; "
        "for turn in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; left=; "
        "for process in /proc/[0-9]*; do case $(readlink $process/exe) in *echshim*|*hey*) "
        "if grep -qz \"^HOME=$HOME\" $process/environ; then left=$left$process; fi; esac; done; "
        "[ -n \"$left\" ] || break; done 2>/dev/null; echo \"left:$left.\"",
        tool_path("echshim"), go_client());
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, command);
    cr_assert_not_null(strstr(result.out, "left:."), "%s%s", result.out, result.err);
}
