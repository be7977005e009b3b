/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cipher suites of TLS 1.2 that the engine can finish an outer handshake with. */
#ifndef ECH_TLS12_SUITES_H
#define ECH_TLS12_SUITES_H

#include "ech/crypto_tls12.h"

/* By which kind of key the server signs its key exchange. */
enum ech_tls12_signer { ECH_TLS12_ECDSA, ECH_TLS12_RSA };

struct ech_tls12_suite {
    uint16_t id;
    uint16_t aead_id; /* enum ech_aead; 0: AES-CBC with HMAC */
    enum ech_tls12_signer signer;
    enum ech_hash hash; /* of the transcript and the PRF: SHA-256 or SHA-384 */
    enum ech_mac mac;   /* without an AEAD */
    size_t key_size;
};

/*
 * NULL: not a suite of ours. All of ours have an ephemeral key exchange that the server signs.
 * RSA key exchange signs nothing, so the randoms would not be authenticated. DHE and CCM are left
 * out because servers that have nothing else are rare.
 */
const struct ech_tls12_suite *ech_tls12_suite_find(uint16_t id);

#endif
