/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Go programs that got no detour when they were executed (docs/architecture.md, Go programs). They
 * get it at their first connection to a watched port. The connection waits meanwhile.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_LATE_H
#define TOOLS_ECHSHIM_SUPERVISOR_LATE_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/types.h>

#include "shim/common/supervision.h"

enum supervisor_placed {
    SUPERVISOR_PLACED,
    SUPERVISOR_NOT_YET, /* it may be tried again */
    SUPERVISOR_NEVER,   /* this program cannot be led */
};

/* Puts the detours into the process of a thread, whose call waits. `release` lets the waiting calls
 * of a thread begin anew, and must be called for each thread that is to stop. */
typedef enum supervisor_placed supervisor_place(pid_t thread, const struct shim_pass *pass,
                                                void (*release)(void *context, pid_t thread),
                                                void *context);

/* What becomes of a call that waited: it is looked at anew. */
typedef void supervisor_judge(void *context, const struct seccomp_notif *notification);

/* `place` NULL: nothing is led so. The pass is borrowed. */
void supervisor_late_start(supervisor_place *place, const struct shim_pass *pass,
                           supervisor_judge *judge, void *context);

/* The call comes from a process without a detour. True: it waits, and is judged later. False: it is
 * not led, or not any more. */
bool supervisor_late_take(const struct seccomp_notif *notification);

#endif
