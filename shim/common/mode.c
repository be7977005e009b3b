/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/mode.h"

#include <stddef.h>
#include <string.h>

static const char *const mode_names[] = {
    [SHIM_MODE_OFF] = "off",
    [SHIM_MODE_GREASE] = "grease",
    [SHIM_MODE_OPPORTUNISTIC] = "opportunistic",
    [SHIM_MODE_STRICT] = "strict",
};

bool shim_mode_parse(const char *word, enum shim_mode *mode)
{
    if (word == NULL || *word == '\0') {
        *mode = SHIM_MODE_OPPORTUNISTIC;
        return true;
    }
    for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
        if (strcmp(word, mode_names[i]) == 0) {
            *mode = (enum shim_mode)i;
            return true;
        }
    }
    *mode = SHIM_MODE_STRICT;
    return false;
}

const char *shim_mode_name(enum shim_mode mode)
{
    return mode_names[mode];
}
