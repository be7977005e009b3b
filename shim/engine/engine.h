/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's one state: settings, stub, cache. Constant after shim_engine_start but for the
 * cache and the table of failed attempts, which have their own locks.
 */
#ifndef SHIM_ENGINE_ENGINE_H
#define SHIM_ENGINE_ENGINE_H

#include "dns/lookup.h"
#include "shim/common/abi.h"
#include "shim/engine/session/downgrade.h"
#include "shim/engine/settings/settings.h"

struct shim_engine_state {
    struct shim_settings settings;
    const struct shim_stub *stub;
    const struct dns_io *io;
    struct dns_lookup *lookups; /* one for each resolver of the settings */
    struct shim_downgrade *downgrade;
};

/* Valid once the engine has started. */
const struct shim_engine_state *shim_engine_state(void);
/* How names are looked up for a host with these settings. */
const struct dns_lookup *shim_engine_lookup(const struct shim_host_settings *own);

/* The tables that the adapters fill in. */
void shim_openssl_fill(struct shim_engine *engine);
void shim_gnutls_fill(struct shim_engine *engine);

/* Their locks, held over a fork so that the child does not inherit one that nobody will release. */
void shim_openssl_before_fork(void);
void shim_openssl_after_fork(void);
void shim_gnutls_before_fork(void);
void shim_gnutls_after_fork(void);

#endif
