/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hashes, HKDF, AEAD and Diffie-Hellman, all by nettle. ech/ uses it nowhere else, and GnuTLS in
 * ech/crypto_tls12.h alone.
 * Deterministic: random octets come in as arguments. No state is kept between calls.
 */
#ifndef ECH_CRYPTO_H
#define ECH_CRYPTO_H

#include "ech/status.h"
#include "ech/wire.h"

/* ---- what the caller gives for key pairs ---- */

/*
 * X25519 (RFC 7748, 5) by another library than nettle, for speed. Like the RFC's, the functions
 * clamp the private key, ignore the top bit of the peer's public key, and cannot fail. Each output
 * takes 32 octets.
 */
struct ech_x25519 {
    void (*public_key)(uint8_t *public_key, const uint8_t *private_key);
    void (*shared)(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer_public_key);
};
/* Do the functions give the results of RFC 7748, 5.2 and 6.1? Whoever loads them asks this once. */
ECH_MUST_USE bool ech_x25519_is_right(const struct ech_x25519 *x25519);

/*
 * A source of secret random octets. fill returns ECH_OK or ECH_ERR_CRYPTO; the context is the
 * caller's. Key pairs that are made from it, and their shared secrets in HPKE, use x25519 if it is
 * not NULL.
 */
struct ech_random {
    enum ech_status (*fill)(void *context, uint8_t *out, size_t len);
    void *context;
    const struct ech_x25519 *x25519;
};

ECH_MUST_USE enum ech_status ech_random_fill(const struct ech_random *random, uint8_t *out,
                                             size_t len);

/* ---- hashes and HKDF (RFC 5869) ---- */

enum ech_hash { ECH_HASH_SHA256, ECH_HASH_SHA384, ECH_HASH_SHA512 };
enum { ECH_HASH_MAX = 64 };

/* Octets of one digest: 32, 48 or 64. */
size_t ech_hash_size(enum ech_hash hash);
/* out takes ech_hash_size octets. The parts are hashed one after another. */
ECH_MUST_USE enum ech_status ech_hash_parts(enum ech_hash hash, const struct bytes *parts,
                                            size_t count, uint8_t *out);
ECH_MUST_USE enum ech_status ech_hkdf_extract(enum ech_hash hash, struct bytes salt,
                                              struct bytes ikm, uint8_t *prk);
/* prk has ech_hash_size octets (tests of RFC 5869 may use any key). ECH_ERR_SPACE: len is over 255
 * digests. */
ECH_MUST_USE enum ech_status ech_hkdf_expand(enum ech_hash hash, struct bytes prk,
                                             struct bytes info, uint8_t *out, size_t len);
/* HKDF-Expand-Label (RFC 8446, 7.1); label without the "tls13 " prefix. */
ECH_MUST_USE enum ech_status ech_hkdf_expand_label(enum ech_hash hash, struct bytes secret,
                                                   const char *label, struct bytes context,
                                                   uint8_t *out, size_t len);

/* ---- AEAD, by the ids of the HPKE registry (RFC 9180, 7.3) ---- */

enum ech_aead {
    ECH_AEAD_AES_128_GCM = 1,
    ECH_AEAD_AES_256_GCM = 2,
    ECH_AEAD_CHACHA20_POLY1305 = 3
};
enum { ECH_AEAD_TAG = 16, ECH_AEAD_NONCE = 12, ECH_AEAD_KEY_MAX = 32 };

/* Octets of the key, or 0 for an id that we do not support. */
size_t ech_aead_key_size(uint16_t aead_id);
/* out takes plaintext.len + ECH_AEAD_TAG octets; nonce has ECH_AEAD_NONCE octets. */
ECH_MUST_USE enum ech_status ech_aead_seal(uint16_t aead_id, struct bytes key, const uint8_t *nonce,
                                           struct bytes aad, struct bytes plaintext, uint8_t *out);
/* out takes ciphertext.len - ECH_AEAD_TAG octets. ECH_ERR_CRYPTO if the tag is wrong; out then
 * holds zeros. */
ECH_MUST_USE enum ech_status ech_aead_open(uint16_t aead_id, struct bytes key, const uint8_t *nonce,
                                           struct bytes aad, struct bytes ciphertext, uint8_t *out);

/* ---- AEAD, by the cipher suites of TLS 1.3 (RFC 8446, B.4) ---- */

enum ech_suite {
    ECH_SUITE_AES_128_GCM_SHA256 = 0x1301,
    ECH_SUITE_AES_256_GCM_SHA384 = 0x1302,
    ECH_SUITE_CHACHA20_POLY1305_SHA256 = 0x1303,
    ECH_SUITE_AES_128_CCM_SHA256 = 0x1304,
    ECH_SUITE_AES_128_CCM_8_SHA256 = 0x1305,
};

/* Octets of the key and of the tag, or 0 for any other suite. The nonce has ECH_AEAD_NONCE. */
size_t ech_suite_key_size(uint16_t cipher_suite);
size_t ech_suite_tag_size(uint16_t cipher_suite);
/* As ech_aead_seal and ech_aead_open, with the tag of the suite in place of ECH_AEAD_TAG. */
ECH_MUST_USE enum ech_status ech_suite_seal(uint16_t cipher_suite, struct bytes key,
                                            const uint8_t *nonce, struct bytes aad,
                                            struct bytes plaintext, uint8_t *out);
ECH_MUST_USE enum ech_status ech_suite_open(uint16_t cipher_suite, struct bytes key,
                                            const uint8_t *nonce, struct bytes aad,
                                            struct bytes ciphertext, uint8_t *out);

/* ---- Diffie-Hellman groups, by the ids of the TLS registry (RFC 8446, 4.2.7) ---- */

enum ech_group {
    ECH_GROUP_P256 = 0x0017,
    ECH_GROUP_P384 = 0x0018,
    ECH_GROUP_P521 = 0x0019,
    ECH_GROUP_X25519 = 0x001d,
    ECH_GROUP_X448 = 0x001e,
};
enum { ECH_DH_PRIVATE_MAX = 66, ECH_DH_PUBLIC_MAX = 133, ECH_DH_SHARED_MAX = 66 };

/* Octets of a private key, a public key (uncompressed point for the NIST curves) and a shared
 * secret; 0 for a group that we do not support. */
size_t ech_dh_private_size(uint16_t group);
size_t ech_dh_public_size(uint16_t group);
size_t ech_dh_shared_size(uint16_t group);

/*
 * A key pair from the random source: private_key and public_key take the sizes above. For the NIST
 * curves candidates are drawn until one is in [1, order). ECH_ERR_CRYPTO: the source fails, or 64
 * draws give no such number.
 */
ECH_MUST_USE enum ech_status ech_dh_generate(uint16_t group, const struct ech_random *random,
                                             uint8_t *private_key, uint8_t *public_key);
/* The public key that belongs to a private one. ECH_ERR_CRYPTO if it is not in range. */
ECH_MUST_USE enum ech_status ech_dh_public(uint16_t group, struct bytes private_key,
                                           uint8_t *public_key);
/*
 * The shared secret. ECH_ERR_CRYPTO for a peer key of wrong length or form, not on the curve, or
 * (X25519, X448) with an all-zero result: RFC 9180, 7.1.4 and RFC 8446, 7.4.2.
 */
ECH_MUST_USE enum ech_status ech_dh(uint16_t group, struct bytes private_key,
                                    struct bytes peer_public_key, uint8_t *shared);
/* The same, with these functions for X25519 unless they are NULL. */
ECH_MUST_USE enum ech_status ech_dh_by(const struct ech_x25519 *x25519, uint16_t group,
                                       struct bytes private_key, struct bytes peer_public_key,
                                       uint8_t *shared);
/* ECH_OK if the octets are a public key that ech_dh would take with any private key. */
ECH_MUST_USE enum ech_status ech_dh_check_public(uint16_t group, struct bytes public_key);

#endif
