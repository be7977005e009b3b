/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts the detours into a Go program that runs already: nobody led it when it was executed. */
#ifndef TOOLS_ECHSHIM_DETOUR_RUNNING_H
#define TOOLS_ECHSHIM_DETOUR_RUNNING_H

#include <stdbool.h>
#include <sys/types.h>

#include "shim/common/supervision.h"
#include "tools/echshim/go/plan.h"

enum running_result {
    RUNNING_PLACED,
    RUNNING_AGAIN, /* not at this moment; nothing of the program was changed */
    RUNNING_NEVER, /* it may not be traced, or it cannot be changed */
};

/* Makes the system call of a thread that waits for us return, so that it can be stopped. The kernel
 * must begin the call anew when the thread goes on. */
typedef void running_release(void *context, pid_t thread);

/*
 * `thread` of the program is in a system call that waits for us. Traces all threads of its process
 * (ptrace), stops them, places the detours, and lets them go on. It calls `release` for each
 * thread that has not stopped yet, as often as that takes. The calling thread has to end
 * afterwards: it still traces those that have not stopped in time.
 */
enum running_result running_place(pid_t thread, const struct go_plan *plan,
                                  const struct shim_pass *pass, running_release *release,
                                  void *context);

#endif
