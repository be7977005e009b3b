/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs of a shell at a terminal: held programs stop, go on and end as others do. */
#include "tests/tools/launcher/terminal.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

TestSuite(supervisor_terminal, .fini = tool_end, .timeout = 60);

static const char job[] = "import os, signal\n"
                          "signal.signal(signal.SIGCONT, lambda *about: os.write(1, b'again\\n'))\n"
                          "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
                          "print('running', flush=True)\n"
                          "while True: signal.pause()\n";

#define BASH "/bin/bash", "--norc", "--noprofile", "--noediting", "-i"

/* What is typed is shown too. So what a command should print is written in two parts: wo''rd. */
static void enter(const struct terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void enter(const struct terminal *terminal, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    terminal_press(terminal, line);
    terminal_press(terminal, "\n");
}

/* `prefix` stands before each program, as the user would type it. */
static void use_jobs(const struct terminal *terminal, const char *prefix)
{
    enter(terminal, "JOB='%s'; echo re''ady", tool_file("job.py", job, 0600));
    terminal_expect(terminal, "ready");
    /* The job says when it goes on. By then it has the terminal, if it is in the foreground. */
    for (int turn = 0; turn < 2; turn++) {
        enter(terminal, "%s python3 \"$JOB\"", prefix);
        terminal_expect(terminal, "running");
        terminal_press(terminal, "\032");
        terminal_expect(terminal, "Stopped");
        enter(terminal, turn == 0 ? "bg" : "fg");
        terminal_expect(terminal, "again");
        if (turn == 0) {
            enter(terminal, "jobs -r");
            terminal_expect(terminal, "Running");
            enter(terminal, "kill -KILL %%1; wait");
        }
    }
    terminal_press(terminal, "\003");
    enter(terminal, "echo st''atus $?");
    terminal_expect(terminal, "status 130");
    /* A job in the background reads (SIGTTIN), or writes (SIGTTOU). */
    enter(terminal, "%s cat &", prefix);
    enter(terminal, "while [ -z \"$(jobs -s)\" ]; do sleep 0.1; done; jobs; fg");
    terminal_expect(terminal, "Stopped");
    enter(terminal, "a word");
    terminal_expect(terminal, "a word");
    terminal_expect(terminal, "a word"); /* from cat */
    terminal_press(terminal, "\004");
    enter(terminal, "stty tostop; %s sh -c 'echo out''put' &", prefix);
    enter(terminal, "while [ -z \"$(jobs -s)\" ]; do sleep 0.1; done; jobs; fg");
    terminal_expect(terminal, "Stopped");
    terminal_expect(terminal, "output");
    enter(terminal, "stty -tostop");
    /* The program itself is the job, and has the terminal. */
    enter(terminal,
          "%s python3 -c 'import os; print(\"the j\" + \"ob:\", "
          "os.tcgetpgrp(0) == os.getpgrp() == os.getpid() and os.getsid(0) == os.getsid(%s))'",
          prefix, "os.getppid()");
    terminal_expect(terminal, "the job: True");
    enter(terminal, "kill -9 $$");
}

Test(supervisor_terminal, of_a_shell)
{
    char prefix[512];
    struct terminal terminal = terminal_start_shell(ARGV(BASH));
    snprintf(prefix, sizeof prefix, "'%s' -q --strict", tool_path("echshim"));
    use_jobs(&terminal, prefix);
}

Test(supervisor_terminal, of_a_shell_that_is_held)
{
    struct terminal terminal =
        terminal_start_shell(ARGV(tool_path("echshim"), "-q", "--strict", BASH));
    use_jobs(&terminal, "");
}

/* As the tests above, without the shim. */
Test(supervisor_terminal, baseline)
{
    struct terminal terminal = terminal_start_shell(ARGV(BASH));
    use_jobs(&terminal, "");
}
