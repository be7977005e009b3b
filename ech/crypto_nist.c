/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/crypto_nist.h"

#include <gmp.h>
#include <nettle/bignum.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>

enum {
    UNCOMPRESSED = 4, /* SEC 1, 2.3.3 */
    COORDINATE_MAX = ECH_DH_SHARED_MAX,
    LIMBS = (COORDINATE_MAX + sizeof(mp_limb_t) - 1) / sizeof(mp_limb_t),
};

static const struct ecc_curve *curve_of(uint16_t group)
{
    switch (group) {
    case ECH_GROUP_P256:
        return nettle_get_secp_256r1();
    case ECH_GROUP_P384:
        return nettle_get_secp_384r1();
    case ECH_GROUP_P521:
        return nettle_get_secp_521r1();
    default:
        return NULL;
    }
}

bool ech_nist_group(uint16_t group)
{
    return curve_of(group) != NULL;
}

/* ---- numbers that may be secret: never reallocated, and wiped before they are freed ---- */

static void number_init(mpz_t z)
{
    mpz_init2(z, (mp_bitcnt_t)LIMBS * GMP_NUMB_BITS);
}

static void number_clear(mpz_t z)
{
    ech_wipe(mpz_limbs_write(z, LIMBS), LIMBS * sizeof(mp_limb_t));
    mpz_limbs_finish(z, 0);
    mpz_clear(z);
}

static void scalar_clear(struct ecc_scalar *scalar)
{
    ech_wipe(scalar->p, (size_t)ecc_size(scalar->ecc) * sizeof(mp_limb_t));
    ecc_scalar_clear(scalar);
}

static void point_clear(struct ecc_point *point)
{
    ech_wipe(point->p, (size_t)ecc_size_a(point->ecc) * sizeof(mp_limb_t));
    ecc_point_clear(point);
}

/* ---- between octets and nettle's objects, which the caller initialises and clears ---- */

static bool scalar_parse(struct ecc_scalar *scalar, struct bytes private_key)
{
    mpz_t z = {{0}};
    number_init(z);
    nettle_mpz_set_str_256_u(z, private_key.len, private_key.data);
    /* takes [1, order) only */
    bool ok = ecc_scalar_set(scalar, z) != 0;
    number_clear(z);
    return ok;
}

static bool point_parse(struct ecc_point *point, struct bytes public_key)
{
    struct reader r = rd_of(public_key);
    uint8_t form;
    struct bytes x_octets;
    struct bytes y_octets;
    size_t coordinate = public_key.len / 2;
    if (!rd_u8(&r, &form) || form != UNCOMPRESSED || !rd_bytes(&r, coordinate, &x_octets) ||
        !rd_bytes(&r, coordinate, &y_octets) || !rd_done(&r)) {
        return false;
    }
    mpz_t x = {{0}};
    mpz_t y = {{0}};
    number_init(x);
    number_init(y);
    nettle_mpz_set_str_256_u(x, x_octets.len, x_octets.data);
    nettle_mpz_set_str_256_u(y, y_octets.len, y_octets.data);
    /* RFC 9180, 7.1.4: both coordinates below the prime, and the equation holds. The cofactor is 1.
     */
    bool ok = ecc_point_set(point, x, y) != 0;
    number_clear(x);
    number_clear(y);
    return ok;
}

/* Writes x, and y if y_out is not NULL, as numbers of `size` octets. */
static void point_encode(const struct ecc_point *point, size_t size, uint8_t *x_out, uint8_t *y_out)
{
    mpz_t x = {{0}};
    mpz_t y = {{0}};
    number_init(x);
    number_init(y);
    ecc_point_get(point, x, y);
    nettle_mpz_get_str_256(size, x_out, x);
    if (y_out != NULL) {
        nettle_mpz_get_str_256(size, y_out, y);
    }
    number_clear(x);
    number_clear(y);
}

/* ---- operations ---- */

enum ech_status ech_nist_public(uint16_t group, struct bytes private_key, uint8_t *public_key)
{
    struct ecc_scalar scalar;
    ecc_scalar_init(&scalar, curve_of(group));
    enum ech_status status = ECH_ERR_CRYPTO;
    if (scalar_parse(&scalar, private_key)) {
        struct ecc_point point;
        ecc_point_init(&point, curve_of(group));
        ecc_point_mul_g(&point, &scalar);
        size_t size = private_key.len;
        public_key[0] = UNCOMPRESSED;
        point_encode(&point, size, public_key + 1, public_key + 1 + size);
        point_clear(&point);
        status = ECH_OK;
    }
    scalar_clear(&scalar);
    return status;
}

enum ech_status ech_nist_shared(uint16_t group, struct bytes private_key,
                                struct bytes peer_public_key, uint8_t *shared)
{
    struct ecc_scalar scalar;
    struct ecc_point peer;
    ecc_scalar_init(&scalar, curve_of(group));
    ecc_point_init(&peer, curve_of(group));
    enum ech_status status = ECH_ERR_CRYPTO;
    if (scalar_parse(&scalar, private_key) && point_parse(&peer, peer_public_key)) {
        struct ecc_point result;
        ecc_point_init(&result, curve_of(group));
        ecc_point_mul(&result, &scalar, &peer);
        point_encode(&result, private_key.len, shared, NULL);
        point_clear(&result);
        status = ECH_OK;
    }
    scalar_clear(&scalar);
    point_clear(&peer);
    return status;
}

enum ech_status ech_nist_check_public(uint16_t group, struct bytes public_key)
{
    struct ecc_point point;
    ecc_point_init(&point, curve_of(group));
    bool ok = point_parse(&point, public_key);
    point_clear(&point);
    return ok ? ECH_OK : ECH_ERR_CRYPTO;
}
