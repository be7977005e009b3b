/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key_share of ClientHelloOuter when it is the engine's own: the inner one's groups, with our
 * keys. The private keys are kept: after a rejection they finish the outer handshake.
 */
#ifndef ECH_KEY_SHARE_H
#define ECH_KEY_SHARE_H

#include "ech/client_hello.h"
#include "ech/crypto.h"

/* Our own key_share has at most 256 octets, and the smallest entry (X25519) has 36. */
enum { ECH_OWN_KEY_SHARE_OCTETS_MAX = 256, ECH_OWN_KEY_SHARES_MAX = 7 };

struct ech_own_key_shares {
    size_t count;
    struct {
        uint16_t group;
        uint8_t private_key[ECH_DH_PRIVATE_MAX];
    } shares[ECH_OWN_KEY_SHARES_MAX];
};

/* True if the engine can make every entry of the inner key_share itself and it is small enough to
 * be sent twice. */
bool ech_own_key_shares_possible(const struct ech_client_hello *inner);
/*
 * Makes one key pair for each entry of the inner key_share and writes the extension data; the
 * caller wipes *own, on failure too. ECH_ERR_UNSUPPORTED: not possible; ECH_ERR_CRYPTO.
 */
ECH_MUST_USE enum ech_status ech_own_key_shares_make(const struct ech_client_hello *inner,
                                                     const struct ech_random *random,
                                                     struct ech_own_key_shares *own,
                                                     struct writer *extension_data);
void ech_own_key_shares_wipe(struct ech_own_key_shares *own);

#endif
