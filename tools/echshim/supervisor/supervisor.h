/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holds a program and all that it starts (docs/architecture.md, The supervisor). The launcher calls
 * supervisor_begin, later supervisor_hold, and then executes the program.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_SUPERVISOR_H
#define TOOLS_ECHSHIM_SUPERVISOR_SUPERVISOR_H

#include "shim/common/supervision.h"
#include "tools/echshim/supervisor/serve.h"

enum supervisor_start {
    SUPERVISOR_NOT_WANTED,
    SUPERVISOR_STARTED,
    SUPERVISOR_HELD_ALREADY, /* an outer launcher's supervisor does what ours would */
    SUPERVISOR_IMPOSSIBLE,   /* *why says why */
};

/*
 * Starts the supervisor's process, which is not our child. `supervisor` has everything but the
 * listener and the pass. On success the caller goes on with supervisor_hold or supervisor_dismiss.
 */
enum supervisor_start supervisor_begin(const struct supervisor *supervisor, const char **why);

/*
 * Waits until the supervisor has tried whether it can read our memory. Installs the filter in this
 * process, for ever, and hands its listener to the supervisor. Sets
 * ECHSHIM_SUPERVISOR. Until this process executes a program, it must not call what the filter
 * holds.
 */
enum supervisor_start supervisor_hold(const struct supervisor_policy *policy, const char **why);

/* Ends the supervisor's process before it held anything. */
void supervisor_dismiss(void);

/* Could the filter be installed here? Tries it in a child. */
bool supervisor_is_possible(const struct supervisor_policy *policy, const char **why);

#endif
