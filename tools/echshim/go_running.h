/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Go programs that nobody led when they were executed: by a Go program, by a static one, by
 * descriptor. The supervisor leads them at their first connection. */
#ifndef TOOLS_ECHSHIM_GO_RUNNING_H
#define TOOLS_ECHSHIM_GO_RUNNING_H

#include "tools/echshim/supervisor/late.h"

/* For struct supervisor. It may take a second; any thread may call it. */
supervisor_place go_running_place;

#endif
