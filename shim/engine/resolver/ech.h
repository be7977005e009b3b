/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef SHIM_ENGINE_RESOLVER_ECH_H
#define SHIM_ENGINE_RESOLVER_ECH_H

#include "dns/encrypted/channel.h"

/* Hello exchanges on the connections to an encrypted resolver, by the same policy as a program's
 * (shim/engine/policy/policy.h). */
const struct dns_ech_functions *shim_resolver_ech(void);

#endif
