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
static enum ech_status montgomery_shared(const struct ech_x25519 *x25519, uint16_t group,
                                         const uint8_t *private_key, const uint8_t *peer,
                                         uint8_t *shared)
{
    if (group == ECH_GROUP_X25519 && x25519 != NULL) {
        x25519->shared(shared, private_key, peer);
    } else if (group == ECH_GROUP_X25519) {
        curve25519_mul(shared, private_key, peer);
    } else {
        curve448_mul(shared, private_key, peer);
    }
    return all_zero(shared, ech_dh_shared_size(group)) ? ECH_ERR_CRYPTO : ECH_OK;
}

static enum ech_status dh_public(const struct ech_x25519 *x25519, uint16_t group,
                                 struct bytes private_key, uint8_t *public_key)
{
    size_t private_size = ech_dh_private_size(group);
    if (private_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (private_key.len != private_size) {
        return ECH_ERR_CRYPTO;
    }
    if (group == ECH_GROUP_X25519) {
        if (x25519 != NULL) {
            x25519->public_key(public_key, private_key.data);
        } else {
            curve25519_mul_g(public_key, private_key.data);
        }
        return ECH_OK;
    }
    if (group == ECH_GROUP_X448) {
        curve448_mul_g(public_key, private_key.data);
        return ECH_OK;
    }
    return ech_nist_public(group, private_key, public_key);
}

enum ech_status ech_dh_public(uint16_t group, struct bytes private_key, uint8_t *public_key)
{
    return dh_public(NULL, group, private_key, public_key);
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
        if (dh_public(random->x25519, group, bytes_of(private_key, size), public_key) == ECH_OK) {
            return ECH_OK;
        }
    }
    ech_wipe(private_key, size);
    return ECH_ERR_CRYPTO;
}

enum ech_status ech_dh_by(const struct ech_x25519 *x25519, uint16_t group, struct bytes private_key,
                          struct bytes peer_public_key, uint8_t *shared)
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
    return montgomery_shared(x25519, group, private_key.data, peer_public_key.data, shared);
}

enum ech_status ech_dh(uint16_t group, struct bytes private_key, struct bytes peer_public_key,
                       uint8_t *shared)
{
    return ech_dh_by(NULL, group, private_key, peer_public_key, shared);
}

bool ech_x25519_is_right(const struct ech_x25519 *x25519)
{
    /* RFC 7748, 5.2. Neither scalar is clamped, and the second u has its top bit set. */
    static const struct {
        uint8_t scalar[CURVE25519_SIZE], u[CURVE25519_SIZE], result[CURVE25519_SIZE];
    } products[] = {
        {{0xa5, 0x46, 0xe3, 0x6b, 0xf0, 0x52, 0x7c, 0x9d, 0x3b, 0x16, 0x15,
          0x4b, 0x82, 0x46, 0x5e, 0xdd, 0x62, 0x14, 0x4c, 0x0a, 0xc1, 0xfc,
          0x5a, 0x18, 0x50, 0x6a, 0x22, 0x44, 0xba, 0x44, 0x9a, 0xc4},
         {0xe6, 0xdb, 0x68, 0x67, 0x58, 0x30, 0x30, 0xdb, 0x35, 0x94, 0xc1,
          0xa4, 0x24, 0xb1, 0x5f, 0x7c, 0x72, 0x66, 0x24, 0xec, 0x26, 0xb3,
          0x35, 0x3b, 0x10, 0xa9, 0x03, 0xa6, 0xd0, 0xab, 0x1c, 0x4c},
         {0xc3, 0xda, 0x55, 0x37, 0x9d, 0xe9, 0xc6, 0x90, 0x8e, 0x94, 0xea,
          0x4d, 0xf2, 0x8d, 0x08, 0x4f, 0x32, 0xec, 0xcf, 0x03, 0x49, 0x1c,
          0x71, 0xf7, 0x54, 0xb4, 0x07, 0x55, 0x77, 0xa2, 0x85, 0x52}},
        {{0x4b, 0x66, 0xe9, 0xd4, 0xd1, 0xb4, 0x67, 0x3c, 0x5a, 0xd2, 0x26,
          0x91, 0x95, 0x7d, 0x6a, 0xf5, 0xc1, 0x1b, 0x64, 0x21, 0xe0, 0xea,
          0x01, 0xd4, 0x2c, 0xa4, 0x16, 0x9e, 0x79, 0x18, 0xba, 0x0d},
         {0xe5, 0x21, 0x0f, 0x12, 0x78, 0x68, 0x11, 0xd3, 0xf4, 0xb7, 0x95,
          0x9d, 0x05, 0x38, 0xae, 0x2c, 0x31, 0xdb, 0xe7, 0x10, 0x6f, 0xc0,
          0x3c, 0x3e, 0xfc, 0x4c, 0xd5, 0x49, 0xc7, 0x15, 0xa4, 0x93},
         {0x95, 0xcb, 0xde, 0x94, 0x76, 0xe8, 0x90, 0x7d, 0x7a, 0xad, 0xe4,
          0x5c, 0xb4, 0xb8, 0x73, 0xf8, 0x8b, 0x59, 0x5a, 0x68, 0x79, 0x9f,
          0xa1, 0x52, 0xe6, 0xf8, 0xf7, 0x64, 0x7a, 0xac, 0x79, 0x57}},
    };
    /* Alice's key pair of 6.1 */
    static const uint8_t private_key[CURVE25519_SIZE] = {
        0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
        0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
        0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
    static const uint8_t public_key[CURVE25519_SIZE] = {
        0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
        0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
        0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a};
    uint8_t out[CURVE25519_SIZE] = {0};
    x25519->public_key(out, private_key);
    bool right = memcmp(out, public_key, sizeof out) == 0;
    for (size_t i = 0; right && i < sizeof products / sizeof *products; i++) {
        x25519->shared(out, products[i].scalar, products[i].u);
        right = memcmp(out, products[i].result, sizeof out) == 0;
    }
    return right;
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
    return montgomery_shared(NULL, group, zeros, public_key.data, shared);
}
