/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of environment and configuration files, for the tools (shim/common/conf.h). */
#ifndef TOOLS_COMMON_CONFIGURED_H
#define TOOLS_COMMON_CONFIGURED_H

#include "shim/common/conf.h"

/*
 * Reads them, as a process that executes `program` would (NULL: the tool itself); each problem is
 * one line on standard error, in the name of `tool`. The settings live until the process ends.
 */
const struct shim_conf *configured_load(const char *tool, const char *program);

/* The value for a host (NULL: the general one), or `otherwise` if there is none. */
const char *configured_value(const struct shim_conf *conf, enum shim_conf_key key, const char *host,
                             const char *otherwise);

#endif
