/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_TOOLS_LAUNCHER_GO_PROGRAM_H
#define TESTS_TOOLS_LAUNCHER_GO_PROGRAM_H

/* A Go program of our own (tests/tools/go/handshakes.go) under echshim: make check-go, which builds
 * it. */

#include "tests/tools/launcher/launch.h"

/* Its file; NULL: it was not built. */
const char *go_program(void);
/* A world for it. NULL, with a word that the test is skipped, if it was not built. */
struct world *go_program_start(const struct world_options *options);
/* The shell's words that run it with these arguments; they live as long as the process. */
char *go_program_command(const char *arguments);
/* Prints the first line of its output. */
void go_program_say(const char *what, const struct run_result *result);

#endif
