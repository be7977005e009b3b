/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event loop of the supervisor: one thread answers for all held processes, and waits for none
 * of them. What waits for the network has threads of its own (pool.h). */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_SERVE_H
#define TOOLS_ECHSHIM_SUPERVISOR_SERVE_H

#include "tools/echshim/supervisor/decide.h"
#include "tools/echshim/supervisor/image.h"
#include "tools/echshim/supervisor/late.h"
#include "tools/echshim/supervisor/lead.h"
#include "tools/echshim/supervisor/tell.h"

struct supervisor {
    struct supervisor_policy policy;
    struct supervisor_stubs stubs;
    struct shim_pass pass;
    struct supervisor_teller teller;
    struct supervisor_lead lead;  /* if the policy has a relay */
    const char *engine;           /* path of libechshim-engine.so; NULL: not found */
    const struct shim_conf *conf; /* of the program, for the engine */
    supervisor_place *place; /* for Go programs that something else executed; NULL: none is led */
    int listener;
};

/* Can this kernel be asked as supervisor_serve does? Needs Linux 5.5
 * (SECCOMP_USER_NOTIF_FLAG_CONTINUE). */
bool supervisor_kernel_serves(void);

/* Returns when the last held process has ended, or if the supervisor cannot go on. */
void supervisor_serve(struct supervisor *supervisor);

#endif
