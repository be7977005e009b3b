/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's only state: settings, stub, look-ups. It is constant after shim_engine_start, but
 * for the caches and the table of failed attempts, which have their own locks.
 */
#ifndef SHIM_ENGINE_STATE_STATE_H
#define SHIM_ENGINE_STATE_STATE_H

#include "dns/lookup.h"
#include "shim/common/abi.h"
#include "shim/engine/settings/settings.h"

struct shim_downgrade;

struct shim_engine_state {
    struct shim_settings settings;
    const struct shim_stub *stub;
    const struct dns_io *io;
    struct dns_lookup *lookups; /* one for each resolver of the settings */
    struct shim_downgrade *downgrade;
};

/* Valid once the engine has started. */
const struct shim_engine_state *shim_state(void);
/* How to look up names for a host with these settings. */
const struct dns_lookup *shim_engine_lookup(const struct shim_host_settings *host_settings);

/* The same object, for shim_engine_start to fill in. */
struct shim_engine_state *shim_state_to_start(void);

#endif
