/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts the detours into a stopped Go program. */
#ifndef TOOLS_ECHSHIM_DETOUR_PLACE_H
#define TOOLS_ECHSHIM_DETOUR_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/common/supervision.h"
#include "tools/echshim/go/plan.h"

/*
 * `process`, or a thread, is traced by the caller. It is stopped on its way to the first
 * instruction after execve, or on its way out of a system call while all other threads are stopped
 * too. It stays stopped, with its registers and its signal mask as they were. Meanwhile it gets no
 * signal. False: nothing of the program was changed, and *why says why. One thread of ours at a
 * time may call this.
 */
bool go_place_undisturbed(pid_t process, const struct go_plan *plan, const struct shim_pass *pass,
                          const char **why);

/* How far above the addresses of its file the kernel has put the program. False: it cannot be read.
 */
bool go_place_base(pid_t process, const struct go_plan *plan, uint64_t *base);

/* Does an instruction that makes a system call end at this address of a stopped process? */
bool go_place_is_behind_call(pid_t process, uint64_t address);

#endif
