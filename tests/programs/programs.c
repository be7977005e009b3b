/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs.h"

#include "stage.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

enum { NSS_MAJOR = 3, NSS_MINOR_WITH_ECH = 87 };

/* Does the program's NSS come from before the ECH of RFC 9849? */
static bool has_old_nss(const struct program *program)
{
    char version[64];
    if (!program->on_nss || !package_version("libnss3", version)) {
        return false;
    }
    const char *epoch = strchr(version, ':');
    char *rest;
    unsigned long major = strtoul(epoch != NULL ? epoch + 1 : version, &rest, 10);
    unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
    return major == NSS_MAJOR && minor < NSS_MINOR_WITH_ECH;
}

const char *usual_outcome(const struct program *program, enum key key, enum way way)
{
    /* Where a name has no record, the same name with labels in front does not exist. */
    static const char *const none[2][2] = {{"grease: nodata", "refused: nodata"},
                                           {"grease: nxdomain", "refused: nxdomain"}};
    if (has_old_nss(program)) {
        return way == WAY_OPPORTUNISTIC ? "plain: library" : "refused: library";
    }
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
