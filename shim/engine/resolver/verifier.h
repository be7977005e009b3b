/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_ENGINE_RESOLVER_VERIFIER_H
#define SHIM_ENGINE_RESOLVER_VERIFIER_H

#include "shim/engine/base/verify.h"

/*
 * The verifier that authenticates the resolver itself, and its public_name after a rejection. Reads
 * the trust anchors at the first call; NULL: there are none. All channels share it, one at a time:
 * give it back in any case, even if it is NULL.
 */
struct shim_verifier *shim_resolver_verifier_take(void);
void shim_resolver_verifier_give_back(void);

/* The callbacks that take it and give it back, for an exchange that the engine makes itself. */
struct ech_outer_verifier shim_resolver_outer_verifier(void);

#endif
