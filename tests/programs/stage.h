/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PROGRAMS_STAGE_H
#define TESTS_PROGRAMS_STAGE_H

/* A world for one program, in which it runs again and again, and what is to be seen of each run.
 * One per process, like the world; fails by require.h. */

#include "judge.h"
#include "programs.h"

/* What the HTTPS server says to everybody. */
#define SAYS_HTTPS "hello from " INNER_NAME

struct stage;

/* The version of a package in the root that programs run in; false if it is not installed there. */
bool package_version(const char *package, char version[static 64]);

/* The world, in which the system trusts the tests' authority; runs the program's preparation. */
struct stage *stage_start(const struct program *program, enum key key);

/* Runs the program without the shim (NULL), or with it and these settings, NAME=VALUE. What it
 * leaves running is killed. The texts of *seen live as long as the process. */
void stage_run(struct stage *stage, char *const settings[], struct run_seen *seen);

/* The TLS library of all handshakes reported so far: as the report says, or "-". */
const char *stage_library(const struct stage *stage);

#endif
