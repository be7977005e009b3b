/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the supervisor reads of a process that it holds. `task` is a thread, as a notification names
 * it. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_TARGET_H
#define TOOLS_ECHSHIM_SUPERVISOR_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/echshim/supervisor/call.h"

/* For struct supervisor_memory; context: the task, a pid_t. */
enum supervisor_read supervisor_target_read(void *context, uint64_t address, void *out,
                                            size_t length);

/* Writes into the memory of the program that makes the call `id`, while the call waits. */
bool supervisor_target_write(pid_t task, uint64_t id, uint64_t address, const void *octets,
                             size_t length);

/* The text of /proc/TASK/maps, to be freed; NULL: it cannot be read. */
char *supervisor_target_maps(pid_t task);

/* The process of a thread; the thread itself if that is not known. */
pid_t supervisor_target_process(pid_t task);

/* When a process began, in the kernel's ticks, and the file that it executes. False: not known. */
bool supervisor_target_identity(pid_t process, uint64_t *start, ino_t *image);

enum { SUPERVISOR_PROGRAM_SIZE = 4096 };

/* The path of its executable; "" if it is not known. */
void supervisor_target_program(pid_t task, char *out, size_t size);

#endif
