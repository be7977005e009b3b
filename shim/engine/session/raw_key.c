/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/raw_key.h"

#include <stdlib.h>
#include <string.h>

static struct shim_raw_key *raw_key_of(const struct shim_seen_key *key)
{
    return (struct shim_raw_key *)(uintptr_t)key;
}

struct shim_raw_key *shim_raw_key_new(void)
{
    return calloc(1, sizeof(struct shim_raw_key));
}

void shim_raw_key_set(struct shim_raw_key *key, uint16_t group, const struct shim_made_key *made)
{
    key->group = group;
    memcpy(key->private_key, made->private_key, ech_dh_private_size(group));
    memcpy(key->public_key, made->public_key, ech_dh_public_size(group));
}

bool shim_raw_key_is(const struct shim_seen_key *key, uint16_t group, struct bytes key_exchange)
{
    const struct shim_raw_key *seen = raw_key_of(key);
    return seen->group == group &&
           bytes_equal(bytes_of(seen->public_key, ech_dh_public_size(group)), key_exchange);
}

enum ech_status shim_raw_key_agree(const struct shim_seen_key *key, uint16_t group,
                                   struct bytes peer_key_exchange, struct writer *shared_secret)
{
    uint8_t secret[ECH_DH_SHARED_MAX];
    const struct shim_raw_key *seen = raw_key_of(key);
    enum ech_status status = ech_dh(group, bytes_of(seen->private_key, ech_dh_private_size(group)),
                                    peer_key_exchange, secret);
    if (status == ECH_OK) {
        wr_bytes(shared_secret, bytes_of(secret, ech_dh_shared_size(group)));
    }
    ech_wipe(secret, sizeof secret);
    return status == ECH_ERR_CRYPTO ? ECH_ERR_ILLEGAL : status;
}

void shim_raw_key_drop(struct shim_seen_key *key)
{
    ech_wipe(raw_key_of(key), sizeof(struct shim_raw_key));
    free(raw_key_of(key));
}
