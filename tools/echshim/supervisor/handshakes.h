/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handshakes that were given an ECHConfigList, until it is known how they ended. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_HANDSHAKES_H
#define TOOLS_ECHSHIM_SUPERVISOR_HANDSHAKES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/common/given_config.h"
#include "tools/echshim/supervisor/tell.h"

/* The task's process goes on with what was given, over the connection `fd` (-1: not known).
 * An earlier one of that descriptor has failed, for it was another connection: reports it. */
void supervisor_handshakes_begin(struct supervisor_teller *teller, pid_t task, int fd,
                                 const struct shim_given_config *given, uint64_t now_us);

/* One of the process's handshakes with this name over this connection has ended: reports the oldest
 * one. False: there is none. */
bool supervisor_handshakes_end(struct supervisor_teller *teller, pid_t task, int fd,
                               const char *host, bool accepted, uint64_t now_us);

/* Is there any? */
bool supervisor_handshakes_any(void);
/* Reports those of ended processes, and those that have taken too long; or all. */
void supervisor_handshakes_sweep(struct supervisor_teller *teller, uint64_t now_us, bool all);

#endif
