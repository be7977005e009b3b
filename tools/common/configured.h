/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What environment and configuration files say, for the tools (shim/common/conf.h).
 */
#ifndef TOOLS_COMMON_CONFIGURED_H
#define TOOLS_COMMON_CONFIGURED_H

#include "shim/common/conf.h"

/*
 * Reads them, as a process that executes `program` would (NULL: the tool itself); each problem is
 * one sentence of `tool` on standard error. The settings live until the process ends.
 */
const struct shim_conf *configured_load(const char *tool, const char *program);

/* The value for a host (NULL: for none in particular), or `otherwise`, where nobody says any. */
const char *configured_value(const struct shim_conf *conf, enum shim_conf_key key, const char *host,
                             const char *otherwise);

#endif
