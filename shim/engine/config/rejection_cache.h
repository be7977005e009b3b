/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an authenticated server said when it rejected ECH, for the program's next attempt if no
 * retry in place was possible (RFC 9849, 6.1.8). Bound to the source of the ECHConfig: an entry
 * counts only if the same name and port yield the same ECHConfigList for the same endpoint again,
 * and no longer than that list may be used.
 */
#ifndef SHIM_ENGINE_CONFIG_REJECTION_CACHE_H
#define SHIM_ENGINE_CONFIG_REJECTION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "ech/wire.h"

/* The connection and the list that were rejected. */
struct shim_rejection_source {
    const char *host; /* "": the connection has no server_name */
    uint16_t port;
    const char *endpoint; /* of the list, or the peer if there is no host, as text; "": the list is
                             for any. If both are "", nothing is remembered. */
    struct bytes ech_config_list;
};

enum shim_cached_rejection {
    SHIM_CACHED_NOTHING,
    SHIM_CACHED_NOT_SHARED, /* nothing, and other processes were asked a short while ago */
    SHIM_CACHED_RETRY_CONFIGS,
    SHIM_CACHED_DISABLED,
};

/* Remembers retry_configs or, if the list is empty, that ECH is securely disabled. Times in
 * microseconds, monotonic. */
void shim_rejection_cache_put(const struct shim_rejection_source *source,
                              struct bytes retry_configs, uint64_t now_us, uint64_t lifetime_us);
/* Remembers that other processes know nothing of it (rejection_share.h), unless something is known
 * here. */
void shim_rejection_cache_put_not_shared(const struct shim_rejection_source *source,
                                         uint64_t now_us, uint64_t lifetime_us);
/* Gives what is known. With SHIM_CACHED_RETRY_CONFIGS *retry_configs is a copy that the caller
 * frees. */
enum shim_cached_rejection shim_rejection_cache_get(const struct shim_rejection_source *source,
                                                    uint64_t now_us, uint8_t **retry_configs,
                                                    size_t *length);

/* Was anything ever remembered here? */
bool shim_rejection_cache_has_any(void);

void shim_rejection_cache_before_fork(void);
void shim_rejection_cache_after_fork(void);

#endif
