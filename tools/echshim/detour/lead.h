/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another process of ours, the leader, puts the detours into the program that this process will
 * execute, and ends. It traces only from lead_begin until the program's first instruction.
 */
#ifndef TOOLS_ECHSHIM_DETOUR_LEAD_H
#define TOOLS_ECHSHIM_DETOUR_LEAD_H

#include <stdbool.h>

#include "shim/common/supervision.h"
#include "tools/echshim/go/plan.h"

/*
 * Starts the leader, which traces this process from now on. Call this before the filter of the
 * supervisor is installed, and before PR_SET_PTRACER is set to the supervisor. False: tracing is
 * forbidden or impossible, and *why says why.
 */
bool lead_begin(const struct go_plan *plan, const struct shim_pass *pass, const char **why);

/* Tries whether lead_begin can trace this process, without doing more. */
bool lead_is_possible(const char **why);

#endif
