/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_UNIT_SETTINGS_RIG_H
#define TESTS_UNIT_SETTINGS_RIG_H

/* Settings of a process that starts with this environment and configuration file. */

#include "shim/engine/settings/settings.h"

enum { RIG_ITEMS = 24, RIG_SAID = 4096 };

struct settings_rig {
    const char *items[RIG_ITEMS]; /* NAME and value in turn, then NULL */
    const char *file;             /* text of RIG_FILE, or NULL */
    bool trusted;                 /* it may lock */
    unsigned problems;
    char said[RIG_SAID]; /* one line each */
    struct shim_conf conf;
};

#define RIG_FILE "/etc/echshim.conf"

/* Any other number of problems fails the test. settings_rig_free frees it, with the conf. */
struct shim_settings settings_rig_parse(struct settings_rig *rig, unsigned problems);
void settings_rig_free(struct shim_settings *settings);
/* The conf alone. */
void settings_rig_conf(struct settings_rig *rig);

#endif
