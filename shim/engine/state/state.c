/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/state/state.h"

static struct shim_engine_state state;

const struct shim_engine_state *shim_state(void)
{
    return &state;
}

struct shim_engine_state *shim_state_to_start(void)
{
    return &state;
}

const struct dns_lookup *shim_engine_lookup(const struct shim_host_settings *host_settings)
{
    return &state.lookups[host_settings->resolver];
}
