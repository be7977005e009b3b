/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/echshim/echshim.h"

/* 0: go on; else refused. */
static int check(const struct program *program, const struct options *options)
{
    char why[PATH_MAX + 128];
    char why_not_listed[PATH_MAX + 128];
    bool strict = conf_mode(program) == SHIM_MODE_STRICT;
    const char *obstacle = program_obstacle(program, why, sizeof why);
    if (obstacle == NULL && strict &&
        !prove_rehearse(program, why_not_listed, sizeof why_not_listed)) {
        obstacle = why_not_listed;
    }
    if (obstacle == NULL) {
        return 0;
    }
    bool may_be_held =
        obstacle != why_not_listed && !options->refuse_programs && program_can_be_held(program);
    if (may_be_held && (strict || go_program_is_led(program))) {
        return 0; /* execute_watched decides: a supervisor may hold it, or lead it */
    }
    if (strict) {
        return execute_refuse(program, obstacle);
    }
    if (!options->quiet) {
        say(ECHSHIM, "%s runs without the shim: %s", program->path, obstacle);
    }
    return 0;
}

static int set_up(struct program *program, const struct options *options)
{
    char library[PATH_MAX];
    if (!library_find(library) ||
        !library_preload(library, program->reach == SHIM_PRELOADABLE_LIBC)) {
        return EXIT_OWN;
    }
    program->covered = program->reach == SHIM_PRELOADABLE_MACHINE &&
                       library_covers(library, &program->chain[program->culprit].image);
    /* This is for what the program executes; the watcher adds the part for the program itself. */
    const char *follow = execute_follow(program, options);
    if (follow == NULL ? unsetenv("ECHSHIM_LAUNCHER") != 0
                       : setenv("ECHSHIM_LAUNCHER", follow, 1) != 0) {
        say(ECHSHIM, "there is no memory for the settings");
        return EXIT_OWN;
    }
    /* Where the stub finds us, for Go programs that the program executes. */
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    bool leads = length > 0 && !options->refuse_programs && go_program_may_be_led(program);
    if (leads ? setenv("ECHSHIM_LEADER", own, 1) != 0 : unsetenv("ECHSHIM_LEADER") != 0) {
        say(ECHSHIM, "there is no memory for the settings");
        return EXIT_OWN;
    }
    return check(program, options);
}

int run_program(struct program *program, const struct options *options)
{
    execute_begin();
    int code = conf_mode(program) != SHIM_MODE_OFF ? set_up(program, options) : 0;
    if (code != 0) {
        return code;
    }
    return options_stay(options) ? wait_for_program(program, options)
                                 : execute_watched(program, options);
}
