/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The launcher's side of the relay (docs/relay.md). */
#ifndef TOOLS_ECHSHIM_RELAY_H
#define TOOLS_ECHSHIM_RELAY_H

#include "tools/echshim/echshim.h"
#include "tools/echshim/supervisor/lead.h"

/* Is a relay wanted: by the option, or by a file? */
bool relay_is_wanted(const struct program *program, const struct options *options);

/* Starts the relay's process, which is not our child, and waits until it is ready. False: *why is a
 * sentence. */
bool relay_begin(const struct program *program, const struct options *options,
                 struct supervisor_lead *lead, const char **why);

/* Closes what we have of it. If nobody else has it, the relay ends. */
void relay_leave(struct supervisor_lead *lead);

/* Sets the variables by which programs learn of the authority. False: there is no memory. */
bool relay_set_variables(const struct supervisor_lead *lead);

#endif
