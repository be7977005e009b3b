/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --report: a parent that the program does not notice, and the table at the end. */
#include "tests/dispositions.h"
#include "tests/tools/launcher/terminal.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(report, .fini = tool_end, .timeout = 60);

/* ---- the end of the program ---- */

Test(report, exit_status_passes)
{
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--report", "sh", "-c", "exit 9"));
    tool_expect_exit(&result, 9);
    cr_assert_str_eq(result.err, "0 handshakes\n");
}

Test(report, death_by_signal_passes)
{
    static const char *const names[] = {"TERM", "KILL", "SEGV", "INT", "USR1", "PIPE", "HUP"};
    static const int numbers[] = {SIGTERM, SIGKILL, SIGSEGV, SIGINT, SIGUSR1, SIGPIPE, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char command[64];
        snprintf(command, sizeof command, "kill -%s $$; sleep 5", names[i]);
        struct tool_result result =
            tool_run(NULL, ARGV("echshim", "--report", "sh", "-c", command));
        cr_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == numbers[i], "%s: %#x",
                  names[i], result.status);
        cr_assert_str_eq(result.err, "0 handshakes\n");
    }
}

Test(report, a_program_that_cannot_be_executed_has_no_table)
{
    char script[] = "printf '\\177ELF broken' >\"$0/x\"; chmod 755 \"$0/x\"; exec \"$1\" --quiet "
                    "--report \"$0/x\"";
    struct tool_result result =
        tool_run(NULL, ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary(),
                            tool_path("echshim")));
    tool_expect_sentence(&result, 126, "it cannot be executed: Exec format error");
}

Test(report, strict_refusals_are_the_same)
{
    struct tool_result result = tool_run(
        NULL, ARGV("echshim", "--report", "--strict=refuse-program", tool_program("static")));
    tool_expect_sentence(&result, 121, "it is statically linked");
    result = tool_run(NULL, ARGV("echshim", "--report", "--strict", tool_program("liar"), "close"));
    cr_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
}

Test(report, the_place_of_the_report_is_taken_away)
{
    char *variable = NULL;
    cr_assert_gt(asprintf(&variable, "TMPDIR=%s", tool_temporary()), 0);
    struct tool_result result =
        tool_run(ARGV(variable), ARGV("echshim", "--report", "sh", "-c",
                                      "ls -l $ECHSHIM_REPORT; "
                                      "ls -ld \"$(dirname \"$ECHSHIM_REPORT\")\""));
    tool_expect_exit(&result, 0);
    /* Other users may append if they know its name; only its owner may list or read. */
    cr_assert_eq(strncmp(result.out, "-rw--w--w- ", 11), 0, "%s", result.out);
    cr_assert_not_null(strstr(result.out, "\ndrwx--x--x "), "%s", result.out);
    result = tool_run(NULL, ARGV("/bin/ls", (char *)(size_t)tool_temporary()));
    cr_assert_str_empty(result.out);
    result = tool_run(ARGV("TMPDIR=/nowhere"), ARGV("echshim", "--report", "true"));
    tool_expect_sentence(&result, 125, "there is no place for the report in /nowhere");
}

/* ---- signals: the launcher passes each on to the program, once ---- */

/* Writes a line for each signal; ends with the number of SIGTERM. */
#define COUNTER                                                                                    \
    "import signal, sys\n"                                                                         \
    "taken = {signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH, signal.SIGALRM}\n"   \
    "signal.pthread_sigmask(signal.SIG_BLOCK, taken)\n"                                            \
    "print('ready', flush=True)\n"                                                                 \
    "while True:\n"                                                                                \
    "  info = signal.sigwaitinfo(taken)\n"                                                         \
    "  print(info.si_signo, flush=True)\n"                                                         \
    "  if info.si_signo == signal.SIGTERM: sys.exit(15)"

struct job {
    pid_t pid;
    int out; /* of the program */
};

static struct job start_job(char *const argv[])
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    struct job job = {.pid = fork(), .out = ends[0]};
    if (job.pid == 0) {
        usual_dispositions();
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], 1);
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
        tool_exec(NULL, argv);
    }
    close(ends[1]);
    return job;
}

static void expect_signal(const struct job *job, int number)
{
    char expected[16];
    snprintf(expected, sizeof expected, "%d", number);
    cr_assert_str_eq(terminal_line(job->out, 5000), expected);
    cr_assert_str_empty(terminal_line(job->out, 300), "signal %d came twice", number);
}

static struct job start_counter(void)
{
    struct job job =
        start_job(ARGV(tool_path("echshim"), "--report", "/usr/bin/python3", "-c", COUNTER));
    cr_assert_str_eq(terminal_line(job.out, 10000), "ready");
    return job;
}

static int end_of(pid_t pid)
{
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

Test(report, a_signal_to_the_launcher_reaches_the_program_once)
{
    struct job job = start_counter();
    kill(job.pid, SIGUSR1);
    expect_signal(&job, SIGUSR1);
    kill(job.pid, SIGHUP);
    expect_signal(&job, SIGHUP);
    kill(job.pid, SIGWINCH);
    expect_signal(&job, SIGWINCH);
    kill(job.pid, SIGTERM);
    int status = end_of(job.pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 15);
}

Test(report, a_signal_to_the_group_reaches_the_program_once)
{
    struct job job = start_counter();
    for (int i = 0; i < 3; i++) {
        kill(-job.pid, SIGUSR1);
        expect_signal(&job, SIGUSR1);
    }
    /* After that, to the launcher alone again. */
    kill(job.pid, SIGUSR1);
    expect_signal(&job, SIGUSR1);
    kill(-job.pid, SIGTERM);
    int status = end_of(job.pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 15);
}

Test(report, the_program_ends_with_a_killed_launcher)
{
    struct job job = start_counter();
    kill(job.pid, SIGKILL);
    cr_assert(WIFSIGNALED(end_of(job.pid)));
    char octet;
    struct pollfd ended = {.fd = job.out, .events = POLLIN};
    cr_assert_eq(poll(&ended, 1, 5000), 1, "the program lives on");
    cr_assert_eq(read(job.out, &octet, 1), 0);
}

/* ---- job control: stopped from outside, as `kill -STOP` and `kill -CONT` do ---- */

Test(report, the_launcher_stops_with_the_program_and_goes_on_with_it)
{
    struct job job = start_job(ARGV(tool_path("echshim"), "--report", "sh", "-c",
                                    "echo ready; kill -TSTP $$; echo again; exit 4"));
    int status;
    cr_assert_str_eq(terminal_line(job.out, 10000), "ready");
    cr_assert_eq(waitpid(job.pid, &status, WUNTRACED), job.pid);
    cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP, "%#x", status);
    cr_assert_str_empty(terminal_line(job.out, 200));
    kill(job.pid, SIGCONT); /* to the launcher alone */
    cr_assert_str_eq(terminal_line(job.out, 5000), "again");
    status = end_of(job.pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

/* ---- a terminal: our own shell in its own session ---- */

Test(report, control_c_reaches_the_program_and_is_its_own_affair)
{
    struct terminal terminal = terminal_start(
        ARGV(tool_path("echshim"), "--report", "/bin/sh", "-c",
             "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done"));
    terminal_expect(&terminal, "ready");
    terminal_press(&terminal, "\003");
    terminal_expect(&terminal, "caught");
    terminal_expect(&terminal, "0 handshakes");
    cr_assert_str_eq(terminal_line(terminal.told, 5000), "exit 3");
}

Test(report, control_backslash_is_the_end_of_both)
{
    struct terminal terminal = terminal_start(
        ARGV(tool_path("echshim"), "--report", "/bin/sh", "-c", "echo ready; exec sleep 20"));
    terminal_expect(&terminal, "ready");
    terminal_press(&terminal, "\034");
    cr_assert_str_eq(terminal_line(terminal.told, 5000), "signal 3");
}

Test(report, control_z_stops_the_job_and_fg_continues_it)
{
    struct terminal terminal = terminal_start(
        ARGV(tool_path("echshim"), "--report", "/bin/sh", "-c", "echo ready; read x; echo got $x"));
    terminal_expect(&terminal, "ready");
    terminal_press(&terminal, "\032");
    cr_assert_str_eq(terminal_line(terminal.told, 5000), "stopped 20");
    terminal_press(&terminal, "word\n");
    terminal_expect(&terminal, "got word");
    cr_assert_str_eq(terminal_line(terminal.told, 5000), "exit 0");
}

/* The same without a parent in between: the tests above compare with this. */
Test(report, without_it_the_program_is_the_job)
{
    struct terminal terminal = terminal_start(
        ARGV(tool_path("echshim"), "--strict", "/bin/sh", "-c", "echo ready; read x; echo got $x"));
    terminal_expect(&terminal, "ready");
    terminal_press(&terminal, "\032");
    cr_assert_str_eq(terminal_line(terminal.told, 5000), "stopped 20");
    terminal_press(&terminal, "word\n");
    terminal_expect(&terminal, "got word");
    cr_assert_str_eq(terminal_line(terminal.told, 5000), "exit 0");
}

/* ---- the table ---- */

#define LINE(host, outcome, reason)                                                                \
    "{\"host\":" host ",\"port\":443,\"outcome\":\"" outcome "\",\"reason\":" reason               \
    ",\"public_name\":\"public.example\",\"kem\":32,\"kdf\":1,\"aead\":1,"                         \
    "\"hello_bytes_outer\":517,\"lookup_us\":132,\"hello_us\":12345}\n"

static struct tool_result report_of(char *const environment[], const char *lines, char *option,
                                    char *color)
{
    return tool_run(environment,
                    ARGV("echshim", option, "--report", color, "sh", "-c",
                         "printf '%s' \"$0\" >>\"$ECHSHIM_REPORT\"", (char *)(size_t)lines));
}

Test(report, table)
{
    struct tool_result result = report_of(NULL,
                                          LINE("\"secret.example.org\"", "accepted", "null")
                                              LINE("\"a.example\"", "grease", "\"no_record\""),
                                          "--quiet", "--color=auto");
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.err,
                     "HOST                OUTCOME   WHY                       PUBLIC NAME     "
                     "SUITE                      BYTES  LOOK-UP  HELLO\n"
                     "secret.example.org  accepted  -                         public.example  "
                     "X25519/SHA256/AES-128-GCM    517   132 us  12 ms\n"
                     "a.example           grease    no ECH key for this name  public.example  "
                     "X25519/SHA256/AES-128-GCM    517   132 us  12 ms\n"
                     "2 handshakes: 1 accepted, 1 grease\n");
}

Test(report, other_ports_and_nulls)
{
    struct tool_result result =
        report_of(NULL,
                  "{\"host\":\"a.example\",\"port\":8443,\"outcome\":\"refused\"}\n"
                  "{\"host\":null,\"port\":null,\"outcome\":\"plain\",\"kem\":null}\n",
                  "--quiet", "--color=auto");
    tool_expect_err(&result, "\na.example:8443  refused  -    -            -");
    tool_expect_err(&result, "\n-               plain ");
    tool_expect_err(&result, "2 handshakes: 1 plain, 1 refused\n");
}

/* The same word means something else with another outcome; an unknown one stays. */
Test(report, reasons_in_words_and_every_outcome_is_counted)
{
    struct tool_result result = report_of(
        NULL,
        LINE("\"a.example\"", "grease", "\"nodata\"") LINE("\"a.example\"", "grease", "\"refused\"")
            LINE("\"a.example\"", "failed", "\"refused\"") LINE("\"a.example\"", "own_ech", "null")
                LINE("\"a.example\"", "plain", "\"of_the_future\""),
        "--quiet", "--color=never");
    tool_expect_err(&result, "  grease   no HTTPS record ");
    tool_expect_err(&result, "  grease   the resolver refused (REFUSED) ");
    tool_expect_err(&result, "  failed   the shim ended the handshake ");
    tool_expect_err(&result, "  plain    of_the_future ");
    tool_expect_err(&result, "\n5 handshakes: 2 grease, 1 plain, 1 own_ech, 1 failed\n");
    result = report_of(NULL, LINE("\"a.example\"", "grease", "\"nodata\""), "--quiet", "--json");
    tool_expect_err(&result, "\"reason\": \"nodata\"");
}

/* Its memory does not grow with the report: half a gigabyte would do for 250,000 rows otherwise. */
Test(report, a_hundred_thousand_lines)
{
    char *script = NULL;
    cr_assert_gt(asprintf(&script,
                          "ulimit -v 200000; '%s' --off --report sh -c 'yes \"$0\" | head -n "
                          "100000 >>\"$ECHSHIM_REPORT\"' \"$0\" 2>&1 | tail -n 1",
                          tool_path("echshim")),
                 0);
    struct tool_result result = tool_run(
        NULL, ARGV("/bin/sh", "-c", script, "{\"host\":\"a.example\",\"outcome\":\"accepted\"}"));
    tool_expect_exit(&result, 0);
    cr_assert_str_eq(result.out, "100000 handshakes: 100000 accepted\n");
}

/* A name may contain any octets. */
Test(report, hostile_names_and_lines)
{
    struct tool_result result = report_of(
        NULL, LINE("\"\\u001b[2J\\u0007evil\"", "accepted", "null") "no JSON\n[1]\n{\"host\"\n",
        "--quiet", "--color=auto");
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, "?[2J?evil");
    cr_assert_null(strchr(result.err, '\033'));
    tool_expect_err(&result, "1 handshake: 1 accepted\n");
    /* A control character of eight bits (CSI), and a NUL. */
    result = report_of(NULL, LINE("\"a\\u009b2J\\u0000b\"", "plain", "\"\\u009b\""), "--quiet",
                       "--color=auto");
    tool_expect_err(&result, "a??2J?b");
}

Test(report, colour_only_where_it_is_wanted)
{
    const char *line = LINE("\"a.example\"", "accepted", "null");
    struct tool_result result = report_of(ARGV("TERM=xterm"), line, "--quiet", "--color=auto");
    cr_assert_null(strchr(result.err, '\033'), "no terminal");
    result = report_of(NULL, line, "--quiet", "--color=always");
    tool_expect_err(&result, "\033[32maccepted\033[0m");
    result = report_of(NULL, line, "--quiet", "--color=never");
    cr_assert_null(strchr(result.err, '\033'));
}

static bool terminal_is_colored(char *const variables[])
{
    char *script = NULL;
    cr_assert_gt(
        asprintf(&script,
                 "%s %s %s --report sh -c 'printf \"%%s\" \"$0\" >>\"$ECHSHIM_REPORT\"' '%s'",
                 variables[0], variables[1], tool_path("echshim"),
                 LINE("\"a.example\"", "accepted", "null")),
        0);
    struct terminal terminal = terminal_start(ARGV("/bin/sh", "-c", script));
    for (int i = 0; i < 10; i++) {
        const char *line = terminal_line(terminal.master, 5000);
        if (strstr(line, "a.example") != NULL) {
            return strchr(line, '\033') != NULL;
        }
    }
    cr_assert_fail("no table");
    return false;
}

Test(report, colour_on_terminals_but_for_no_color)
{
    cr_assert(terminal_is_colored(ARGV("A=1", "B=1")));
    cr_assert_not(terminal_is_colored(ARGV("NO_COLOR=1", "B=1")));
    cr_assert(terminal_is_colored(ARGV("NO_COLOR=", "B=1")), "empty is not set");
    cr_assert_not(terminal_is_colored(ARGV("TERM=dumb", "B=1")));
}

Test(report, json)
{
    struct tool_result result =
        report_of(NULL, LINE("\"a.example\"", "accepted", "null") LINE("null", "plain", "\"quic\""),
                  "--json", "--color=always");
    tool_expect_exit(&result, 0);
    json_t *all = json_loads(result.err, 0, NULL);
    const json_t *lines = json_object_get(all, "handshakes");
    cr_assert_eq(json_array_size(lines), 2, "%s", result.err);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(lines, 0), "public_name")),
                     "public.example");
    json_decref(all);
}

/* Whoever collects reports gets the same lines. */
Test(report, the_lines_go_where_they_were_wanted_too)
{
    char *to = NULL;
    char *file = NULL;
    const char *line = LINE("\"a.example\"", "accepted", "null");
    cr_assert_gt(asprintf(&file, "%s/lines", tool_temporary()), 0);
    cr_assert_gt(asprintf(&to, "ECHSHIM_REPORT=%s", file), 0);
    struct tool_result result = report_of(ARGV(to), line, "--quiet", "--color=auto");
    tool_expect_err(&result, "1 handshake: 1 accepted\n");
    char *option = NULL;
    cr_assert_gt(asprintf(&option, "--report=%s", file), 0);
    result = report_of(NULL, line, option, "--color=auto");
    result = tool_run(NULL, ARGV("/bin/cat", file));
    cr_assert_eq(strlen(result.out), 2 * strlen(line));
    cr_assert_eq(strncmp(result.out, line, strlen(line)), 0);
    char *conf = NULL;
    char *text = NULL;
    cr_assert_gt(asprintf(&text, "[default]\nreport = %s2\n", file), 0);
    cr_assert_gt(asprintf(&conf, "ECHSHIM_CONF=%s", tool_file("mine.conf", text, 0644)), 0);
    result = report_of(ARGV(conf), line, "--quiet", "--color=auto");
    tool_expect_err(&result, "1 handshake: 1 accepted\n");
    char *second = NULL;
    cr_assert_gt(asprintf(&second, "%s2", file), 0);
    result = tool_run(NULL, ARGV("/bin/cat", second));
    cr_assert_str_eq(result.out, line);
    result = report_of(ARGV("ECHSHIM_REPORT=fd:1"), line, "--quiet", "--color=auto");
    cr_assert_str_eq(result.out, line);
    result = report_of(ARGV("ECHSHIM_REPORT=/nowhere/lines"), line, "--quiet", "--color=auto");
    tool_expect_err(&result, "echshim: the report cannot be written to /nowhere/lines: ");
}
