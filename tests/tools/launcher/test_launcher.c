/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim: what it does to a program before the program's first instruction, and what it says. */
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/wait.h>

#include <unistd.h>

TestSuite(launcher, .fini = tool_end, .timeout = 60);

enum { REFUSED = 121, OWN = 125, NOT_RUN = 126, NOT_FOUND = 127 };

static struct tool_result run(char *const argv[])
{
    return tool_run(NULL, argv);
}

/* ---- what the program gets ---- */

Test(launcher, the_program_is_the_process_that_was_started)
{
    struct tool_result result =
        run(ARGV("echshim", "sh", "-c", "echo $$ $PPID; exec cat /proc/self/comm"));
    tool_expect_exit(&result, 0);
    int pid;
    int parent;
    cr_assert_eq(sscanf(result.out, "%d %d", &pid, &parent), 2);
    cr_assert_eq(parent, getpid(), "something is between");
    cr_assert_str_empty(result.err);
}

Test(launcher, arguments_and_exit_status_pass)
{
    struct tool_result result =
        run(ARGV("echshim", "--", "sh", "-c", "echo \"$1|$2\"; exit 42", "sh", "--strict", ""));
    tool_expect_exit(&result, 42);
    cr_assert_str_eq(result.out, "--strict|\n");
}

Test(launcher, options_end_at_the_program)
{
    struct tool_result result = run(ARGV("echshim", "echo", "--off", "--nonsense"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "--off --nonsense\n");
}

Test(launcher, death_by_signal_passes)
{
    struct tool_result result = run(ARGV("echshim", "sh", "-c", "kill -USR1 $$"));
    cr_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGUSR1);
}

static void ignore_and_block(void *context)
{
    sigset_t set;
    (void)context;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
}

static char *signals_of(char *const argv[])
{
    struct tool_result result = tool_run_before(ignore_and_block, NULL, NULL, argv);
    tool_expect_exit(&result, 0);
    return result.out;
}

#define SHOW_SIGNALS "grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"

Test(launcher, masks_and_dispositions_are_as_they_were)
{
    char *plain = signals_of(ARGV("/usr/bin/env", SHOW_SIGNALS));
    cr_assert_str_eq(signals_of(ARGV("echshim", SHOW_SIGNALS)), plain);
    cr_assert_str_eq(signals_of(ARGV("echshim", "--strict", SHOW_SIGNALS)), plain);
    cr_assert_str_eq(signals_of(ARGV("echshim", "--report", SHOW_SIGNALS)), plain);
}

/* The program has its three, and the one by which ls reads the folder. */
Test(launcher, no_descriptor_is_left_in_the_program)
{
    struct tool_result plain = run(ARGV("/bin/ls", "/proc/self/fd"));
    struct tool_result result = run(ARGV("echshim", "--strict", "ls", "/proc/self/fd"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, plain.out);
}

Test(launcher, no_child_is_left_to_the_program)
{
    struct tool_result result =
        run(ARGV("echshim", "/usr/bin/python3", "-c",
                 "import os\ntry:\n os.wait()\nexcept ChildProcessError: print('none')"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "none\n");
}

/* The reader of the output sees its end when the program has ended. */
Test(launcher, the_watcher_holds_no_pipe)
{
    struct tool_result result =
        run(ARGV("/bin/sh", "-c", "\"$0\" sh -c 'exec >&- 2>&-; sleep 5' | cat; date +%s >&2",
                 tool_path("echshim")));
    struct tool_result now = run(ARGV("/bin/date", "+%s"));
    tool_expect_exit(&result, 0);
    cr_assert_leq(atol(now.out) - atol(result.err), 1);
}

/* ---- the library ---- */

static char *preload_of(char *const environment[])
{
    struct tool_result result =
        tool_run(environment, ARGV("echshim", "/usr/bin/printenv", "LD_PRELOAD"));
    tool_expect_exit(&result, 0);
    return result.out;
}

static char *with_library(const char *format)
{
    char *text = NULL;
    char *library = realpath(tool_path("libechshim.so"), NULL);
    cr_assert_not_null(library);
    if (system("ls /lib/ld-musl-* >/dev/null 2>&1") == 0) { /* it is hidden from these loaders */
        cr_assert_gt(asprintf(&library, "/usr/$LIB/../../../..%s", strdup(library)), 0);
    }
    cr_assert_gt(asprintf(&text, format, library), 0); /* NOLINT */
    return text;
}

Test(launcher, uninstalled_the_library_is_beside)
{
    cr_assert_str_eq(preload_of(NULL), with_library("%s\n"));
}

Test(launcher, what_is_in_ld_preload_stays)
{
    cr_assert_str_eq(preload_of(ARGV("LD_PRELOAD=libm.so.6")), with_library("%s:libm.so.6\n"));
    cr_assert_str_eq(preload_of(ARGV("LD_PRELOAD=libm.so.6 libdl.so.2")),
                     with_library("%s:libm.so.6 libdl.so.2\n"));
    cr_assert_str_eq(preload_of(ARGV("LD_PRELOAD=")), with_library("%s\n"));
}

/* A sanitizer's runtime gives up if it is not the first. */
Test(launcher, sanitizers_stay_in_front)
{
    char *list = NULL;
    char *wanted = NULL;
    const char *folder = tool_temporary();
    struct tool_result made =
        run(ARGV("/bin/sh", "-c", "cd \"$0\" && cp -L /lib/*/libm.so.6 libasan.so.8",
                 (char *)(size_t)folder));
    tool_expect_exit(&made, 0);
    cr_assert_gt(asprintf(&list, "LD_PRELOAD=%s/libasan.so.8:libm.so.6", folder), 0);
    cr_assert_gt(asprintf(&wanted, "%s/libasan.so.8:%%s:libm.so.6\n", folder), 0);
    cr_assert_str_eq(preload_of(ARGV(list)), with_library(wanted));
}

Test(launcher, the_shim_is_not_loaded_twice)
{
    struct tool_result result =
        run(ARGV("echshim", tool_path("echshim"), "/usr/bin/printenv", "LD_PRELOAD"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, with_library("%s\n"));
    result = run(ARGV("echshim", "--strict", tool_path("echshim"), "true"));
    tool_expect_exit(&result, 0);
}

/* bin/echshim and lib/libechshim.so, wherever they are; $LIB for several architectures. */
Test(launcher, installed_the_library_is_found_and_may_be_for_more_than_one_architecture)
{
    char script[] =
        "set -e; cd \"$0\"; mkdir -p bin lib; cp \"$1/echshim\" bin; cp \"$1\"/libechshim.so lib\n"
        "bin/echshim printenv LD_PRELOAD\n"
        "here=$(dirname \"$(ls /lib/*/libc.so.6 /lib64/libc.so.6 2>/dev/null | head -n 1)\")\n"
        "mkdir -p \".$here\" lib/other-linux-gnu lib32; cp lib/libechshim.so \".$here\"\n"
        "cp lib/libechshim.so lib/other-linux-gnu; cp lib/libechshim.so lib32\n"
        "rm lib/libechshim.so; ln -s \"..$here/libechshim.so\" lib/libechshim.so\n"
        "bin/echshim --strict printenv LD_PRELOAD";
    char expected[300];
    const char *folder = tool_temporary();
    struct tool_result result =
        run(ARGV("/bin/sh", "-c", script, (char *)(size_t)folder, (char *)(size_t)tool_folder()));
    tool_expect_exit(&result, 0);
    snprintf(expected, sizeof expected, "%s/lib/libechshim.so\n%s/$LIB/libechshim.so\n", folder,
             folder);
    size_t hidden = strspn(result.out, "/usr$LIB.") < strlen("/usr/$LIB/../../../..")
                        ? 0
                        : strlen("/usr/$LIB/../../../..");
    cr_assert_str_eq(result.out + hidden, expected);
}

Test(launcher, a_library_that_is_not_there_is_said)
{
    char script[] = "cp \"$1/echshim\" \"$0\" && exec \"$0/echshim\" true";
    struct tool_result result = run(ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary(),
                                         (char *)(size_t)tool_folder()));
    tool_expect_sentence(&result, OWN, "libechshim.so is neither beside echshim nor in");
}

Test(launcher, a_blank_in_the_librarys_path_is_said)
{
    char script[] = "mkdir \"$0/a b\" && cp \"$1/echshim\" \"$1/libechshim.so\" \"$0/a b\" && "
                    "exec \"$0/a b/echshim\" true";
    struct tool_result result = run(ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary(),
                                         (char *)(size_t)tool_folder()));
    tool_expect_sentence(&result, OWN, "there is a blank or a colon in it");
}

/* ---- settings ---- */

Test(launcher, options_become_the_variables_of_the_interface)
{
    struct tool_result result =
        tool_run(ARGV("ECHSHIM_TIMEOUT_MS=77", "ECHSHIM_PORTS=1"),
                 ARGV("echshim", "--mode=grease", "--ports=443,8443", "--resolver=udp://[::1]:5353",
                      "--config-list=AAj+CgAEAAAAAA==,a.example=AAj+CgAEAAAAAA==", "--no-retry",
                      "--no-grease", "--ca-file=/etc/passwd", "--private", "--cache=cache",
                      "--log=debug", "--log-file=log", "--conf=/etc/passwd", "--report=report",
                      "/bin/sh", "-c", "cd /; env | grep ^ECHSHIM_ | sort"));
    tool_expect_exit(&result, 0);
    char folder[256];
    char expected[2048];
    cr_assert_not_null(getcwd(folder, sizeof folder));
    snprintf(expected, sizeof expected,
             "ECHSHIM_CACHE=%s/cache\nECHSHIM_CA_FILE=/etc/passwd\nECHSHIM_CONF=/etc/passwd\n"
             "ECHSHIM_CONFIG_LIST=AAj+CgAEAAAAAA==,a.example=AAj+CgAEAAAAAA==\n"
             "ECHSHIM_GREASE=off\nECHSHIM_LAUNCHER=warn\nECHSHIM_LOG=debug\n"
             "ECHSHIM_LOG_FILE=%s/log\nECHSHIM_MODE=grease\nECHSHIM_PORTS=443,8443\n"
             "ECHSHIM_PRIVATE=on\nECHSHIM_REPORT=%s/report\n"
             "ECHSHIM_RESOLVER=udp://[::1]:5353\nECHSHIM_RETRY=off\nECHSHIM_TIMEOUT_MS=77\n",
             folder, folder, folder);
    cr_assert_str_eq(result.out, expected);
}

Test(launcher, off_leaves_the_program_alone)
{
    struct tool_result result =
        run(ARGV("echshim", "--off", "/bin/sh", "-c", "echo \"$LD_PRELOAD,$ECHSHIM_MODE\""));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, ",off\n");
}

Test(launcher, bad_input_is_one_sentence)
{
    static const struct {
        char *option;
        const char *sentence;
    } wrong[] = {
        {"--nonsense", "echshim: unrecognized option '--nonsense'"},
        {"-x", "echshim: invalid option -- 'x'"},
        {"--mode", "echshim: option '--mode' requires an argument"},
        {"--mode=opportune", "--mode: cannot use \"opportune\": a mode is off, grease"},
        {"--ports=https", "--ports: cannot use \"https\""},
        {"--resolver=dns.example", "--resolver: cannot use \"dns.example\""},
        {"--config-list=?", "it is not Base64"},
        {"--config-list=", "it is empty"},
        {"--config-list==AAj+CgAEAAAAAA==", "the name is missing before the \"=\""},
        {"--config-list=AAj+CgAEAAAA", "it is not"},
        {"--config-list=AAAA", "it is not an ECHConfigList"},
        {"--outer-name=192.0.2.1", "--outer-name: cannot use \"192.0.2.1\": it is not the name"},
        {"--retry=yes", "--retry: cannot use \"yes\": it is on or off"},
        {"--private=1", "--private: cannot use \"1\""},
        {"--timeout=2s", "--timeout: cannot use \"2s\": it is a number of milliseconds"},
        {"--timeout=0", "--timeout: cannot use \"0\""},
        {"--timeout=99999999999999999999", "--timeout: cannot use"},
        {"--log=loud", "--log: cannot use \"loud\""},
        {"--ca-file=/nowhere/ca.pem", "No such file or directory"},
        {"--ca-file=/", "it is a folder"},
        {"--cache=/etc/passwd", "it is not a folder"},
        {"--conf=/nowhere", "No such file or directory"},
        {"--color=red", "--color: cannot use \"red\""},
        {"--json", "--json goes with --report or --inspect"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct tool_result result = run(ARGV("echshim", wrong[i].option, "--", "echo", "ran"));
        if (strcmp(wrong[i].option, "--mode") == 0) {
            result = run(ARGV("echshim", "--mode"));
        }
        tool_expect_sentence(&result, OWN, wrong[i].sentence);
    }
    struct tool_result result = run(ARGV("echshim", "--strict"));
    tool_expect_sentence(&result, OWN, "echshim: a program is missing");
}

Test(launcher, an_outer_name_is_warned_of)
{
    struct tool_result result = run(
        ARGV("echshim", "--outer-name=cover.example", "/bin/sh", "-c", "echo $ECHSHIM_OUTER_NAME"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "cover.example\n");
    tool_expect_err(&result, "echshim: outer_name: servers may refuse it");
    result = run(ARGV("echshim", "-q", "--outer-name=cover.example", "/bin/true"));
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
    result = run(ARGV("echshim", "--outer-name=public_name", "/bin/true"));
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
}

Test(launcher, help_and_version)
{
    struct tool_result result = run(ARGV("echshim", "--help"));
    tool_expect_exit(&result, 0);
    tool_expect_out(&result, "usage: echshim ");
    cr_assert_str_empty(result.err);
    result = run(ARGV("echshim", "--version"));
    tool_expect_exit(&result, 0);
    tool_expect_out(&result, "echshim 0.");
}

/* ---- programs that cannot be started ---- */

Test(launcher, exit_codes_of_env)
{
    struct tool_result result = run(ARGV("echshim", "no-such-program"));
    tool_expect_sentence(&result, NOT_FOUND, "no-such-program: there is no such program");
    result = run(ARGV("echshim", "/no/such/program"));
    tool_expect_sentence(&result, NOT_FOUND, "there is no such program");
    result = run(ARGV("echshim", ""));
    tool_expect_sentence(&result, NOT_FOUND, "there is no such program");
    result = run(ARGV("echshim", "/etc/passwd"));
    tool_expect_sentence(&result, NOT_RUN, "/etc/passwd: it cannot be executed");
    result = run(ARGV("echshim", "/etc"));
    tool_expect_sentence(&result, NOT_RUN, "/etc: it cannot be executed");
    result = run(ARGV("echshim", tool_file("script", "#!/no/such/interpreter\n", 0755)));
    tool_expect_sentence(&result, NOT_RUN, "its interpreter /no/such/interpreter is missing");
}

Test(launcher, broken_elf)
{
    char *path = tool_file("broken", "\177ELF\002\001\001 and no more of it", 0755);
    struct tool_result result = run(ARGV("echshim", "--strict", path));
    tool_expect_sentence(&result, REFUSED, "its ELF header is wrong");
    result = run(ARGV("echshim", "--quiet", path));
    tool_expect_sentence(&result, NOT_RUN, "it cannot be executed: Exec format error");
}

/* execvp gives a file without #! to the shell, and every launcher does the same. */
Test(launcher, a_script_without_a_first_line)
{
    char *path = tool_file("script", "echo \"$1:${LD_PRELOAD##*/}\"; exit 3\n", 0755);
    struct tool_result result = run(ARGV("echshim", "--strict", path, "a b"));
    tool_expect_exit(&result, 3);
    cr_assert_str_eq(result.out, "a b:libechshim.so\n");
}
