/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/hpke.h"

#include <string.h>

#include "ech/hpke_steps.h"

/* ECH exports nothing. */
enum { NO_EXPORTER = false, WITH_EXPORTER = true };

/* ---- set-up (RFC 9180, 5.1.1) ---- */

/* With an ephemeral key pair; the suite must be one that we support. */
static enum ech_status setup_sender(struct ech_hpke *hpke, const struct ech_x25519 *x25519,
                                    struct ech_hpke_suite suite, struct bytes public_key,
                                    struct bytes info, struct ech_hpke_memo *memo, bool exports,
                                    struct bytes ephemeral_private_key, const uint8_t *enc)
{
    struct ech_hpke_shared_secret shared_secret;
    enum ech_status status =
        ech_hpke_encap_by(x25519, suite.kem_id, public_key, ephemeral_private_key,
                          bytes_of(enc, ech_hpke_enc_size(suite.kem_id)), &shared_secret);
    if (status == ECH_OK) {
        status = ech_hpke_key_schedule(hpke, suite, &shared_secret, info, memo, exports);
    }
    ech_wipe(&shared_secret, sizeof shared_secret);
    return status;
}

enum ech_status ech_hpke_setup_sender(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                      struct bytes public_key, struct bytes info,
                                      struct ech_hpke_memo *memo, const struct ech_random *random,
                                      uint8_t *enc)
{
    ech_hpke_wipe(hpke);
    if (!ech_hpke_suite_supported(suite)) {
        return ECH_ERR_UNSUPPORTED;
    }
    uint16_t group = ech_hpke_kem_group(suite.kem_id);
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    enum ech_status status = ech_dh_generate(group, random, private_key, enc);
    if (status == ECH_OK) {
        status = setup_sender(hpke, random->x25519, suite, public_key, info, memo, NO_EXPORTER,
                              bytes_of(private_key, ech_dh_private_size(group)), enc);
    }
    ech_wipe(private_key, sizeof private_key);
    return status;
}

enum ech_status ech_hpke_setup_sender_with(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                           struct bytes public_key, struct bytes info,
                                           struct bytes ephemeral_private_key, uint8_t *enc)
{
    ech_hpke_wipe(hpke);
    if (!ech_hpke_suite_supported(suite)) {
        return ECH_ERR_UNSUPPORTED;
    }
    enum ech_status status =
        ech_dh_public(ech_hpke_kem_group(suite.kem_id), ephemeral_private_key, enc);
    if (status == ECH_OK) {
        status = setup_sender(hpke, NULL, suite, public_key, info, NULL, WITH_EXPORTER,
                              ephemeral_private_key, enc);
    }
    return status;
}

enum ech_status ech_hpke_setup_receiver(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                        struct bytes private_key, struct bytes enc,
                                        struct bytes info)
{
    ech_hpke_wipe(hpke);
    if (!ech_hpke_suite_supported(suite)) {
        return ECH_ERR_UNSUPPORTED;
    }
    struct ech_hpke_shared_secret shared_secret;
    enum ech_status status = ech_hpke_decap(suite.kem_id, private_key, enc, &shared_secret);
    if (status == ECH_OK) {
        status = ech_hpke_key_schedule(hpke, suite, &shared_secret, info, NULL, WITH_EXPORTER);
    }
    ech_wipe(&shared_secret, sizeof shared_secret);
    return status;
}

enum ech_status ech_hpke_setup_receiver_with(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                             struct bytes dh, struct bytes public_key,
                                             struct bytes enc, struct bytes info)
{
    struct ech_hpke_kem kem;
    ech_hpke_wipe(hpke);
    if (!ech_hpke_suite_supported(suite) || !ech_hpke_kem_of(suite.kem_id, &kem)) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (dh.len != ech_dh_shared_size(kem.group) || enc.len != ech_hpke_enc_size(suite.kem_id) ||
        public_key.len != enc.len) {
        return ECH_ERR_CRYPTO;
    }
    struct ech_hpke_shared_secret shared_secret;
    enum ech_status status =
        ech_hpke_extract_and_expand(suite.kem_id, &kem, dh, enc, public_key, &shared_secret);
    if (status == ECH_OK) {
        status = ech_hpke_key_schedule(hpke, suite, &shared_secret, info, NULL, NO_EXPORTER);
    }
    ech_wipe(&shared_secret, sizeof shared_secret);
    return status;
}

void ech_hpke_wipe(struct ech_hpke *hpke)
{
    ech_wipe(hpke, sizeof *hpke);
}

/* ---- encryption (RFC 9180, 5.2) and export (5.3) ---- */

/* ComputeNonce: base_nonce XOR I2OSP(seq, Nn) */
static void compute_nonce(const struct ech_hpke *hpke, uint8_t nonce[ECH_AEAD_NONCE])
{
    memcpy(nonce, hpke->base_nonce, ECH_AEAD_NONCE);
    uint64_t sequence = hpke->sequence;
    for (size_t i = ECH_AEAD_NONCE; sequence != 0; sequence >>= 8) {
        nonce[--i] ^= (uint8_t)(sequence & 0xff);
    }
}

static struct bytes key_of(const struct ech_hpke *hpke)
{
    return bytes_of(hpke->key, ech_aead_key_size(hpke->suite.aead_id));
}

enum ech_status ech_hpke_seal(struct ech_hpke *hpke, struct bytes aad, struct bytes plaintext,
                              uint8_t *out)
{
    /* A sequence number that wraps would use a nonce twice. */
    if (hpke->sequence == UINT64_MAX) {
        return ECH_ERR_SPACE;
    }
    uint8_t nonce[ECH_AEAD_NONCE];
    compute_nonce(hpke, nonce);
    enum ech_status status =
        ech_aead_seal(hpke->suite.aead_id, key_of(hpke), nonce, aad, plaintext, out);
    if (status == ECH_OK) {
        hpke->sequence++;
    }
    return status;
}

enum ech_status ech_hpke_open(struct ech_hpke *hpke, struct bytes aad, struct bytes ciphertext,
                              uint8_t *out)
{
    if (hpke->sequence == UINT64_MAX) {
        return ECH_ERR_SPACE;
    }
    uint8_t nonce[ECH_AEAD_NONCE];
    compute_nonce(hpke, nonce);
    enum ech_status status =
        ech_aead_open(hpke->suite.aead_id, key_of(hpke), nonce, aad, ciphertext, out);
    if (status == ECH_OK) {
        hpke->sequence++;
    }
    return status;
}

enum ech_status ech_hpke_export(const struct ech_hpke *hpke, struct bytes exporter_context,
                                uint8_t *out, size_t len)
{
    return hpke->exports ? ech_hpke_expand_exported(hpke->suite, hpke->exporter_secret,
                                                    exporter_context, out, len)
                         : ECH_ERR_UNSUPPORTED;
}
