/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * That ECH is securely disabled, told to the other processes of this user (ECHSHIM_CACHE). Where
 * only the program's next attempt can go without ECH, that may be the next run of the program.
 * Bound as in rejection_cache.h, and to the network too.
 */
#ifndef SHIM_ENGINE_CONFIG_REJECTION_SHARE_H
#define SHIM_ENGINE_CONFIG_REJECTION_SHARE_H

#include "dns/lookup.h"
#include "shim/engine/config/rejection_cache.h"

/*
 * Tells it, for so many seconds and no longer than "no record" may be kept. Nothing happens without
 * a folder, without a host, or where it is not known which network this is. Keeps errno.
 */
void shim_rejection_share_put(const struct dns_lookup *lookup,
                              const struct shim_rejection_source *source, uint32_t seconds);
/* For how many seconds more it holds; 0: nobody has told it. Keeps errno. */
uint32_t shim_rejection_share_get(const struct dns_lookup *lookup,
                                  const struct shim_rejection_source *source);

#endif
