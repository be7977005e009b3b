/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Go programs make ECH themselves if the launcher starts them. So where this process executes one,
 * the stub executes the launcher in its place, which becomes the program: "echshim --lead -- PATH
 * ARGUMENTS", with the program's argv[0] as the launcher's own. The launcher has left its path in
 * ECHSHIM_LEADER.
 */
#ifndef SHIM_STUB_LEAD_H
#define SHIM_STUB_LEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "shim/common/executable.h"

/* More arguments that the launcher gets. */
enum { STUB_LEAD_ARGUMENTS = 4 };

/* The launcher's path; NULL: there is none to be executed. All of these are async-signal-safe. */
const char *stub_leader(void);

/* Is this process the launcher itself? It decides about what it executes. */
bool stub_is_leader(void);

/* Shall the launcher be executed in the place of this program? */
bool stub_leads(const char *path, const struct shim_executable *image, char *const argv[]);

/* Writes the launcher's arguments; `out` has room for those of the program and
 * STUB_LEAD_ARGUMENTS. */
void stub_lead_arguments(char *out[], const char *path, bool quiet, char *const argv[]);

#endif
