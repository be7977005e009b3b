/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a connection of a process goes that the supervisor holds. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_CONNECTION_H
#define TOOLS_ECHSHIM_SUPERVISOR_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/common/given_config.h"

/* Asks the kernel about the descriptor `fd` of the task that makes the call `id`, and sets
 * connection, peer and port of the question. What is no connection over TCP, or cannot be looked
 * at, is UNKNOWN. */
void supervisor_connection_look(pid_t task, uint64_t id, int fd,
                                struct shim_config_question *question);

bool supervisor_connection_equal(const struct shim_config_question *a,
                                 const struct shim_config_question *b);

#endif
