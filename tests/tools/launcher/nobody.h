/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests that begin as root, and go on as another user. */
#ifndef TESTS_TOOLS_LAUNCHER_NOBODY_H
#define TESTS_TOOLS_LAUNCHER_NOBODY_H

#include <stdbool.h>

/* For tool_run_before. */
void nobody_become(void *context);
/* Puts the launcher and /bin/true into tool_temporary(), where the user nobody can run them. False:
 * we are not root enough. */
bool nobody_launcher(char **launcher);

#endif
