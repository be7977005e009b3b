/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/tools/launcher/tool.h"

/* A sanitized engine needs its runtime in front of every other library. */
struct run_result launch(struct world *world, const char *options, const char *command)
{
    char line[2048];
    char launcher[sizeof world->folder + sizeof "/open/echshim"];
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(launcher, sizeof launcher, "%s/open/echshim", world->folder);
    snprintf(
        line, sizeof line,
        "%s%s%s ASAN_OPTIONS=detect_leaks=0 '%s' --resolver=system --ca-file=\"$CA\" --private %s "
        "-- %s",
        runtime != NULL ? "LD_PRELOAD='" : "", runtime != NULL ? runtime : "",
        runtime != NULL ? "'" : "", access(launcher, X_OK) == 0 ? launcher : tool_path("echshim"),
        options, command);
    return world_shell(world, RUN_PLAIN, NULL, line);
}
