/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_DEMO_PLAYGROUND_H
#define TESTS_DEMO_PLAYGROUND_H

#include "tests/preload/world.h"

/* Runs a shell (make playground), or one command, in the world of the demonstration, and returns
 * the exit status. The tools are in its PATH, and it trusts what the world's authority has signed.
 * Only programs that ask for the shim have it. */
int playground_run(struct world *world, const char *command);

#endif
