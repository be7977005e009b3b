/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_ENGINE_RESOLVER_VERIFIER_H
#define SHIM_ENGINE_RESOLVER_VERIFIER_H

#include "shim/engine/base/verify.h"

/*
 * Who authenticates public_name after a rejection, and the resolver itself. Reads the trust anchors
 * at the first call; NULL: there are none. All channels have the same one, each time for as long as
 * it is not given back, also where it is NULL.
 */
struct shim_verifier *shim_resolver_verifier_take(void);
void shim_resolver_verifier_give_back(void);

#endif
