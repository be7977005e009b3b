/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a probe has found out of an ECHConfigList, for as long as the list may be used. The
 * program's own ECH client cannot hide a rejection from the program, so the engine asks before it
 * gives a config for the first time.
 */
#ifndef SHIM_ENGINE_ANSWER_PROVEN_H
#define SHIM_ENGINE_ANSWER_PROVEN_H

#include "shim/engine/config/rejection_cache.h"

enum shim_proof {
    SHIM_PROOF_NONE,     /* not asked yet, or too long ago */
    SHIM_PROOF_ACCEPTED, /* its server accepts it */
    SHIM_PROOF_UNKNOWN,  /* its server could not be asked a short while ago */
};

enum shim_proof shim_proven_get(const struct shim_rejection_source *source, uint64_t now_us);
/* Without memory nothing is remembered. */
void shim_proven_put(const struct shim_rejection_source *source, enum shim_proof proof,
                     uint64_t now_us, uint64_t lifetime_us);
/* Forgets all that is known of the lists of a host. */
void shim_proven_forget(const char *host);

#endif
