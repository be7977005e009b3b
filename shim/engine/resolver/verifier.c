/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/resolver/verifier.h"

#include <pthread.h>

#include "shim/engine/state/log.h"
#include "shim/engine/state/state.h"

/* The caller holds the lock of a channel, and a fork waits for all of those. */
static pthread_mutex_t verifier_lock = PTHREAD_MUTEX_INITIALIZER;

enum { RETRY_US = 1000000 };

struct shim_verifier *shim_resolver_verifier_take(void)
{
    static struct shim_verifier *verifier;
    static uint64_t again_us;
    pthread_mutex_lock(&verifier_lock);
    uint64_t now_us = shim_state()->io->now_us();
    /* Descriptors or memory may have been missing: try again later. */
    if (verifier == NULL && now_us >= again_us) {
        const struct shim_settings *settings = &shim_state()->settings;
        again_us = now_us + RETRY_US;
        if (shim_verifier_new(&verifier, settings->ca_file) != ECH_OK) {
            shim_log(settings, SHIM_LOG_ERROR, "resolver: no trust anchors");
        }
    }
    return verifier;
}

void shim_resolver_verifier_give_back(void)
{
    pthread_mutex_unlock(&verifier_lock);
}
