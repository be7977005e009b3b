/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tools' command lines have in common.
 */
#ifndef TOOLS_COMMON_ORIGIN_H
#define TOOLS_COMMON_ORIGIN_H

#include <stdbool.h>

#include "dns/name.h"

/* NAME[:PORT], the port is 443 if there is none. The look-up checks whether the name can be asked
 * for. */
bool parse_origin(const char *text, char host[DNS_HOST_SIZE], unsigned *port);

/* A decimal number from 1 to `max`, and nothing else. */
bool parse_bounded(const char *text, unsigned max, unsigned *out);

#endif
