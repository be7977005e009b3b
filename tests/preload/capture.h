/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CAPTURE_H
#define TESTS_PRELOAD_CAPTURE_H

/* What goes over the world's network to or from port 53, packet by packet: for what must not be
 * there. Knows nothing of the code under test. */

#include <stdbool.h>
#include <stdint.h>

/* Begins, after world_start. */
void capture_start(void);
/* DNS messages over UDP or TCP with a question for this name and type (0: any) since then. */
unsigned capture_count(const char *name, uint16_t type);

#endif
