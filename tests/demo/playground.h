/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_DEMO_PLAYGROUND_H
#define TESTS_DEMO_PLAYGROUND_H

#include "tests/preload/world.h"

/* A shell in the world of the demonstration (make playground), or one command there: the tools are
 * in its PATH, and what the world's authority has signed is trusted; the shim is in no program that
 * does not ask for it. Gives the exit status. */
int playground_run(struct world *world, const char *command);

#endif
