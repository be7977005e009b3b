/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System calls that carry a pass, by an instruction of our own (shim/common/supervision.h). */
#ifndef SHIM_COMMON_PASSING_CALL_H
#define SHIM_COMMON_PASSING_CALL_H

#include "shim/common/supervision.h"

/*
 * Makes a system call of at most four arguments, with the pass in the registers of the fifth and
 * the sixth. Afterwards these registers are empty: no later call can carry the pass by accident.
 * Returns what the kernel does: -errno for an error. Async-signal-safe; no cancellation point.
 */
long shim_passing_call(const struct shim_pass *pass, long number, long a, long b, long c, long d);

/* Does a supervisor refuse this port, in host order, to a program without the stub that this
 * process would execute? Async-signal-safe. */
bool shim_supervisor_holds(uint16_t port);

/* Does a supervisor hold this process, with whatever settings? *leads: it switches on the ECH of Go
 * programs. */
bool shim_supervisor_lives(bool *leads);

#endif
