/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/terminal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/dispositions.h"
#include "tests/tools/launcher/tool.h"

const char *terminal_line(int fd, int wait_ms)
{
    static char line[256];
    size_t length = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (length < sizeof line - 1 && poll(&ready, 1, wait_ms) == 1 &&
           read(fd, line + length, 1) == 1) {
        if (line[length] == '\n') {
            break;
        }
        if (line[length] != '\r') {
            length++;
        }
    }
    line[length] = '\0';
    return line;
}

/* Runs the job in the foreground; continues it once after a stop, as `fg` does. */
static void be_shell(int tell, char *const argv[])
{
    usual_dispositions();
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(0, getpid());
        signal(SIGTTOU, SIG_DFL);
        tool_exec(ARGV("TERM=xterm"), argv);
    }
    signal(SIGTTOU, SIG_IGN);
    int status;
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        dprintf(tell, "stopped %d\n", WSTOPSIG(status));
        tcsetpgrp(0, job);
        kill(-job, SIGCONT);
    }
    dprintf(tell, WIFEXITED(status) ? "exit %d\n" : "signal %d\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    /* The test reads what is in the terminal before the terminal goes. */
    sleep(1);
    _exit(0);
}

struct terminal terminal_start(char *const argv[])
{
    int ends[2];
    struct terminal terminal;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = forkpty(&terminal.master, NULL, NULL, NULL);
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        be_shell(ends[1], argv);
    }
    close(ends[1]);
    terminal.told = ends[0];
    return terminal;
}

struct terminal terminal_start_shell(char *const argv[])
{
    struct terminal terminal = {.told = -1};
    pid_t pid = forkpty(&terminal.master, NULL, NULL, NULL);
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        usual_dispositions();
        tool_exec(ARGV("TERM=dumb", "PS1="), argv);
    }
    return terminal;
}

void terminal_press(const struct terminal *terminal, const char *keys)
{
    cr_assert_eq(write(terminal->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

void terminal_expect(const struct terminal *terminal, const char *text)
{
    enum { SECONDS = 20 };
    static char shown[8192];
    size_t length = 0;
    time_t end = time(NULL) + SECONDS;
    while (time(NULL) < end && length < sizeof shown - 1) {
        const char *line = terminal_line(terminal->master, 1000);
        if (strstr(line, text) != NULL) {
            return;
        }
        length += (size_t)snprintf(shown + length, sizeof shown - length, "%s\n", line);
    }
    cr_assert_fail("the terminal does not show %s, but\n%s", text, shown);
}
