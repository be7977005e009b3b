/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the value of each setting may be, on the command line and in configuration files. */
#ifndef TOOLS_ECHSHIM_SETTINGS_H
#define TOOLS_ECHSHIM_SETTINGS_H

#include <stdbool.h>

#include "shim/common/conf.h"

/* A setting is a key of shim/common/conf.h, or this: the file that the variable ECHSHIM_CONF names.
 */
enum { SETTING_CONF = SHIM_CONF_KEYS };

/* Why the setting cannot have this value, as a sentence without its stop; NULL: it can. */
const char *setting_check(int index, const char *value);

/* Its value becomes an absolute path, because the program may change its folder. */
bool setting_is_path(int index);

/* Why this file cannot be read; NULL: it can. */
const char *setting_check_readable(const char *path);

#endif
