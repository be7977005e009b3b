/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/echshim/echshim.h"

/* The disposition of SIGCHLD at our start. If it was ignored, we could not wait for children. */
static struct sigaction child_signal;

void execute_begin(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGCHLD, &usual, &child_signal);
}

/* As in execvp: the file becomes the shell's first argument. */
static void execute_by_shell(const struct program *program, char *const argv[])
{
    static char name[] = "sh";
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **shell = calloc(count + 2, sizeof *shell);
    if (shell == NULL) {
        return;
    }
    shell[0] = name;
    shell[1] = (char *)(uintptr_t)program->path;
    memcpy(shell + 2, argv + 1, count * sizeof *shell); /* with the NULL */
    (void)execve("/bin/sh", shell, environ);
    int problem = errno;
    free(shell);
    errno = problem;
}

static int execute(const struct program *program, char *const argv[])
{
    if (program->shell) {
        execute_by_shell(program, argv);
    } else {
        (void)execve(program->path, argv, environ);
    }
    int problem = errno;
    prove_give_up();
    bool missing = problem == ENOENT;
    say(ECHSHIM, "%s: it cannot be executed: %s", program->path,
        missing ? "its interpreter or loader is missing" : strerror(problem));
    return EXIT_NOT_RUN;
}

int execute_watched(const struct program *program, const struct options *options)
{
    char why[PATH_MAX + 128];
    bool strict = conf_mode(program) == SHIM_MODE_STRICT;
    bool watched = conf_mode(program) != SHIM_MODE_OFF && (strict || !options->quiet) &&
                   program_obstacle(program, why, sizeof why) == NULL;
    if (watched && !prove_watch(program->path, strict) && strict) {
        return EXIT_REFUSED;
    }
    (void)sigaction(SIGCHLD, &child_signal, NULL);
    return execute(program, options->program);
}
