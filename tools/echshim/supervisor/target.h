/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the supervisor reads of a process that it holds. `task` is a thread, as a notification names
 * it. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_TARGET_H
#define TOOLS_ECHSHIM_SUPERVISOR_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tools/echshim/supervisor/call.h"

/* For struct supervisor_memory; context: the task, a pid_t. */
enum supervisor_read supervisor_target_read(void *context, uint64_t address, void *out,
                                            size_t length);

/* The text of /proc/TASK/maps, to be freed; NULL: it cannot be read. */
char *supervisor_target_maps(pid_t task);

/* The process of a thread; the thread itself if that is not known. */
pid_t supervisor_target_process(pid_t task);

/* The path of its executable; "" if it is not known. */
void supervisor_target_program(pid_t task, char *out, size_t size);

#endif
