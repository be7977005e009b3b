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

static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    (void)context;
    struct shim_verifier *verifier = shim_resolver_verifier_take();
    enum ech_alert alert = ECH_ALERT_UNKNOWN_CA;
    if (verifier != NULL) {
        struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
        alert = callbacks.verify_chain(callbacks.context, certificates, count, public_name);
    }
    shim_resolver_verifier_give_back();
    return alert;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    (void)context;
    struct shim_verifier *verifier = shim_resolver_verifier_take();
    enum ech_alert alert = ECH_ALERT_INTERNAL_ERROR;
    if (verifier != NULL) {
        struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
        alert = callbacks.verify_signature(callbacks.context, version, scheme, certificate, content,
                                           signature);
    }
    shim_resolver_verifier_give_back();
    return alert;
}

struct ech_outer_verifier shim_resolver_outer_verifier(void)
{
    return (struct ech_outer_verifier){.verify_chain = verify_chain,
                                       .verify_signature = verify_signature};
}
