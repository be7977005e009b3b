/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs.h"

#include <stddef.h>

const struct program *program_at(unsigned number)
{
    static const struct program *const lists[] = {programs_https, programs_scripts,
                                                  programs_proxies, programs_services};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct program *program = lists[i]; program->name != NULL; program++) {
            if (number-- == 0) {
                return program;
            }
        }
    }
    return NULL;
}

const char *usual_outcome(const struct program *program, enum key key, enum way way)
{
    /* Where a name has no record, the same name with labels in front does not exist. */
    static const char *const none[2][2] = {{"grease: nodata", "refused: nodata"},
                                           {"grease: nxdomain", "refused: nxdomain"}};
    for (size_t i = 0; i < sizeof program->deviations / sizeof *program->deviations; i++) {
        if ((program->deviations[i].where & AT(key, way)) != 0) {
            return program->deviations[i].outcome;
        }
    }
    switch (key) {
    case KEY_CURRENT:
        return "accepted";
    case KEY_STALE:
        return "accepted after a retry";
    default:
        return none[program->port != 0][way != WAY_OPPORTUNISTIC];
    }
}
