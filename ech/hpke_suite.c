/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the ids of HPKE mean (RFC 9180, 7). */
#include "ech/hpke_steps.h"

bool ech_hpke_kem_of(uint16_t kem_id, struct ech_hpke_kem *kem)
{
    switch (kem_id) {
    case ECH_KEM_P256_SHA256:
        *kem = (struct ech_hpke_kem){ECH_GROUP_P256, ECH_HASH_SHA256};
        return true;
    case ECH_KEM_P384_SHA384:
        *kem = (struct ech_hpke_kem){ECH_GROUP_P384, ECH_HASH_SHA384};
        return true;
    case ECH_KEM_P521_SHA512:
        *kem = (struct ech_hpke_kem){ECH_GROUP_P521, ECH_HASH_SHA512};
        return true;
    case ECH_KEM_X25519_SHA256:
        *kem = (struct ech_hpke_kem){ECH_GROUP_X25519, ECH_HASH_SHA256};
        return true;
    default:
        return false;
    }
}

bool ech_hpke_kdf_of(uint16_t kdf_id, enum ech_hash *hash)
{
    switch (kdf_id) {
    case ECH_KDF_SHA256:
        *hash = ECH_HASH_SHA256;
        return true;
    case ECH_KDF_SHA384:
        *hash = ECH_HASH_SHA384;
        return true;
    case ECH_KDF_SHA512:
        *hash = ECH_HASH_SHA512;
        return true;
    default:
        return false;
    }
}

bool ech_hpke_kem_supported(uint16_t kem_id)
{
    struct ech_hpke_kem kem;
    return ech_hpke_kem_of(kem_id, &kem);
}

bool ech_hpke_kdf_supported(uint16_t kdf_id)
{
    enum ech_hash hash;
    return ech_hpke_kdf_of(kdf_id, &hash);
}

bool ech_hpke_aead_supported(uint16_t aead_id)
{
    return ech_aead_key_size(aead_id) != 0;
}

bool ech_hpke_suite_supported(struct ech_hpke_suite suite)
{
    return ech_hpke_kem_supported(suite.kem_id) && ech_hpke_kdf_supported(suite.kdf_id) &&
           ech_hpke_aead_supported(suite.aead_id);
}

size_t ech_hpke_enc_size(uint16_t kem_id)
{
    return ech_dh_public_size(ech_hpke_kem_group(kem_id));
}

uint16_t ech_hpke_kem_group(uint16_t kem_id)
{
    struct ech_hpke_kem kem;
    return ech_hpke_kem_of(kem_id, &kem) ? kem.group : 0;
}

enum ech_status ech_hpke_check_public_key(uint16_t kem_id, struct bytes public_key)
{
    return ech_dh_check_public(ech_hpke_kem_group(kem_id), public_key);
}
