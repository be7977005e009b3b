/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says, for people, why octets are not an ECHConfigList (RFC 9849, 4). Pure. */
#ifndef TOOLS_COMMON_CONFIG_PROBLEM_H
#define TOOLS_COMMON_CONFIG_PROBLEM_H

#include "ech/wire.h"

enum { CONFIG_PROBLEM_SIZE = 256 };

/* Writes half a sentence without its stop, such as "it is a bare ECHConfig: ...". False: nothing is
 * wrong. */
bool config_problem(struct bytes list, char out[CONFIG_PROBLEM_SIZE]);

#endif
