/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that a program executes: the shim follows by each of libc's ways, warns, and refuses in
 * strict mode. */
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(children, .fini = tool_end, .timeout = 60);

static const char *const ways[] = {"execve",      "execv",        "execvp",  "execvpe",  "execl",
                                   "execle",      "execlp",       "fexecve", "execveat", "vfork",
                                   "posix_spawn", "posix_spawnp", "system",  "popen"};
enum { WAYS = sizeof ways / sizeof *ways };

static bool by_shell(const char *way)
{
    return strcmp(way, "system") == 0 || strcmp(way, "popen") == 0;
}

static struct tool_result run(char *option, const char *way, char *environment, char *program)
{
    return tool_run(NULL, ARGV("echshim", option, tool_program("execs"), (char *)(size_t)way,
                               environment, program));
}

Test(children, the_shim_goes_with_every_way)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct tool_result result =
            run("--strict", ways[i], "kept", by_shell(ways[i]) ? "echo one two; env" : "/bin/echo");
        tool_expect_exit(&result, 0);
        tool_expect_out(&result, "one two");
        cr_assert_str_empty(result.err, "%s: %s", ways[i], result.err);
    }
}

static void expect(const char *way, char *environment, char *program, const char *why)
{
    struct tool_result result = run("--strict=refuse-program", way, environment, program);
    tool_expect_exit(&result, 100 + EPERM);
    cr_assert_str_empty(result.out, "%s: it ran: %s", way, result.out);
    tool_expect_err(&result, "is not run, because the shim would not be in it: ");
    tool_expect_err(&result, why);
    result = run("--strict", way, environment, program);
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, "runs without the shim, and strict mode refuses its TLS: ");
    tool_expect_err(&result, why);
    if (strstr(why, "settings") != NULL) {
        return; /* nothing is refused without strict mode */
    }
    result = run("--mode=opportunistic", way, environment, program);
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, "runs without the shim: ");
    tool_expect_err(&result, why);
    result = run("--quiet", way, environment, program);
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
}

Test(children, a_cleaned_environment)
{
    for (size_t i = 0; i < WAYS; i++) {
        expect(ways[i], "cleaned", by_shell(ways[i]) ? "echo" : "/bin/echo",
               "LD_PRELOAD is taken out of its environment");
    }
}

Test(children, the_shim_without_its_settings_is_not_strict)
{
    for (size_t i = 0; i < WAYS; i++) {
        expect(ways[i], "no-settings", by_shell(ways[i]) ? "echo" : "/bin/echo",
               "the shim's settings are taken out of its environment");
    }
}

Test(children, static_programs)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (!by_shell(ways[i])) { /* a shell reports EPERM only as 126 */
            expect(ways[i], "kept", tool_program("static"), "it is statically linked");
        }
    }
}

Test(children, of_shells)
{
    struct tool_result result = tool_run(
        NULL, ARGV("echshim", "--strict=refuse-program", "sh", "-c",
                   "env -i /bin/echo ran; \"$0\"; echo $?; exec env -u LD_PRELOAD echo ran",
                   tool_program("static")));
    tool_expect_exit(&result, 126);
    cr_assert_str_eq(result.out, "126\n");
    tool_expect_err(&result, "/bin/echo is not run");
    tool_expect_err(&result, "static is not run");
    tool_expect_err(&result, "LD_PRELOAD is taken out of its environment");
}

/* The shim searches PATH as execvp does: it passes over files that are no programs. */
Test(children, a_search_along_path)
{
    char script[] =
        "cd \"$0\"; mkdir -p one/tool two three; echo text >two/tool; cp \"$1\" three/tool\n"
        "PATH=$PWD/one:$PWD/two::$PWD/three:$PATH; export PATH\n"
        "echshim=$2; execs=$3\n"
        "\"$echshim\" --strict=refuse-program \"$execs\" execvp kept tool; echo $?\n"
        "\"$echshim\" --strict=refuse-program \"$execs\" posix_spawnp kept tool; echo $?\n"
        "\"$echshim\" --strict=refuse-program \"$execs\" execlp kept nowhere; echo $?";
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary(),
                            tool_program("static"), tool_path("echshim"), tool_program("execs")));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "101\n101\n102\n"); /* EPERM, EPERM, ENOENT */
    tool_expect_err(&result, "/three/tool is not run");
}

Test(children, without_the_launcher_nothing_is_looked_at)
{
    struct tool_result result =
        tool_run(ARGV("ECHSHIM_MODE=strict"),
                 ARGV("/bin/sh", "-c", "LD_PRELOAD=\"$0/libechshim.so\" env -i /bin/echo ran",
                      (char *)(size_t)tool_folder()));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "ran\n");
    cr_assert_str_empty(result.err);
}

/* Other threads hold the loader's and the allocator's locks while the program forks and executes.
 */
Test(children, between_fork_and_exec_nothing_is_locked)
{
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--strict", "/usr/bin/python3", "-c",
                            "import subprocess, threading, ctypes\n"
                            "stop = False\n"
                            "def load():\n"
                            "  while not stop: ctypes.CDLL(None).getpid; bytearray(10000)\n"
                            "threads = [threading.Thread(target=load) for _ in range(3)]\n"
                            "[t.start() for t in threads]\n"
                            "for i in range(100):\n"
                            "  subprocess.run(['/bin/true'], check=True, preexec_fn=lambda: None)\n"
                            "  subprocess.run(['/bin/true'], check=True)\n"
                            "stop = True\n"
                            "print('done')"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "done\n");
}
