/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine in the supervisor's process. It knows settings, resolvers, configs and the policy; so
 * programs that the shim is not in get the same answers as all others. For the engine the
 * supervisor is a stub without a program.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_ENGINE_H
#define TOOLS_ECHSHIM_SUPERVISOR_ENGINE_H

#include "shim/common/abi.h"

/* `path` of libechshim-engine.so, and the settings; both have to live as long as the process. */
void supervisor_engine_set(const char *path, const struct shim_conf *conf);

/* Loads it at the first call, which takes a few milliseconds. NULL: it cannot be loaded. Any thread
 * may call this. */
const struct shim_engine *supervisor_engine(void);

#endif
