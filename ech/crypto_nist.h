/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The curves P-256, P-384 and P-521 for ech/crypto_dh.c alone. All octets have the sizes of
 * ech/crypto.h: the caller has looked.
 */
#ifndef ECH_CRYPTO_NIST_H
#define ECH_CRYPTO_NIST_H

#include "ech/crypto.h"

/* True for the groups that the functions below take. */
bool ech_nist_group(uint16_t group);
/* ECH_ERR_CRYPTO if the private key is not in [1, order). */
ECH_MUST_USE enum ech_status ech_nist_public(uint16_t group, struct bytes private_key,
                                             uint8_t *public_key);
/* ECH_ERR_CRYPTO if the private key is out of range or the point is not an uncompressed one on the
 * curve. */
ECH_MUST_USE enum ech_status ech_nist_shared(uint16_t group, struct bytes private_key,
                                             struct bytes peer_public_key, uint8_t *shared);
/* ECH_OK if the octets are an uncompressed point on the curve, else ECH_ERR_CRYPTO. */
ECH_MUST_USE enum ech_status ech_nist_check_public(uint16_t group, struct bytes public_key);

#endif
