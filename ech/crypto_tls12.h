/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cryptography that only TLS 1.2 needs: HMAC as such, with SHA-1 too, and AES-CBC. Like
 * ech/crypto.h it uses GnuTLS, is deterministic and keeps no state.
 */
#ifndef ECH_CRYPTO_TLS12_H
#define ECH_CRYPTO_TLS12_H

#include "ech/crypto.h"

enum ech_mac { ECH_MAC_SHA1, ECH_MAC_SHA256, ECH_MAC_SHA384 };
enum { ECH_MAC_MAX = 48 };

/* Octets of one MAC, and of the key that TLS gives it: 20, 32 or 48. */
size_t ech_mac_size(enum ech_mac mac);
/* HMAC (RFC 2104) of the parts, one after another. out takes ech_mac_size octets. ECH_ERR_CRYPTO.
 */
ECH_MUST_USE enum ech_status ech_mac_parts(enum ech_mac mac, struct bytes key,
                                           const struct bytes *parts, size_t count, uint8_t *out);

enum { ECH_CBC_BLOCK = 16 };

/* AES-128-CBC or AES-256-CBC by the length of the key, in place. iv has ECH_CBC_BLOCK octets.
 * ECH_ERR_CRYPTO: len is no multiple of ECH_CBC_BLOCK, or no such key. */
ECH_MUST_USE enum ech_status ech_cbc_encrypt(struct bytes key, const uint8_t *iv, uint8_t *data,
                                             size_t len);
ECH_MUST_USE enum ech_status ech_cbc_decrypt(struct bytes key, const uint8_t *iv, uint8_t *data,
                                             size_t len);

#endif
