/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_suites.h"

#define AEAD(id, signer, hash, aead, key_size)                                                     \
    {                                                                                              \
        id, aead, signer, hash, ECH_MAC_SHA256, key_size                                           \
    }
#define CBC(id, signer, hash, key_size, mac)                                                       \
    {                                                                                              \
        id, 0, signer, hash, mac, key_size                                                         \
    }

const struct ech_tls12_suite *ech_tls12_suite_find(uint16_t id)
{
    static const struct ech_tls12_suite suites[] = {
        /* RFC 5289, 3.2 */
        AEAD(0xc02b, ECH_TLS12_ECDSA, ECH_HASH_SHA256, ECH_AEAD_AES_128_GCM, 16),
        AEAD(0xc02c, ECH_TLS12_ECDSA, ECH_HASH_SHA384, ECH_AEAD_AES_256_GCM, 32),
        AEAD(0xc02f, ECH_TLS12_RSA, ECH_HASH_SHA256, ECH_AEAD_AES_128_GCM, 16),
        AEAD(0xc030, ECH_TLS12_RSA, ECH_HASH_SHA384, ECH_AEAD_AES_256_GCM, 32),
        /* RFC 7905, 2 */
        AEAD(0xcca9, ECH_TLS12_ECDSA, ECH_HASH_SHA256, ECH_AEAD_CHACHA20_POLY1305, 32),
        AEAD(0xcca8, ECH_TLS12_RSA, ECH_HASH_SHA256, ECH_AEAD_CHACHA20_POLY1305, 32),
        /* RFC 8422, 6 */
        CBC(0xc009, ECH_TLS12_ECDSA, ECH_HASH_SHA256, 16, ECH_MAC_SHA1),
        CBC(0xc00a, ECH_TLS12_ECDSA, ECH_HASH_SHA256, 32, ECH_MAC_SHA1),
        CBC(0xc013, ECH_TLS12_RSA, ECH_HASH_SHA256, 16, ECH_MAC_SHA1),
        CBC(0xc014, ECH_TLS12_RSA, ECH_HASH_SHA256, 32, ECH_MAC_SHA1),
        /* RFC 5289, 3.1 */
        CBC(0xc023, ECH_TLS12_ECDSA, ECH_HASH_SHA256, 16, ECH_MAC_SHA256),
        CBC(0xc024, ECH_TLS12_ECDSA, ECH_HASH_SHA384, 32, ECH_MAC_SHA384),
        CBC(0xc027, ECH_TLS12_RSA, ECH_HASH_SHA256, 16, ECH_MAC_SHA256),
        CBC(0xc028, ECH_TLS12_RSA, ECH_HASH_SHA384, 32, ECH_MAC_SHA384),
    };
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        if (suites[i].id == id) {
            return &suites[i];
        }
    }
    return NULL;
}
