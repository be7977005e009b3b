/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads ECHSHIM_MODE, for the stub and the engine.
 */
#ifndef SHIM_COMMON_MODE_H
#define SHIM_COMMON_MODE_H

#include <stdbool.h>

enum shim_mode {
    SHIM_MODE_OFF,
    SHIM_MODE_GREASE, /* GREASE ECH for every server: nothing is looked up, no ECHConfig is used */
    SHIM_MODE_OPPORTUNISTIC,
    SHIM_MODE_STRICT
};

/*
 * The mode that a word names; NULL or "" is the default, opportunistic. An unknown word gives
 * strict, the safe choice, and false: the caller reports it.
 */
bool shim_mode_parse(const char *word, enum shim_mode *mode);
/* The word for a mode; static storage. */
const char *shim_mode_name(enum shim_mode mode);

#endif
