/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/crypto.h"

#include <nettle/curve25519.h>
#include <nettle/curve448.h>
#include <string.h>

#include "ech/crypto_nist.h"

enum { GENERATE_DRAWS = 64 };

size_t ech_dh_private_size(uint16_t group)
{
    switch (group) {
    case ECH_GROUP_P256:
        return 32;
    case ECH_GROUP_P384:
        return 48;
    case ECH_GROUP_P521:
        return 66;
    case ECH_GROUP_X25519:
        return CURVE25519_SIZE;
    case ECH_GROUP_X448:
        return CURVE448_SIZE;
    default:
        return 0;
    }
}

size_t ech_dh_public_size(uint16_t group)
{
    size_t size = ech_dh_private_size(group);
    return ech_nist_group(group) ? 1 + 2 * size : size;
}

size_t ech_dh_shared_size(uint16_t group)
{
    /* In each of the groups a private key and one coordinate take the same number of octets. */
    return ech_dh_private_size(group);
}

/* Without a branch on the octets: they are a shared secret. */
static bool all_zero(const uint8_t *octets, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= octets[i];
    }
    return any == 0;
}

/* X25519 or X448 (RFC 7748, 5), with the check for an all-zero result that 6.1 and 6.2 describe. */
static enum ech_status montgomery_shared(uint16_t group, const uint8_t *private_key,
                                         const uint8_t *peer, uint8_t *shared)
{
    if (group == ECH_GROUP_X25519) {
        curve25519_mul(shared, private_key, peer);
    } else {
        curve448_mul(shared, private_key, peer);
    }
    return all_zero(shared, ech_dh_shared_size(group)) ? ECH_ERR_CRYPTO : ECH_OK;
}

enum ech_status ech_dh_public(uint16_t group, struct bytes private_key, uint8_t *public_key)
{
    size_t private_size = ech_dh_private_size(group);
    if (private_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (private_key.len != private_size) {
        return ECH_ERR_CRYPTO;
    }
    if (group == ECH_GROUP_X25519) {
        curve25519_mul_g(public_key, private_key.data);
        return ECH_OK;
    }
    if (group == ECH_GROUP_X448) {
        curve448_mul_g(public_key, private_key.data);
        return ECH_OK;
    }
    return ech_nist_public(group, private_key, public_key);
}

enum ech_status ech_dh_generate(uint16_t group, const struct ech_random *random,
                                uint8_t *private_key, uint8_t *public_key)
{
    size_t size = ech_dh_private_size(group);
    if (size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    for (int draw = 0; draw < GENERATE_DRAWS; draw++) {
        if (ech_random_fill(random, private_key, size) != ECH_OK) {
            break;
        }
        if (group == ECH_GROUP_P521) {
            /* 521 bits in 528: cleared as in DeriveKeyPair of RFC 9180, 7.1.3. Otherwise almost no
             * draw would be in range. */
            private_key[0] &= 1;
        }
        if (ech_dh_public(group, bytes_of(private_key, size), public_key) == ECH_OK) {
            return ECH_OK;
        }
    }
    ech_wipe(private_key, size);
    return ECH_ERR_CRYPTO;
}

enum ech_status ech_dh(uint16_t group, struct bytes private_key, struct bytes peer_public_key,
                       uint8_t *shared)
{
    if (ech_dh_private_size(group) == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (private_key.len != ech_dh_private_size(group) ||
        peer_public_key.len != ech_dh_public_size(group)) {
        return ECH_ERR_CRYPTO;
    }
    if (ech_nist_group(group)) {
        return ech_nist_shared(group, private_key, peer_public_key, shared);
    }
    return montgomery_shared(group, private_key.data, peer_public_key.data, shared);
}

/*
 * The points that X25519 sends to zero with any private key: those of order 1, 2, 4 and 8 on the
 * curve and its twist, in all their encodings (RFC 7748, 5, accepts numbers from p up and ignores
 * the top bit). This comparison costs nothing; a multiplication would cost as much as the whole
 * Diffie-Hellman, and every handshake chooses a config.
 */
static bool x25519_low_order(const uint8_t *public_key)
{
    static const uint8_t points[][CURVE25519_SIZE] = {
        {0},
        {1},
        /* the two of order 8 */
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
         0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
         0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
        /* p - 1, p, p + 1 */
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    uint8_t point[CURVE25519_SIZE];
    memcpy(point, public_key, sizeof point);
    point[CURVE25519_SIZE - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        if (memcmp(point, points[i], sizeof point) == 0) {
            return true;
        }
    }
    return false;
}

enum ech_status ech_dh_check_public(uint16_t group, struct bytes public_key)
{
    if (ech_dh_public_size(group) == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (public_key.len != ech_dh_public_size(group)) {
        return ECH_ERR_CRYPTO;
    }
    if (ech_nist_group(group)) {
        return ech_nist_check_public(group, public_key);
    }
    if (group == ECH_GROUP_X25519) {
        return x25519_low_order(public_key.data) ? ECH_ERR_CRYPTO : ECH_OK;
    }
    /*
     * Clamping turns a scalar of zeros into 2^447, a power of two. It sends to zero exactly the
     * points whose order is a power of two: those of low order, which every clamped scalar sends to
     * zero.
     */
    static const uint8_t zeros[CURVE448_SIZE];
    uint8_t shared[ECH_DH_SHARED_MAX];
    return montgomery_shared(group, zeros, public_key.data, shared);
}
