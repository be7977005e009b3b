/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a server said when it rejected ECH, told to the other processes of this user
 * (ECHSHIM_CACHE): that ECH is securely disabled, where only the program's next attempt can go
 * without ECH, which may be the next run of the program; and the list that replaces one set by
 * hand, of which no DNS knows a newer one. Bound as in rejection_cache.h, and to the network too.
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

/* The same for the ECHConfigList that the server accepted in the place of the source's. The caller
 * frees *list, which is there if the time is not 0. */
void shim_rejection_share_put_list(const struct dns_lookup *lookup,
                                   const struct shim_rejection_source *source,
                                   struct bytes retry_configs, uint32_t seconds);
uint32_t shim_rejection_share_get_list(const struct dns_lookup *lookup,
                                       const struct shim_rejection_source *source, uint8_t **list,
                                       size_t *length);

#endif
