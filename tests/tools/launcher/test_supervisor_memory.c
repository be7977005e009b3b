/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The supervisor has to read the memory of what it holds: where it may not. */
#include "tests/tools/launcher/nobody.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(supervisor_memory, .fini = tool_end, .timeout = 60);

/* Containers forbid the call that reads memory, or those that get descriptors of another process.
 * The first has a replacement, and the supervisor needs none of the others. */
Test(supervisor_memory, in_a_container)
{
    static char *const calls[] = {"memory", "pidfd"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct tool_result result =
            tool_run(NULL, ARGV(tool_program("forbidden"), calls[i], tool_path("echshim"), "-q",
                                "--strict", tool_program("connects-static"), "443", "connect",
                                "mapped", "datagram-sendmmsg", "unix", "bad-pointer"));
        if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 99) {
            fprintf(stderr, "supervisor_memory: skipped: no filters here\n");
            return;
        }
        tool_expect_exit(&result, 0);
        cr_assert_str_eq(result.out,
                         "connect 13\nmapped 13\ndatagram-sendmmsg 13\nunix 2\nbad-pointer 14\n",
                         "%s: %s%s", calls[i], result.out, result.err);
    }
}

/* Copies a program of ours to where nobody may execute it. */
static char *copy(const char *name, mode_t mode)
{
    char *path;
    cr_assert_gt(asprintf(&path, "%s/%s", tool_temporary(), name), 0);
    struct tool_result result = tool_run(NULL, ARGV("/bin/cp", tool_program(name), path));
    tool_expect_exit(&result, 0);
    cr_assert_eq(chmod(path, mode), 0);
    return path;
}

/* The same as with Yama's ptrace_scope 2 and 3. */
Test(supervisor_memory, a_launcher_that_cannot_be_read)
{
    static const char said[] =
        "cannot be held here, so strict mode does not run them: a process may "
        "not read the memory of another one here (ptrace_scope)";
    char *launcher;
    if (!nobody_launcher(&launcher)) {
        return;
    }
    cr_assert_eq(chmod(launcher, 0711), 0);
    struct tool_result result =
        tool_run_before(nobody_become, NULL, NULL, ARGV(launcher, "--strict", "/bin/echo", "ran"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "ran\n");
    tool_expect_err(&result, said);
    result = tool_run_before(nobody_become, NULL, NULL,
                             ARGV(launcher, "--strict", copy("static", 0755)));
    tool_expect_exit(&result, 121);
    tool_expect_err(&result, said);
    tool_expect_err(&result, "static is not run, because the shim would not be in it");
}

/* With ptrace_scope 1 each process says who may read its memory: what forks, and what is about to
 * execute a program without the shim. Yama is not here, so its question is looked for. */
Test(supervisor_memory, each_process_names_its_reader)
{
    char line[64];
    char *log = tool_file("log", "", 0600);
    if (access("/usr/bin/strace", X_OK) != 0) {
        fprintf(stderr, "supervisor_memory: skipped: strace is not installed\n");
        return;
    }
    struct tool_result result = tool_run(
        NULL, ARGV("/usr/bin/strace", "-f", "-e", "trace=prctl,execve", "-o", log,
                   tool_path("echshim"), "-q", "--strict", "/usr/bin/python3", "-c",
                   "import os, sys\n"
                   "for name in 'execv', '_exit':\n"
                   "    pid = os.fork()\n"
                   "    if pid == 0 and name == 'execv': os.execv(sys.argv[1], ['static'])\n"
                   "    if pid == 0: os._exit(0)\n"
                   "    print(pid)\n"
                   "    os.waitpid(pid, 0)",
                   tool_program("static")));
    tool_expect_exit(&result, 0);
    struct tool_result logged = tool_run(NULL, ARGV("/bin/cat", log));
    for (char *rest = result.out, *pid; (pid = strsep(&rest, "\n")) != NULL;) {
        bool first = pid == result.out;
        if (atoi(pid) == 0) {
            continue; /* what the program says */
        }
        snprintf(line, sizeof line, "%-5s prctl(PR_SET_PTRACER", pid);
        const char *named = strstr(logged.out, line);
        snprintf(line, sizeof line, "%-5s execve(", pid);
        const char *executed = strstr(logged.out, line);
        cr_assert(named != NULL && (!first || named < executed), "%s", logged.out);
    }
}

/* The kernel closes the memory of a program whose file may be executed and not be read. */
Test(supervisor_memory, a_program_that_cannot_be_read)
{
    char *launcher;
    if (!nobody_launcher(&launcher)) {
        return;
    }
    struct tool_result result = tool_run_before(
        nobody_become, NULL, NULL,
        ARGV(launcher, "--strict", copy("connects-static", 0711), "443", "connect"));
    tool_expect_sentence(&result, 121, "it cannot be read to see what it is");
}

/* It makes no held call, except by the hooks of the shim. */
Test(supervisor_memory, a_program_that_closes_its_memory)
{
    char *launcher;
    if (!nobody_launcher(&launcher)) {
        return;
    }
    struct tool_result result = tool_run_before(
        nobody_become, NULL, NULL,
        ARGV(launcher, "-q", "--strict", "--report=fd:2", copy("connects-static", 0755), "9",
             "closed-memory", "closed-unix", "closed-libc", "connect", "unix"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out,
                     "closed-memory 13\nclosed-unix 13\nclosed-libc 13\nconnect 111\nunix 2\n",
                     "%s%s", result.out, result.err);
    tool_expect_err(&result, "\"host\":null,\"port\":null,\"mode\":\"strict\","
                             "\"outcome\":\"refused\",\"reason\":\"unreachable_tls\"");
    result = tool_run_before(nobody_become, NULL, NULL,
                             ARGV(launcher, "-q", "--strict", copy("connects", 0755), "9",
                                  "closed-memory", "closed-libc"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "closed-memory 13\nclosed-libc 111\n", "%s%s", result.out,
                     result.err);
}

/* Without root's rights the filter needs no_new_privs, and the supervisor cannot read the memory of
 * a program that does not want it. */
Test(supervisor_memory, programs_that_are_held_for_another_user)
{
    char *launcher;
    char path[128];
    if (!nobody_launcher(&launcher)) {
        return;
    }
    snprintf(path, sizeof path, "%s/connects-static", tool_temporary());
    char script[] = "cp \"$0\" \"$1\" && chmod 755 \"$1\"";
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c", script, tool_program("connects-static"), path));
    tool_expect_exit(&result, 0);
    char line[512];
    snprintf(line, sizeof line, "'%s' 443 connect; '%s' 9 connect closed-memory unix", path, path);
    result = tool_run_before(nobody_become, NULL, NULL,
                             ARGV(launcher, "-q", "--strict", "sh", "-c", line));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "connect 13\nconnect 111\nclosed-memory 13\nunix 2\n", "%s%s",
                     result.out, result.err);
    result = tool_run_before(nobody_become, NULL, NULL,
                             ARGV(launcher, "--strict", "grep", "NoNewPrivs", "/proc/self/status"));
    cr_assert_str_eq(result.out, "NoNewPrivs:\t1\n");
    result = tool_run_before(
        nobody_become, NULL, NULL,
        ARGV(launcher, "--mode=opportunistic", "grep", "NoNewPrivs", "/proc/self/status"));
    cr_assert_str_eq(result.out, "NoNewPrivs:\t0\n");
}
