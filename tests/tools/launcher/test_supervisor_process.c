/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The held process itself, and the process of the supervisor. */
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(supervisor_process, .fini = world_end, .timeout = 120);

static char line[4096];

/* ---- the process and its supervisor ---- */

#define SUPERVISOR_PID "pid=${ECHSHIM_SUPERVISOR#*:}; pid=${pid%%:*}; "

Test(supervisor_process, the_program_keeps_its_process_and_finds_no_child)
{
    struct tool_result result = tool_run(
        NULL,
        ARGV("/bin/sh", "-c",
             "echo $$; exec \"$0\" --strict sh -c 'echo $$; read x </proc/$$/task/$$/children; "
             "echo \"children: $x\"; exit 7'",
             tool_path("echshim")));
    tool_expect_exit(&result, 7);
    char *second = strchr(result.out, '\n') + 1;
    cr_assert_eq(atoi(result.out), atoi(second), "%s", result.out);
    tool_expect_out(&result, "children: \n");
}

/* As the first process of a container, and one that takes in orphans (PR_SET_CHILD_SUBREAPER): a
 * wait for all children must not find ours. */
Test(supervisor_process, a_program_that_takes_in_orphans)
{
    struct tool_result result = tool_run(
        NULL, ARGV("/usr/bin/python3", "-c",
                   "import ctypes, os, sys\n"
                   "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
                   "os.execv(sys.argv[1], [sys.argv[1], '--strict', '/usr/bin/python3', '-c',\n"
                   "  'import os\\ntry: os.wait()\\nexcept ChildProcessError: print(\"none\")'])",
                   tool_path("echshim")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "none\n");
}

Test(supervisor_process, without_its_supervisor_nothing_connects)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line,
             "sh -c '" SUPERVISOR_PID
             "kill -9 $pid; sleep 0.2; \"%s\" 443 connect datagram-sendto; "
             "\"%s\" 443 connect; echo status $?'",
             tool_program("connects"), tool_program("connects-static"));
    struct run_result result = launch(world, "--strict", line);
    held_expect(&result, "connect datagram-sendto", ENOSYS);
    cr_assert_not_null(strstr(result.out, "status 126\n"), "%s", result.out);
    world_expect_hidden(world);
}

/* It lives as long as anything that it holds. */
Test(supervisor_process, it_ends_with_the_last_process)
{
    static const char script[] =
        "pid=$(\"$0\" --strict sh -c '" SUPERVISOR_PID
        "setsid sleep 1 >/dev/null 2>&1 & echo $pid'); "
        "state() { sed -n 's/^State:.\\(.\\).*/\\1/p' /proc/$1/status 2>/dev/null; }; "
        "state $pid; "
        "for i in $(seq 50); do s=$(state $pid); case $s in ''|Z|X) echo ended; break;; esac; "
        "sleep 0.1; done";
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c", (char *)(size_t)script, tool_path("echshim")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "S\nended\n");
}

/* The user may wait for the end of the output, although something goes on in the background. */
Test(supervisor_process, it_keeps_no_descriptor_of_the_program)
{
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c",
                            "\"$0\" --strict sh -c 'setsid sleep 30 >/dev/null 2>&1 </dev/null & "
                            "echo $!' | { read p; cat; kill $p; }",
                            tool_path("echshim")));
    tool_expect_exit(&result, 0);
}

enum { REPORT = 9 };

/* A pipe that nobody reads, and that is full. */
static void fill_report(void *context)
{
    int ends[2];
    char octets[4096] = "";
    (void)context;
    if (pipe2(ends, O_NONBLOCK) != 0 || dup2(ends[1], REPORT) != REPORT) {
        _exit(98);
    }
    while (write(REPORT, octets, sizeof octets) > 0) {
    }
    (void)fcntl(REPORT, F_SETFL, 0); /* whoever writes now waits */
}

/* It waits for no reader of its report, and for no process: one of these is stopped. */
Test(supervisor_process, it_waits_for_nobody)
{
    struct tool_result result = tool_run_before(
        fill_report, NULL, NULL,
        ARGV("echshim", "-q", "--strict", "--report=fd:9", "/bin/sh", "-c",
             "\"$0\" 443 connect & kill -STOP $!; timeout 20 \"$0\" 443 connect generations; "
             "kill -CONT $!; wait",
             tool_program("connects-static")));
    tool_expect_exit(&result, 0);
    cr_assert_not_null(strstr(result.out, "generations 13\n"), "%s", result.out);
    cr_assert_eq(held_count(result.out, "connect 13\n"), 2, "%s", result.out);
}
