/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private keys of BoringSSL's key shares. libssl makes those of X25519 by X25519_keypair of its
 * libcrypto. Those of other groups it makes by functions that do much else, so they are not seen.
 */
#include "shim/engine/boringssl/boringssl.h"
#include "shim/engine/session/raw_key.h"

static struct shim_seen_key *take(const void *library, const struct shim_made_key *made)
{
    const struct boringssl *boringssl = library;
    if (made->hook != SHIM_HOOK_X25519_keypair || made->function != boringssl->X25519_keypair) {
        return NULL; /* of another libcrypto */
    }
    struct shim_raw_key *seen = shim_raw_key_new();
    if (seen == NULL) {
        return NULL;
    }
    shim_raw_key_set(seen, ECH_GROUP_X25519, made);
    return &seen->base;
}

void boringssl_keys_watch(const struct boringssl_connection *connection)
{
    static const struct shim_key_functions functions = {.take = take,
                                                        .is = shim_raw_key_is,
                                                        .agree = shim_raw_key_agree,
                                                        .drop = shim_raw_key_drop};
    shim_session_keys_watch(connection->session, &functions, connection->boringssl);
}
