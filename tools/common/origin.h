/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tools' command lines have in common.
 */
#ifndef TOOLS_COMMON_ORIGIN_H
#define TOOLS_COMMON_ORIGIN_H

#include <stdbool.h>

#include "dns/name.h"

/* NAME[:PORT], port 443 without; what is no name to ask DNS about, the look-up says. */
bool parse_origin(const char *text, char host[DNS_HOST_SIZE], unsigned *port);

/* A decimal number from 1 to `max`, and nothing else. */
bool parse_bounded(const char *text, unsigned max, unsigned *out);

#endif
