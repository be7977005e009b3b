/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/hpke_steps.h"
#include "vectors.h"

/* One vector of hpke-base.json, with its octets decoded. */
struct vector {
    const json_t *json;
    struct ech_hpke_suite suite;
    struct octets info;
    struct octets sender_key;
    struct octets receiver_key;
    struct octets receiver_public;
    struct octets enc;
};

static void for_each_vector(void (*check)(const struct vector *vector))
{
    json_t *root = vectors_load("hpke-base");
    size_t i;
    json_t *json;
    json_array_foreach(vectors_get(root, "vectors"), i, json)
    {
        struct vector vector = {
            .json = json,
            .suite = {(uint16_t)vectors_number(json, "kem_id"),
                      (uint16_t)vectors_number(json, "kdf_id"),
                      (uint16_t)vectors_number(json, "aead_id")},
            .info = octets_get(json, "info"),
            .sender_key = octets_get(json, "skEm"),
            .receiver_key = octets_get(json, "skRm"),
            .receiver_public = octets_get(json, "pkRm"),
            .enc = octets_get(json, "enc"),
        };
        check(&vector);
        octets_free(&vector.info);
        octets_free(&vector.sender_key);
        octets_free(&vector.receiver_key);
        octets_free(&vector.receiver_public);
        octets_free(&vector.enc);
    }
    cr_assert_eq(i, 18);
    json_decref(root);
}

/* The two ends of a vector; the setup is also compared. */
static void set_up(const struct vector *vector, struct ech_hpke *sender, struct ech_hpke *receiver)
{
    struct octets enc = octets_new(ech_hpke_enc_size(vector->suite.kem_id));
    cr_assert_eq(ech_hpke_setup_sender_with(
                     sender, vector->suite, octets_view(&vector->receiver_public),
                     octets_view(&vector->info), octets_view(&vector->sender_key), enc.data),
                 ECH_OK);
    assert_octets(octets_view(&enc), octets_view(&vector->enc), "enc");
    cr_assert_eq(ech_hpke_setup_receiver(receiver, vector->suite,
                                         octets_view(&vector->receiver_key),
                                         octets_view(&vector->enc), octets_view(&vector->info)),
                 ECH_OK);
    octets_free(&enc);
}

static void check_shared_secret(const struct vector *vector)
{
    struct ech_hpke_shared_secret secret;
    const char *expected = vectors_text(vector->json, "shared_secret");
    cr_assert_eq(ech_hpke_encap(vector->suite.kem_id, octets_view(&vector->receiver_public),
                                octets_view(&vector->sender_key), octets_view(&vector->enc),
                                &secret),
                 ECH_OK);
    assert_hex(bytes_of(secret.data, secret.len), expected, "shared_secret of Encap");
    memset(&secret, 0, sizeof secret);
    cr_assert_eq(ech_hpke_decap(vector->suite.kem_id, octets_view(&vector->receiver_key),
                                octets_view(&vector->enc), &secret),
                 ECH_OK);
    assert_hex(bytes_of(secret.data, secret.len), expected, "shared_secret of Decap");
}

Test(hpke, ech_21_shared_secret)
{
    for_each_vector(check_shared_secret);
}

static void check_key_schedule(const struct vector *vector)
{
    struct octets given = octets_get(vector->json, "shared_secret");
    struct ech_hpke_shared_secret shared_secret = {.len = given.len};
    memcpy(shared_secret.data, given.data, given.len);
    struct ech_hpke_key_schedule schedule;
    cr_assert_eq(ech_hpke_schedule_start(vector->suite, &shared_secret, octets_view(&vector->info),
                                         &schedule),
                 ECH_OK);
    assert_hex(bytes_of(schedule.context, schedule.context_len),
               vectors_text(vector->json, "key_schedule_context"), "key_schedule_context");
    assert_hex(bytes_of(schedule.secret, schedule.secret_len), vectors_text(vector->json, "secret"),
               "secret");
    octets_free(&given);
}

Test(hpke, ech_21_key_schedule_context_and_secret)
{
    for_each_vector(check_key_schedule);
}

static void check_keys(const struct vector *vector)
{
    struct ech_hpke ends[2];
    set_up(vector, &ends[0], &ends[1]);
    for (size_t i = 0; i < 2; i++) {
        const char *exporter_secret = vectors_text(vector->json, "exporter_secret");
        assert_hex(bytes_of(ends[i].key, ech_aead_key_size(vector->suite.aead_id)),
                   vectors_text(vector->json, "key"), "key");
        assert_hex(bytes_of(ends[i].base_nonce, ECH_AEAD_NONCE),
                   vectors_text(vector->json, "base_nonce"), "base_nonce");
        assert_hex(bytes_of(ends[i].exporter_secret, strlen(exporter_secret) / 2), exporter_secret,
                   "exporter_secret");
        cr_assert_eq(ends[i].sequence, 0);
    }
    /* A vector must be consistent: its public keys belong to its private keys. */
    uint16_t group = ech_hpke_kem_group(vector->suite.kem_id);
    struct octets public_key = octets_new(ech_dh_public_size(group));
    cr_assert_eq(ech_dh_public(group, octets_view(&vector->receiver_key), public_key.data), ECH_OK);
    assert_octets(octets_view(&public_key), octets_view(&vector->receiver_public), "pkRm");
    cr_assert_eq(ech_dh_public(group, octets_view(&vector->sender_key), public_key.data), ECH_OK);
    assert_hex(octets_view(&public_key), vectors_text(vector->json, "pkEm"), "pkEm");
    octets_free(&public_key);
}

Test(hpke, ech_21_key_base_nonce_and_exporter_secret)
{
    for_each_vector(check_keys);
}

/* Seals from 0 to 256 with the context's own counter, and compares where the vector has a
 * sample. */
static void check_encryptions(const struct vector *vector)
{
    struct ech_hpke sender;
    struct ech_hpke receiver;
    set_up(vector, &sender, &receiver);
    size_t i;
    json_t *sample;
    json_array_foreach(vectors_get(vector->json, "encryptions"), i, sample)
    {
        size_t sequence = vectors_number(sample, "seq");
        struct octets aad = octets_get(sample, "aad");
        struct octets plaintext = octets_get(sample, "pt");
        struct octets sealed = octets_new(plaintext.len + ECH_AEAD_TAG);
        struct octets opened = octets_new(plaintext.len);
        for (bool last = false; !last;) {
            last = sender.sequence == sequence;
            cr_assert_eq(
                ech_hpke_seal(&sender, octets_view(&aad), octets_view(&plaintext), sealed.data),
                ECH_OK);
            cr_assert_eq(
                ech_hpke_open(&receiver, octets_view(&aad), octets_view(&sealed), opened.data),
                ECH_OK);
            assert_octets(octets_view(&opened), octets_view(&plaintext), "pt");
        }
        assert_hex(octets_view(&sealed), vectors_text(sample, "ct"), "ct");
        octets_free(&aad);
        octets_free(&plaintext);
        octets_free(&sealed);
        octets_free(&opened);
    }
    cr_assert_eq(sender.sequence, 257);
}

Test(hpke, ech_20_encryptions_up_to_sequence_256)
{
    for_each_vector(check_encryptions);
}

static void check_exports(const struct vector *vector)
{
    struct ech_hpke ends[2];
    set_up(vector, &ends[0], &ends[1]);
    size_t i;
    json_t *sample;
    json_array_foreach(vectors_get(vector->json, "exports"), i, sample)
    {
        struct octets context = octets_get(sample, "exporter_context");
        struct octets out = octets_new(vectors_number(sample, "L"));
        for (size_t j = 0; j < 2; j++) {
            cr_assert_eq(ech_hpke_export(&ends[j], octets_view(&context), out.data, out.len),
                         ECH_OK);
            assert_hex(octets_view(&out), vectors_text(sample, "exported_value"), "exported_value");
        }
        octets_free(&context);
        octets_free(&out);
    }
}

Test(hpke, ech_21_exports)
{
    for_each_vector(check_exports);
}

/* ---- beyond the vectors ---- */

static const struct ech_hpke_suite mandatory_suite = {ECH_KEM_X25519_SHA256, ECH_KDF_SHA256,
                                                      ECH_AEAD_AES_128_GCM};

/* A sender with an ephemeral key made of `fill` octets, and the receiver for it. */
static void set_up_ends(struct ech_hpke_suite suite, int fill, struct ech_hpke *sender,
                        struct ech_hpke *receiver, uint8_t enc[ECH_HPKE_ENC_MAX])
{
    uint16_t group = ech_hpke_kem_group(suite.kem_id);
    struct octets receiver_key = octets_new(ech_dh_private_size(group));
    struct octets receiver_public = octets_new(ech_dh_public_size(group));
    memset(receiver_key.data + 1, 0x23, receiver_key.len - 1);
    cr_assert_eq(ech_dh_public(group, octets_view(&receiver_key), receiver_public.data), ECH_OK);
    struct octets source = octets_new(ech_dh_private_size(group));
    memset(source.data, fill, source.len);
    struct fixed_random fixed;
    fixed_random_init(&fixed, octets_view(&source));
    cr_assert_eq(ech_hpke_setup_sender(sender, suite, octets_view(&receiver_public),
                                       bytes_of("info", 4), NULL, &fixed.random, enc),
                 ECH_OK);
    cr_assert_eq(ech_hpke_setup_receiver(receiver, suite, octets_view(&receiver_key),
                                         bytes_of(enc, ech_hpke_enc_size(suite.kem_id)),
                                         bytes_of("info", 4)),
                 ECH_OK);
    octets_free(&receiver_key);
    octets_free(&receiver_public);
    octets_free(&source);
}

Test(hpke, ech_17_mandatory_suite_is_supported)
{
    cr_assert(ech_hpke_kem_supported(ECH_KEM_X25519_SHA256));
    cr_assert(ech_hpke_kdf_supported(ECH_KDF_SHA256));
    cr_assert(ech_hpke_aead_supported(ECH_AEAD_AES_128_GCM));
    struct ech_hpke sender;
    struct ech_hpke receiver;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    set_up_ends(mandatory_suite, 0x55, &sender, &receiver, enc);
}

Test(hpke, every_suite_opens_what_it_sealed)
{
    static const uint16_t kems[] = {ECH_KEM_P256_SHA256, ECH_KEM_P384_SHA384, ECH_KEM_P521_SHA512,
                                    ECH_KEM_X25519_SHA256};
    for (size_t i = 0; i < 4; i++) {
        for (uint16_t kdf = ECH_KDF_SHA256; kdf <= ECH_KDF_SHA512; kdf++) {
            for (uint16_t aead = 1; aead <= 3; aead++) {
                struct ech_hpke_suite suite = {kems[i], kdf, aead};
                struct ech_hpke sender;
                struct ech_hpke receiver;
                uint8_t enc[ECH_HPKE_ENC_MAX];
                uint8_t sealed[5 + ECH_AEAD_TAG];
                uint8_t opened[5];
                set_up_ends(suite, 0x55, &sender, &receiver, enc);
                cr_assert_eq(
                    ech_hpke_seal(&sender, bytes_of("aad", 3), bytes_of("hello", 5), sealed),
                    ECH_OK);
                cr_assert_eq(ech_hpke_open(&receiver, bytes_of("aad", 3),
                                           bytes_of(sealed, sizeof sealed), opened),
                             ECH_OK);
                assert_octets(bytes_of(opened, 5), bytes_of("hello", 5), "plaintext");
            }
        }
    }
}

Test(hpke, ech_20_a_failed_open_keeps_the_sequence_number)
{
    struct ech_hpke sender;
    struct ech_hpke receiver;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    uint8_t sealed[5 + ECH_AEAD_TAG];
    uint8_t opened[5];
    struct bytes view = bytes_of(sealed, sizeof sealed);
    set_up_ends(mandatory_suite, 0x55, &sender, &receiver, enc);
    cr_assert_eq(ech_hpke_seal(&sender, bytes_of("aad", 3), bytes_of("hello", 5), sealed), ECH_OK);
    sealed[20] ^= 1;
    cr_assert_eq(ech_hpke_open(&receiver, bytes_of("aad", 3), view, opened), ECH_ERR_CRYPTO);
    cr_assert_eq(receiver.sequence, 0);
    sealed[20] ^= 1;
    cr_assert_eq(ech_hpke_open(&receiver, bytes_of("aad", 3), view, opened), ECH_OK);
    cr_assert_eq(receiver.sequence, 1);
    cr_assert_eq(ech_hpke_open(&receiver, bytes_of("aad", 3), view, opened), ECH_ERR_CRYPTO,
                 "the same ciphertext does not open under the next nonce");
}

Test(hpke, ech_20_the_sequence_number_does_not_wrap)
{
    struct ech_hpke sender;
    struct ech_hpke receiver;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    uint8_t sealed[ECH_AEAD_TAG];
    struct bytes none = bytes_of(NULL, 0);
    set_up_ends(mandatory_suite, 0x55, &sender, &receiver, enc);
    sender.sequence = UINT64_MAX - 1;
    receiver.sequence = UINT64_MAX - 1;
    cr_assert_eq(ech_hpke_seal(&sender, none, none, sealed), ECH_OK);
    cr_assert_eq(ech_hpke_open(&receiver, none, bytes_of(sealed, sizeof sealed), NULL), ECH_OK);
    cr_assert_eq(ech_hpke_seal(&sender, none, none, sealed), ECH_ERR_SPACE);
    cr_assert_eq(ech_hpke_open(&receiver, none, bytes_of(sealed, sizeof sealed), NULL),
                 ECH_ERR_SPACE);
}

Test(hpke, ech_22_other_randomness_gives_another_enc)
{
    struct ech_hpke sender;
    struct ech_hpke receiver;
    uint8_t first[ECH_HPKE_ENC_MAX];
    uint8_t second[ECH_HPKE_ENC_MAX];
    set_up_ends(mandatory_suite, 0x55, &sender, &receiver, first);
    struct ech_hpke old = sender;
    set_up_ends(mandatory_suite, 0x66, &sender, &receiver, second);
    cr_assert_not(bytes_equal(bytes_of(first, 32), bytes_of(second, 32)));
    cr_assert_not(bytes_equal(bytes_of(old.key, 16), bytes_of(sender.key, 16)));
}

Test(hpke, ech_22_no_context_without_randomness)
{
    struct fixed_random fixed;
    fixed_random_init(&fixed, bytes_of(NULL, 0));
    struct ech_hpke sender;
    uint8_t public_key[32] = {9};
    uint8_t enc[ECH_HPKE_ENC_MAX];
    static const struct ech_hpke empty;
    memset(&sender, 0xff, sizeof sender);
    cr_assert_eq(ech_hpke_setup_sender(&sender, mandatory_suite, bytes_of(public_key, 32),
                                       bytes_of("info", 4), NULL, &fixed.random, enc),
                 ECH_ERR_CRYPTO);
    cr_assert_eq(memcmp(&sender, &empty, sizeof sender), 0, "a failed set-up leaves no keys");
}

Test(hpke, ech_19_encap_and_decap_refuse_low_order_keys)
{
    static const uint8_t zeros[32];
    uint8_t octets[64];
    memset(octets, 0x42, sizeof octets);
    struct bytes bad = bytes_of(zeros, 32);
    struct bytes none = bytes_of(NULL, 0);
    struct fixed_random fixed;
    fixed_random_init(&fixed, bytes_of(octets, sizeof octets));
    struct ech_hpke hpke;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    cr_assert_eq(ech_hpke_setup_sender(&hpke, mandatory_suite, bad, none, NULL, &fixed.random, enc),
                 ECH_ERR_CRYPTO);
    cr_assert_eq(ech_hpke_setup_receiver(&hpke, mandatory_suite, bytes_of(octets, 32), bad, none),
                 ECH_ERR_CRYPTO);
    cr_assert_eq(ech_hpke_check_public_key(ECH_KEM_X25519_SHA256, bad), ECH_ERR_CRYPTO);
    cr_assert_eq(ech_hpke_check_public_key(ECH_KEM_X25519_SHA256, bytes_of(octets, 32)), ECH_OK);
    cr_assert_eq(ech_hpke_check_public_key(ECH_KEM_X25519_SHA256, bytes_of(octets, 31)),
                 ECH_ERR_CRYPTO);
    cr_assert_eq(ech_hpke_check_public_key(0x647a, bytes_of(octets, 32)), ECH_ERR_UNSUPPORTED);
}

Test(hpke, unknown_algorithms_are_unsupported)
{
    static const struct ech_hpke_suite unknown[] = {{0x0021, 1, 1}, {0x647a, 1, 1},   {0, 1, 1},
                                                    {0x20, 0, 1},   {0x20, 4, 1},     {0x20, 1, 0},
                                                    {0x20, 1, 4},   {0x20, 1, 0xffff}};
    uint8_t octets[ECH_HPKE_ENC_MAX];
    memset(octets, 0x42, sizeof octets);
    struct bytes key = bytes_of(octets, 32);
    struct fixed_random fixed;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        struct ech_hpke hpke;
        uint8_t enc[ECH_HPKE_ENC_MAX];
        fixed_random_init(&fixed, key);
        cr_assert_eq(ech_hpke_setup_sender(&hpke, unknown[i], key, key, NULL, &fixed.random, enc),
                     ECH_ERR_UNSUPPORTED);
        cr_assert_eq(fixed.calls, 0);
        cr_assert_eq(ech_hpke_setup_sender_with(&hpke, unknown[i], key, key, key, enc),
                     ECH_ERR_UNSUPPORTED);
        cr_assert_eq(ech_hpke_setup_receiver(&hpke, unknown[i], key, key, key),
                     ECH_ERR_UNSUPPORTED);
    }
    cr_assert_not(ech_hpke_aead_supported(0xffff));
    cr_assert_eq(ech_hpke_enc_size(0x0021), 0);
    cr_assert_eq(ech_hpke_kem_group(0x0021), 0);
}

Test(hpke, export_is_bounded)
{
    struct ech_hpke sender;
    struct ech_hpke receiver;
    uint8_t enc[ECH_HPKE_ENC_MAX];
    struct octets out = octets_new(255 * 32 + 1);
    set_up_ends(mandatory_suite, 0x55, &sender, &receiver, enc);
    struct bytes none = bytes_of(NULL, 0);
    cr_assert_eq(ech_hpke_export(&receiver, none, out.data, out.len - 1), ECH_OK);
    cr_assert_eq(ech_hpke_export(&receiver, none, out.data, out.len), ECH_ERR_SPACE);
    cr_assert_eq(ech_hpke_export(&receiver, none, out.data, 65536), ECH_ERR_SPACE);
    /* ECH's own contexts have no exporter secret. */
    cr_assert_eq(ech_hpke_export(&sender, none, out.data, 32), ECH_ERR_UNSUPPORTED);
    octets_free(&out);
}

/* The same keys with a memo that knows nothing, this suite and info, or others. */
Test(hpke, a_memo_changes_no_key)
{
    static const struct ech_hpke_suite suites[] = {
        {ECH_KEM_X25519_SHA256, ECH_KDF_SHA256, ECH_AEAD_AES_128_GCM},
        {ECH_KEM_X25519_SHA256, ECH_KDF_SHA256, ECH_AEAD_CHACHA20_POLY1305},
        {ECH_KEM_X25519_SHA256, ECH_KDF_SHA512, ECH_AEAD_AES_128_GCM},
    };
    static uint8_t infos[3][600] = {"info", "INFO"};
    static const size_t lengths[] = {4, 4, sizeof infos[2]};
    struct ech_hpke_memo memo = {.known = false};
    uint8_t octets[32];
    uint8_t public_key[32];
    memset(octets, 0x42, sizeof octets);
    cr_assert_eq(ech_dh_public(ECH_GROUP_X25519, bytes_of(octets, 32), public_key), ECH_OK);
    for (size_t i = 0; i < 100; i++) {
        struct bytes info = bytes_of(infos[i % 7 % 3], lengths[i % 7 % 3]);
        const struct ech_hpke_suite *suite = &suites[i % 11 % 3];
        struct ech_hpke with = {.sequence = 0};
        struct ech_hpke without = {.sequence = 0};
        uint8_t enc[ECH_HPKE_ENC_MAX];
        struct fixed_random fixed;
        fixed_random_init(&fixed, bytes_of(octets, sizeof octets));
        cr_assert_eq(ech_hpke_setup_sender(&with, *suite, bytes_of(public_key, 32), info, &memo,
                                           &fixed.random, enc),
                     ECH_OK);
        fixed_random_init(&fixed, bytes_of(octets, sizeof octets));
        cr_assert_eq(ech_hpke_setup_sender(&without, *suite, bytes_of(public_key, 32), info, NULL,
                                           &fixed.random, enc),
                     ECH_OK);
        cr_assert_arr_eq(with.key, without.key, sizeof with.key);
        cr_assert_arr_eq(with.base_nonce, without.base_nonce, sizeof with.base_nonce);
    }
}
