/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/echshim/echshim.h"

/* What SIGCHLD was when we were started: a parent that ignores it would have us find no children.
 */
static struct sigaction child_signal;

/* As execvp does: the file becomes the first argument of the shell. */
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

int run_execute(const struct program *program, const struct options *options)
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

/* 0: go on; else refused. */
static int check(const struct program *program, const struct options *options)
{
    char why[PATH_MAX + 128];
    bool strict = conf_mode(program) == SHIM_MODE_STRICT;
    const char *obstacle = program_obstacle(program, why, sizeof why);
    if (obstacle == NULL && strict && !prove_rehearse(program, why, sizeof why)) {
        obstacle = why;
    }
    if (obstacle == NULL) {
        return 0;
    }
    if (strict) {
        conf_say_problems(program); /* they may be why */
        say(ECHSHIM, "%s is not run, for the shim would not be in it: %s", program->path, obstacle);
        return EXIT_REFUSED;
    }
    if (!options->quiet) {
        say(ECHSHIM, "%s runs without the shim: %s", program->path, obstacle);
    }
    return 0;
}

static int set_up(struct program *program, const struct options *options)
{
    char library[PATH_MAX];
    bool strict = conf_mode(program) == SHIM_MODE_STRICT;
    if (!library_find(library) || !library_preload(library)) {
        return EXIT_OWN;
    }
    program->covered = program->reach == SHIM_REACH_MACHINE &&
                       library_covers(library, &program->chain[program->culprit].image);
    /* For what the program executes; the watcher adds what is for the program itself. */
    const char *follow = strict ? "strict" : options->quiet ? NULL : "warn";
    if (follow == NULL ? unsetenv("ECHSHIM_LAUNCHER") != 0
                       : setenv("ECHSHIM_LAUNCHER", follow, 1) != 0) {
        say(ECHSHIM, "there is no memory for the settings");
        return EXIT_OWN;
    }
    return check(program, options);
}

int run_program(struct program *program, const struct options *options)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGCHLD, &usual, &child_signal);
    int code = conf_mode(program) != SHIM_MODE_OFF ? set_up(program, options) : 0;
    if (code != 0) {
        return code;
    }
    return options->table ? wait_for_program(program, options) : run_execute(program, options);
}
