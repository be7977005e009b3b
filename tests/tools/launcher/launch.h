/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_TOOLS_LAUNCHER_LAUNCH_H
#define TESTS_TOOLS_LAUNCHER_LAUNCH_H

#include "tests/preload/world.h"

/* Runs a shell's command line under echshim with these options, in a world of the preload tests. */
struct run_result launch(struct world *world, const char *options, const char *command);

#endif
