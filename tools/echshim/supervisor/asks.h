/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the detours in Go programs ask (tools/echshim/go/ask.h). The engine decides, in a thread of
 * the pool; calls for the same name wait for one decision.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_ASKS_H
#define TOOLS_ECHSHIM_SUPERVISOR_ASKS_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "tools/echshim/supervisor/tell.h"

/* `strict`: what cannot be decided at all is refused. The teller is borrowed. */
void supervisor_asks_start(struct supervisor_teller *teller, bool strict);

/* Is it such a call? Then it is answered, now or later. */
bool supervisor_asks_take(const struct seccomp_notif *notification);

/* How long the loop may sleep, in milliseconds; -1: for ever. */
int supervisor_asks_patience(void);
/* Answers calls whose patience is over, and reports handshakes that nobody will tell of. `all`: the
 * last program has ended. */
void supervisor_asks_sweep(bool all);

#endif
