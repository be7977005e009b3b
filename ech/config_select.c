/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges and chooses configs, by what our HPKE supports. Reading them (ech/config.c) needs no
 * cryptography. */
#include "ech/config.h"

#include <string.h>

enum { MANDATORY_BIT = 0x8000 /* RFC 9849, 4.2 */ };

static bool kem_usable(uint16_t kem_id, const struct ech_config_support *support)
{
    if (!ech_hpke_kem_supported(kem_id)) {
        return false;
    }
    if (support == NULL) {
        return true;
    }
    for (size_t i = 0; i < support->kem_count; i++) {
        if (support->kem_ids[i] == kem_id) {
            return true;
        }
    }
    return false;
}

/* RFC 9849, 6.1: a pair is used as listed; halves of two pairs are never combined. */
static bool first_suite(const struct ech_config *config, struct ech_hpke_suite *suite)
{
    struct reader r = rd_of(config->cipher_suites);
    uint16_t kdf_id;
    uint16_t aead_id;
    while (rd_u16(&r, &kdf_id) && rd_u16(&r, &aead_id)) {
        if (ech_hpke_kdf_supported(kdf_id) && ech_hpke_aead_supported(aead_id)) {
            *suite = (struct ech_hpke_suite){config->kem_id, kdf_id, aead_id};
            return true;
        }
    }
    return false;
}

/* RFC 9849, 4.2. We know no extensions, so every mandatory one is unsupported. */
static enum ech_config_verdict check_extensions(struct bytes extensions)
{
    /* A bit for each type that is not mandatory: a hostile list may have 16,000 of them. Nearly all
     * configs have none, and need no 4 KB of zeros. */
    uint8_t seen[MANDATORY_BIT / 8];
    struct reader r = rd_of(extensions);
    uint16_t type;
    if (extensions.len > 0) {
        memset(seen, 0, sizeof seen);
    }
    while (ech_config_extension_next(&r, &type)) {
        if ((type & MANDATORY_BIT) != 0) {
            return ECH_CONFIG_MANDATORY_EXTENSION;
        }
        uint8_t bit = (uint8_t)(1U << (type % 8));
        if ((seen[type / 8] & bit) != 0) {
            return ECH_CONFIG_DUPLICATE_EXTENSION;
        }
        seen[type / 8] |= bit;
    }
    return ECH_CONFIG_USABLE;
}

enum ech_config_verdict ech_config_check(const struct ech_config *config,
                                         const struct ech_config_support *support,
                                         struct ech_hpke_suite *suite)
{
    if (config->version != ECH_VERSION) {
        return ECH_CONFIG_VERSION;
    }
    if (!kem_usable(config->kem_id, support)) {
        return ECH_CONFIG_KEM;
    }
    struct ech_hpke_suite first;
    if (!first_suite(config, &first)) {
        return ECH_CONFIG_CIPHER_SUITE;
    }
    if (!ech_public_name_valid(config->public_name)) {
        return ECH_CONFIG_PUBLIC_NAME;
    }
    enum ech_config_verdict verdict = check_extensions(config->extensions);
    if (verdict != ECH_CONFIG_USABLE) {
        return verdict;
    }
    /* Last, because it costs the most. */
    if (ech_hpke_check_public_key(config->kem_id, config->public_key) != ECH_OK) {
        return ECH_CONFIG_PUBLIC_KEY;
    }
    *suite = first;
    return ECH_CONFIG_USABLE;
}

enum ech_status ech_config_list_select(struct bytes list, const struct ech_config_support *support,
                                       struct ech_config_choice *choice)
{
    struct reader configs;
    enum ech_status status = ech_config_list_begin(list, &configs);
    if (status != ECH_OK) {
        return status;
    }
    struct ech_config config;
    struct ech_hpke_suite suite;
    while (ech_config_list_next(&configs, &config)) {
        if (ech_config_check(&config, support, &suite) == ECH_CONFIG_USABLE) {
            *choice = (struct ech_config_choice){.config = config, .suite = suite};
            return ECH_OK;
        }
    }
    return ECH_ERR_UNSUPPORTED;
}
