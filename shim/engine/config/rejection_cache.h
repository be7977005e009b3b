/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an authenticated server said with a rejection, kept for the program's next attempt where no
 * retry could be made in place (RFC 9849, 6.1.8). Bound to the source of the ECHConfig: it serves
 * only where the same name and port yield the same ECHConfigList for the same endpoint again, and
 * no longer than that list may be used.
 */
#ifndef SHIM_ENGINE_CONFIG_REJECTION_CACHE_H
#define SHIM_ENGINE_CONFIG_REJECTION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "ech/wire.h"

/* For whom, from which list, and for how long. */
struct shim_rejection_source {
    const char *host;
    uint16_t port;
    const char *endpoint; /* that the list is for, as text; "" where it is for any */
    struct bytes ech_config_list;
};

enum shim_cached_rejection { SHIM_CACHED_NOTHING, SHIM_CACHED_RETRY_CONFIGS, SHIM_CACHED_DISABLED };

/* Notes retry_configs, or with an empty list that ECH is securely disabled. Times in microseconds,
 * monotonic. */
void shim_rejection_cache_put(const struct shim_rejection_source *source,
                              struct bytes retry_configs, uint64_t now_us, uint64_t lifetime_us);
/* What is known; with SHIM_CACHED_RETRY_CONFIGS *retry_configs is a copy, which the caller frees.
 */
enum shim_cached_rejection shim_rejection_cache_get(const struct shim_rejection_source *source,
                                                    uint64_t now_us, uint8_t **retry_configs,
                                                    size_t *length);

void shim_rejection_cache_before_fork(void);
void shim_rejection_cache_after_fork(void);

#endif
