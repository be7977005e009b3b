/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/downgrade.h"

#include <string.h>
#include <strings.h>

/* The place of a name at this address: its own, else the one that ends first. */
static struct shim_downgrade_entry *place_for(struct shim_downgrade *downgrade,
                                              const struct shim_downgrade_entry *wanted)
{
    struct shim_downgrade_entry *first = &downgrade->entries[0];
    for (size_t i = 0; i < SHIM_DOWNGRADE_NAMES; i++) {
        struct shim_downgrade_entry *one = &downgrade->entries[i];
        if (one->until_us != 0 && strcasecmp(one->host, wanted->host) == 0 &&
            one->has_address == wanted->has_address &&
            shim_address_equal(&one->address, &wanted->address)) {
            return one;
        }
        if (one->until_us < first->until_us) {
            first = one;
        }
    }
    return first;
}

void shim_downgrade_note(struct shim_downgrade *downgrade, const char *host,
                         const struct sockaddr *peer, uint32_t ttl, uint64_t now_us)
{
    struct shim_downgrade_entry fresh = {.until_us = 0};
    size_t length = strlen(host);
    if (length >= sizeof fresh.host) {
        return;
    }
    memcpy(fresh.host, host, length + 1);
    fresh.has_address = shim_address_of(peer, &fresh.address);
    uint32_t seconds = ttl < SHIM_DOWNGRADE_MIN   ? SHIM_DOWNGRADE_MIN
                       : ttl > SHIM_DOWNGRADE_MAX ? SHIM_DOWNGRADE_MAX
                                                  : ttl;
    fresh.until_us = now_us + (uint64_t)seconds * 1000000;
    (void)pthread_mutex_lock(&downgrade->lock);
    struct shim_downgrade_entry *place = place_for(downgrade, &fresh);
    *place = fresh;
    (void)pthread_mutex_unlock(&downgrade->lock);
}

bool shim_downgrade_forbids(struct shim_downgrade *downgrade, const char *host,
                            const struct sockaddr *peer, uint64_t now_us)
{
    struct shim_address address;
    bool named = host != NULL && *host != '\0';
    bool addressed = !named && shim_address_of(peer, &address);
    bool forbids = false;
    (void)pthread_mutex_lock(&downgrade->lock);
    for (size_t i = 0; i < SHIM_DOWNGRADE_NAMES && !forbids; i++) {
        const struct shim_downgrade_entry *one = &downgrade->entries[i];
        forbids = one->until_us > now_us &&
                  ((named && strcasecmp(one->host, host) == 0) ||
                   (addressed && one->has_address && shim_address_equal(&one->address, &address)));
    }
    (void)pthread_mutex_unlock(&downgrade->lock);
    return forbids;
}

void shim_downgrade_before_fork(struct shim_downgrade *downgrade)
{
    (void)pthread_mutex_lock(&downgrade->lock);
}

void shim_downgrade_after_fork(struct shim_downgrade *downgrade)
{
    (void)pthread_mutex_unlock(&downgrade->lock);
}
