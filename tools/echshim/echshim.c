/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim: runs a program with the shim loaded, and makes sure that it is. */
#include "tools/echshim/echshim.h"

int main(int argc, char *argv[])
{
    static struct program program;
    struct options options;
    int code = options_parse(&options, argc, argv);
    if (code != 0) {
        return code;
    }
    switch (options.action) {
    case ACTION_HELP:
        options_help(stdout);
        return fflush(stdout) == 0 ? 0 : EXIT_OWN;
    case ACTION_VERSION:
        (void)puts(ECHSHIM " " ECHSHIM_VERSION);
        return fflush(stdout) == 0 ? 0 : EXIT_OWN;
    case ACTION_CHECK_CONF:
        return conf_check(options.program[0]);
    default:
        break;
    }
    bool module =
        options.action == ACTION_INSPECT && program_find_module(&program, options.program[0]);
    code = module ? 0 : program_find(&program, options.program);
    if (code != 0) {
        return code;
    }
    return options.action == ACTION_INSPECT ? inspect_print(&program, &options)
                                            : run_program(&program, &options);
}
