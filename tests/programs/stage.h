/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PROGRAMS_STAGE_H
#define TESTS_PROGRAMS_STAGE_H

/* A world for one program, in which it runs again and again, and what each run shows. One per
 * process, like the world; fails by require.h. */

#include "judge.h"
#include "programs.h"

/* What the HTTPS server says to every client. */
#define SAYS_HTTPS "hello from " INNER_NAME

struct stage;

/* The version of a package in the root that programs run in; false if it is not installed there. */
bool package_version(const char *package, char version[static 64]);

/* Makes the world, in which the system trusts the tests' authority, and runs the program's
 * preparation. */
struct stage *stage_start(const struct program *program, enum key key);

/* Runs the program without the shim (NULL), or with it and these settings, NAME=VALUE. Kills what
 * the program leaves running. The texts of *seen live as long as the process. */
void stage_run(struct stage *stage, char *const settings[], struct run_seen *seen);

/* The TLS library of all handshakes reported so far, in the report's words, or "-". */
const char *stage_library(const struct stage *stage);

#endif
