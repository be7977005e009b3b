/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/hpke_steps.h"

#include <stdatomic.h>
#include <string.h>

/* LABELED_ROOM: most labeled inputs have fewer octets. */
enum { MODE_BASE = 0, LABELED_ROOM = 256 };

/* ---- LabeledExtract and LabeledExpand (RFC 9180, 4) ---- */

/* The hash in use, and the suite_id that separates its KEM and HPKE uses. */
struct labeled {
    enum ech_hash hash;
    uint8_t suite_id[10];
    size_t suite_id_len;
};

static struct labeled labeled_of_kem(uint16_t kem_id, enum ech_hash hash)
{
    struct labeled kdf = {.hash = hash, .suite_id = {'K', 'E', 'M'}, .suite_id_len = 5};
    kdf.suite_id[3] = (uint8_t)(kem_id >> 8);
    kdf.suite_id[4] = (uint8_t)(kem_id & 0xff);
    return kdf;
}

static struct labeled labeled_of_suite(struct ech_hpke_suite suite, enum ech_hash hash)
{
    const uint16_t ids[] = {suite.kem_id, suite.kdf_id, suite.aead_id};
    struct labeled kdf = {.hash = hash, .suite_id = {'H', 'P', 'K', 'E'}, .suite_id_len = 10};
    for (size_t i = 0; i < 3; i++) {
        kdf.suite_id[4 + 2 * i] = (uint8_t)(ids[i] >> 8);
        kdf.suite_id[5 + 2 * i] = (uint8_t)(ids[i] & 0xff);
    }
    return kdf;
}

static void wr_labeled(struct writer *w, const struct labeled *kdf, const char *label,
                       struct bytes last)
{
    wr_bytes(w, bytes_of("HPKE-v1", 7));
    wr_bytes(w, bytes_of(kdf->suite_id, kdf->suite_id_len));
    wr_bytes(w, bytes_of(label, strlen(label)));
    wr_bytes(w, last);
}

static enum ech_status labeled_extract(const struct labeled *kdf, struct bytes salt,
                                       const char *label, struct bytes ikm, uint8_t *prk)
{
    struct writer w;
    uint8_t room[LABELED_ROOM];
    wr_init_on(&w, 0, room, sizeof room);
    wr_labeled(&w, kdf, label, ikm);
    enum ech_status status = wr_finish(&w);
    if (status == ECH_OK) {
        status = ech_hkdf_extract(kdf->hash, salt, wr_view(&w), prk);
    }
    wr_wipe(&w);
    return status;
}

static enum ech_status labeled_expand(const struct labeled *kdf, struct bytes prk,
                                      const char *label, struct bytes info, uint8_t *out,
                                      size_t len)
{
    if (len > UINT16_MAX) {
        return ECH_ERR_SPACE;
    }
    struct writer w;
    uint8_t room[LABELED_ROOM];
    wr_init_on(&w, 0, room, sizeof room);
    wr_u16(&w, (uint16_t)len);
    wr_labeled(&w, kdf, label, info);
    enum ech_status status = wr_finish(&w);
    if (status == ECH_OK) {
        status = ech_hkdf_expand(kdf->hash, prk, wr_view(&w), out, len);
    }
    wr_wipe(&w);
    return status;
}

/* ---- DHKEM (RFC 9180, 4.1) ---- */

enum ech_status ech_hpke_extract_and_expand(uint16_t kem_id, const struct ech_hpke_kem *kem,
                                            struct bytes dh, struct bytes enc,
                                            struct bytes public_key,
                                            struct ech_hpke_shared_secret *shared_secret)
{
    const struct labeled kdf = labeled_of_kem(kem_id, kem->hash);
    uint8_t eae_prk[ECH_HASH_MAX];
    uint8_t kem_context[2 * ECH_HPKE_ENC_MAX];
    size_t size = ech_hash_size(kem->hash);
    memcpy(kem_context, enc.data, enc.len);
    memcpy(kem_context + enc.len, public_key.data, public_key.len);
    enum ech_status status = labeled_extract(&kdf, bytes_of(NULL, 0), "eae_prk", dh, eae_prk);
    if (status == ECH_OK) {
        shared_secret->len = size;
        status = labeled_expand(&kdf, bytes_of(eae_prk, size), "shared_secret",
                                bytes_of(kem_context, enc.len + public_key.len),
                                shared_secret->data, size);
    }
    ech_wipe(eae_prk, sizeof eae_prk);
    return status;
}

enum ech_status ech_hpke_encap_by(const struct ech_x25519 *x25519, uint16_t kem_id,
                                  struct bytes public_key, struct bytes ephemeral_private_key,
                                  struct bytes enc, struct ech_hpke_shared_secret *shared_secret)
{
    struct ech_hpke_kem kem;
    if (!ech_hpke_kem_of(kem_id, &kem)) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (enc.len != ech_hpke_enc_size(kem_id)) {
        return ECH_ERR_CRYPTO;
    }
    uint8_t dh[ECH_DH_SHARED_MAX];
    enum ech_status status = ech_dh_by(x25519, kem.group, ephemeral_private_key, public_key, dh);
    if (status == ECH_OK) {
        status =
            ech_hpke_extract_and_expand(kem_id, &kem, bytes_of(dh, ech_dh_shared_size(kem.group)),
                                        enc, public_key, shared_secret);
    }
    ech_wipe(dh, sizeof dh);
    return status;
}

enum ech_status ech_hpke_encap(uint16_t kem_id, struct bytes public_key,
                               struct bytes ephemeral_private_key, struct bytes enc,
                               struct ech_hpke_shared_secret *shared_secret)
{
    return ech_hpke_encap_by(NULL, kem_id, public_key, ephemeral_private_key, enc, shared_secret);
}

enum ech_status ech_hpke_decap(uint16_t kem_id, struct bytes private_key, struct bytes enc,
                               struct ech_hpke_shared_secret *shared_secret)
{
    struct ech_hpke_kem kem;
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    uint8_t dh[ECH_DH_SHARED_MAX];
    if (!ech_hpke_kem_of(kem_id, &kem)) {
        return ECH_ERR_UNSUPPORTED;
    }
    enum ech_status status = ech_dh_public(kem.group, private_key, public_key);
    if (status == ECH_OK) {
        status = ech_dh(kem.group, private_key, enc, dh);
    }
    if (status == ECH_OK) {
        status = ech_hpke_extract_and_expand(
            kem_id, &kem, bytes_of(dh, ech_dh_shared_size(kem.group)), enc,
            bytes_of(public_key, ech_hpke_enc_size(kem_id)), shared_secret);
    }
    ech_wipe(dh, sizeof dh);
    return status;
}

/* ---- KeySchedule (RFC 9180, 5.1) ---- */

/* psk_id_hash and info_hash, which depend on the suite and info alone. */
static enum ech_status hash_context(const struct labeled *kdf, struct bytes info, uint8_t *out)
{
    const struct bytes none = bytes_of(NULL, 0);
    /* In base mode psk_id and psk are empty. */
    enum ech_status status = labeled_extract(kdf, none, "psk_id_hash", none, out);
    return status == ECH_OK
               ? labeled_extract(kdf, none, "info_hash", info, out + ech_hash_size(kdf->hash))
               : status;
}

static bool remembers(const struct ech_hpke_memo *memo, struct ech_hpke_suite suite,
                      struct bytes info)
{
    return memo != NULL && memo->known && memo->suite.kem_id == suite.kem_id &&
           memo->suite.kdf_id == suite.kdf_id && memo->suite.aead_id == suite.aead_id &&
           bytes_equal(bytes_of(memo->info, memo->info_length), info);
}

static void remember(struct ech_hpke_memo *memo, struct ech_hpke_suite suite, struct bytes info,
                     const uint8_t *hashes, size_t size)
{
    struct reader from = rd_of(info);
    if (memo == NULL || info.len > sizeof memo->info) {
        return;
    }
    memo->known = false;
    atomic_signal_fence(memory_order_seq_cst);
    memo->suite = suite;
    memo->info_length = info.len;
    memcpy(memo->hashes, hashes, size);
    bool copied = rd_copy(&from, memo->info, info.len);
    atomic_signal_fence(memory_order_seq_cst);
    memo->known = copied;
}

static enum ech_status schedule_start(struct ech_hpke_suite suite,
                                      const struct ech_hpke_shared_secret *shared_secret,
                                      struct bytes info, struct ech_hpke_memo *memo,
                                      struct ech_hpke_key_schedule *schedule)
{
    enum ech_hash hash;
    enum ech_status status = ECH_OK;
    if (!ech_hpke_kdf_of(suite.kdf_id, &hash)) {
        return ECH_ERR_UNSUPPORTED;
    }
    const struct labeled kdf = labeled_of_suite(suite, hash);
    size_t size = ech_hash_size(hash);
    schedule->context[0] = MODE_BASE;
    schedule->context_len = 1 + 2 * size;
    schedule->secret_len = size;
    if (remembers(memo, suite, info)) {
        memcpy(schedule->context + 1, memo->hashes, 2 * size);
    } else {
        status = hash_context(&kdf, info, schedule->context + 1);
        if (status == ECH_OK) {
            remember(memo, suite, info, schedule->context + 1, 2 * size);
        }
    }
    if (status == ECH_OK) {
        status = labeled_extract(&kdf, bytes_of(shared_secret->data, shared_secret->len), "secret",
                                 bytes_of(NULL, 0), schedule->secret);
    }
    return status;
}

enum ech_status ech_hpke_schedule_start(struct ech_hpke_suite suite,
                                        const struct ech_hpke_shared_secret *shared_secret,
                                        struct bytes info, struct ech_hpke_key_schedule *schedule)
{
    return schedule_start(suite, shared_secret, info, NULL, schedule);
}

static enum ech_status schedule_finish(struct ech_hpke_suite suite,
                                       const struct ech_hpke_key_schedule *schedule, bool exports,
                                       struct ech_hpke *hpke)
{
    enum ech_hash hash;
    if (!ech_hpke_kdf_of(suite.kdf_id, &hash)) {
        return ECH_ERR_UNSUPPORTED;
    }
    const struct labeled kdf = labeled_of_suite(suite, hash);
    const struct bytes secret = bytes_of(schedule->secret, schedule->secret_len);
    const struct bytes context = bytes_of(schedule->context, schedule->context_len);
    *hpke = (struct ech_hpke){.suite = suite, .exports = exports};
    enum ech_status status =
        labeled_expand(&kdf, secret, "key", context, hpke->key, ech_aead_key_size(suite.aead_id));
    if (status == ECH_OK) {
        status = labeled_expand(&kdf, secret, "base_nonce", context, hpke->base_nonce,
                                sizeof hpke->base_nonce);
    }
    if (status == ECH_OK && hpke->exports) {
        status = labeled_expand(&kdf, secret, "exp", context, hpke->exporter_secret,
                                ech_hash_size(hash));
    }
    if (status != ECH_OK) {
        ech_wipe(hpke, sizeof *hpke);
    }
    return status;
}

enum ech_status ech_hpke_key_schedule(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                      const struct ech_hpke_shared_secret *shared_secret,
                                      struct bytes info, struct ech_hpke_memo *memo, bool exports)
{
    struct ech_hpke_key_schedule schedule;
    enum ech_status status = schedule_start(suite, shared_secret, info, memo, &schedule);
    if (status == ECH_OK) {
        status = schedule_finish(suite, &schedule, exports, hpke);
    }
    ech_wipe(&schedule, sizeof schedule);
    return status;
}

/* ---- export (RFC 9180, 5.3) ---- */

enum ech_status ech_hpke_expand_exported(struct ech_hpke_suite suite, const uint8_t *secret,
                                         struct bytes exporter_context, uint8_t *out, size_t len)
{
    enum ech_hash hash;
    if (!ech_hpke_kdf_of(suite.kdf_id, &hash)) {
        return ECH_ERR_UNSUPPORTED;
    }
    const struct labeled kdf = labeled_of_suite(suite, hash);
    return labeled_expand(&kdf, bytes_of(secret, ech_hash_size(hash)), "sec", exporter_context, out,
                          len);
}
