/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/hpke.h"

#include <stdatomic.h>
#include <string.h>

#include "ech/hpke_steps.h"

/* LABELED_ROOM: most labeled inputs have fewer octets. */
enum { MODE_BASE = 0, LABELED_ROOM = 256 };

/* ECH exports nothing. */
enum exporter { NO_EXPORTER, WITH_EXPORTER };

/* ---- what the ids mean ---- */

struct kem {
    uint16_t group;
    enum ech_hash hash;
};

static bool kem_of(uint16_t kem_id, struct kem *kem)
{
    switch (kem_id) {
    case ECH_KEM_P256_SHA256:
        *kem = (struct kem){ECH_GROUP_P256, ECH_HASH_SHA256};
        return true;
    case ECH_KEM_P384_SHA384:
        *kem = (struct kem){ECH_GROUP_P384, ECH_HASH_SHA384};
        return true;
    case ECH_KEM_P521_SHA512:
        *kem = (struct kem){ECH_GROUP_P521, ECH_HASH_SHA512};
        return true;
    case ECH_KEM_X25519_SHA256:
        *kem = (struct kem){ECH_GROUP_X25519, ECH_HASH_SHA256};
        return true;
    default:
        return false;
    }
}

static bool kdf_of(uint16_t kdf_id, enum ech_hash *hash)
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
    struct kem kem;
    return kem_of(kem_id, &kem);
}

bool ech_hpke_kdf_supported(uint16_t kdf_id)
{
    enum ech_hash hash;
    return kdf_of(kdf_id, &hash);
}

bool ech_hpke_aead_supported(uint16_t aead_id)
{
    return ech_aead_key_size(aead_id) != 0;
}

static bool suite_supported(struct ech_hpke_suite suite)
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
    struct kem kem;
    return kem_of(kem_id, &kem) ? kem.group : 0;
}

enum ech_status ech_hpke_check_public_key(uint16_t kem_id, struct bytes public_key)
{
    return ech_dh_check_public(ech_hpke_kem_group(kem_id), public_key);
}

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

static enum ech_status extract_and_expand(uint16_t kem_id, const struct kem *kem, struct bytes dh,
                                          struct bytes enc, struct bytes public_key,
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

static enum ech_status encap(const struct ech_x25519 *x25519, uint16_t kem_id,
                             struct bytes public_key, struct bytes ephemeral_private_key,
                             struct bytes enc, struct ech_hpke_shared_secret *shared_secret)
{
    struct kem kem;
    if (!kem_of(kem_id, &kem)) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (enc.len != ech_hpke_enc_size(kem_id)) {
        return ECH_ERR_CRYPTO;
    }
    uint8_t dh[ECH_DH_SHARED_MAX];
    enum ech_status status = ech_dh_by(x25519, kem.group, ephemeral_private_key, public_key, dh);
    if (status == ECH_OK) {
        status = extract_and_expand(kem_id, &kem, bytes_of(dh, ech_dh_shared_size(kem.group)), enc,
                                    public_key, shared_secret);
    }
    ech_wipe(dh, sizeof dh);
    return status;
}

enum ech_status ech_hpke_encap(uint16_t kem_id, struct bytes public_key,
                               struct bytes ephemeral_private_key, struct bytes enc,
                               struct ech_hpke_shared_secret *shared_secret)
{
    return encap(NULL, kem_id, public_key, ephemeral_private_key, enc, shared_secret);
}

enum ech_status ech_hpke_decap(uint16_t kem_id, struct bytes private_key, struct bytes enc,
                               struct ech_hpke_shared_secret *shared_secret)
{
    struct kem kem;
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    uint8_t dh[ECH_DH_SHARED_MAX];
    if (!kem_of(kem_id, &kem)) {
        return ECH_ERR_UNSUPPORTED;
    }
    enum ech_status status = ech_dh_public(kem.group, private_key, public_key);
    if (status == ECH_OK) {
        status = ech_dh(kem.group, private_key, enc, dh);
    }
    if (status == ECH_OK) {
        status = extract_and_expand(kem_id, &kem, bytes_of(dh, ech_dh_shared_size(kem.group)), enc,
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
    if (!kdf_of(suite.kdf_id, &hash)) {
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
                                       const struct ech_hpke_key_schedule *schedule,
                                       enum exporter exporter, struct ech_hpke *hpke)
{
    enum ech_hash hash;
    if (!kdf_of(suite.kdf_id, &hash)) {
        return ECH_ERR_UNSUPPORTED;
    }
    const struct labeled kdf = labeled_of_suite(suite, hash);
    const struct bytes secret = bytes_of(schedule->secret, schedule->secret_len);
    const struct bytes context = bytes_of(schedule->context, schedule->context_len);
    *hpke = (struct ech_hpke){.suite = suite, .exports = exporter == WITH_EXPORTER};
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
        ech_hpke_wipe(hpke);
    }
    return status;
}

static enum ech_status key_schedule(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                    const struct ech_hpke_shared_secret *shared_secret,
                                    struct bytes info, struct ech_hpke_memo *memo,
                                    enum exporter exporter)
{
    struct ech_hpke_key_schedule schedule;
    enum ech_status status = schedule_start(suite, shared_secret, info, memo, &schedule);
    if (status == ECH_OK) {
        status = schedule_finish(suite, &schedule, exporter, hpke);
    }
    ech_wipe(&schedule, sizeof schedule);
    return status;
}

/* ---- set-up (RFC 9180, 5.1.1) ---- */

/* With an ephemeral key pair; the suite must be one that we support. */
static enum ech_status setup_sender(struct ech_hpke *hpke, const struct ech_x25519 *x25519,
                                    struct ech_hpke_suite suite, struct bytes public_key,
                                    struct bytes info, struct ech_hpke_memo *memo,
                                    enum exporter exporter, struct bytes ephemeral_private_key,
                                    const uint8_t *enc)
{
    struct ech_hpke_shared_secret shared_secret;
    enum ech_status status = encap(x25519, suite.kem_id, public_key, ephemeral_private_key,
                                   bytes_of(enc, ech_hpke_enc_size(suite.kem_id)), &shared_secret);
    if (status == ECH_OK) {
        status = key_schedule(hpke, suite, &shared_secret, info, memo, exporter);
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
    if (!suite_supported(suite)) {
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
    if (!suite_supported(suite)) {
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
    if (!suite_supported(suite)) {
        return ECH_ERR_UNSUPPORTED;
    }
    struct ech_hpke_shared_secret shared_secret;
    enum ech_status status = ech_hpke_decap(suite.kem_id, private_key, enc, &shared_secret);
    if (status == ECH_OK) {
        status = key_schedule(hpke, suite, &shared_secret, info, NULL, WITH_EXPORTER);
    }
    ech_wipe(&shared_secret, sizeof shared_secret);
    return status;
}

enum ech_status ech_hpke_setup_receiver_with(struct ech_hpke *hpke, struct ech_hpke_suite suite,
                                             struct bytes dh, struct bytes public_key,
                                             struct bytes enc, struct bytes info)
{
    struct kem kem;
    ech_hpke_wipe(hpke);
    if (!suite_supported(suite) || !kem_of(suite.kem_id, &kem)) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (dh.len != ech_dh_shared_size(kem.group) || enc.len != ech_hpke_enc_size(suite.kem_id) ||
        public_key.len != enc.len) {
        return ECH_ERR_CRYPTO;
    }
    struct ech_hpke_shared_secret shared_secret;
    enum ech_status status =
        extract_and_expand(suite.kem_id, &kem, dh, enc, public_key, &shared_secret);
    if (status == ECH_OK) {
        status = key_schedule(hpke, suite, &shared_secret, info, NULL, NO_EXPORTER);
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
    enum ech_hash hash;
    if (!hpke->exports || !kdf_of(hpke->suite.kdf_id, &hash)) {
        return ECH_ERR_UNSUPPORTED;
    }
    const struct labeled kdf = labeled_of_suite(hpke->suite, hash);
    return labeled_expand(&kdf, bytes_of(hpke->exporter_secret, ech_hash_size(hash)), "sec",
                          exporter_context, out, len);
}
