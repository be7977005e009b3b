/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts the detours into a Go program that has not begun to run. */
#ifndef TOOLS_ECHSHIM_DETOUR_PLACE_H
#define TOOLS_ECHSHIM_DETOUR_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "shim/common/supervision.h"
#include "tools/echshim/go/plan.h"

/*
 * `process` is traced by the caller, and stopped on its way to the first instruction after execve.
 * It stays stopped, with its registers as they were. False: nothing of the program was changed, and
 * *why says why.
 */
bool go_place(pid_t process, const struct go_plan *plan, const struct shim_pass *pass,
              const char **why);

#endif
