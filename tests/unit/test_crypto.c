/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "vectors.h"

/* ---- hashes ---- */

Test(crypto, hash_of_parts_is_hash_of_the_whole)
{
    /* FIPS 180-4, "abc" */
    static const char *const expected[] = {
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134"
        "c825a7",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3"
        "feebbd454d4423643ce80e2a9ac94fa54ca49f"};
    const struct bytes parts[] = {bytes_of("a", 1), bytes_of(NULL, 0), bytes_of("bc", 2)};
    for (enum ech_hash hash = ECH_HASH_SHA256; hash <= ECH_HASH_SHA512; hash++) {
        struct octets out = octets_new(ech_hash_size(hash));
        cr_assert_eq(ech_hash_parts(hash, parts, 3, out.data), ECH_OK);
        assert_hex(octets_view(&out), expected[hash], "digest");
        octets_free(&out);
    }
}

/* ---- HKDF (RFC 5869, Appendix A) ---- */

static void check_hkdf(const char *ikm_hex, const char *salt_hex, const char *info_hex,
                       const char *prk_hex, const char *okm_hex)
{
    struct octets ikm = octets_of_hex(ikm_hex);
    struct octets salt = octets_of_hex(salt_hex);
    struct octets info = octets_of_hex(info_hex);
    struct octets prk = octets_new(32);
    struct octets okm = octets_new(strlen(okm_hex) / 2);
    cr_assert_eq(ech_hkdf_extract(ECH_HASH_SHA256, octets_view(&salt), octets_view(&ikm), prk.data),
                 ECH_OK);
    assert_hex(octets_view(&prk), prk_hex, "PRK");
    cr_assert_eq(
        ech_hkdf_expand(ECH_HASH_SHA256, octets_view(&prk), octets_view(&info), okm.data, okm.len),
        ECH_OK);
    assert_hex(octets_view(&okm), okm_hex, "OKM");
    octets_free(&ikm);
    octets_free(&salt);
    octets_free(&info);
    octets_free(&prk);
    octets_free(&okm);
}

Test(crypto, hkdf_rfc_5869_case_1)
{
    check_hkdf(
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
        "f0f1f2f3f4f5f6f7f8f9", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

Test(crypto, hkdf_rfc_5869_case_2_long)
{
    check_hkdf(
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272829"
        "2a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
        "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
        "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
        "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9"
        "dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb"
        "41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

Test(crypto, hkdf_rfc_5869_case_3_no_salt_no_info)
{
    check_hkdf(
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

Test(crypto, hkdf_expand_gives_255_digests_and_no_more)
{
    const uint8_t prk[32] = {1};
    struct octets okm = octets_new(255 * 32 + 1);
    struct bytes key = bytes_of(prk, sizeof prk);
    struct bytes none = bytes_of(NULL, 0);
    cr_assert_eq(ech_hkdf_expand(ECH_HASH_SHA256, key, none, okm.data, 255 * 32), ECH_OK);
    cr_assert_eq(ech_hkdf_expand(ECH_HASH_SHA256, key, none, okm.data, okm.len), ECH_ERR_SPACE);
    cr_assert_eq(ech_hkdf_expand(ECH_HASH_SHA256, key, none, okm.data, 0), ECH_OK);
    octets_free(&okm);
}

Test(crypto, hkdf_expand_label_rfc_8448)
{
    /* RFC 8448, 3: server_handshake_traffic_secret, and the write key and iv derived from it */
    struct octets secret =
        octets_of_hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    uint8_t out[16];
    struct bytes none = bytes_of(NULL, 0);
    cr_assert_eq(
        ech_hkdf_expand_label(ECH_HASH_SHA256, octets_view(&secret), "key", none, out, sizeof out),
        ECH_OK);
    assert_hex(bytes_of(out, sizeof out), "3fce516009c21727d0f2e4e86ee403bc", "key");
    cr_assert_eq(ech_hkdf_expand_label(ECH_HASH_SHA256, octets_view(&secret), "iv", none, out, 12),
                 ECH_OK);
    assert_hex(bytes_of(out, 12), "5d313eb2671276ee13000b30", "iv");
    octets_free(&secret);
}

Test(crypto, hkdf_expand_label_encodes_label_and_context)
{
    const uint8_t secret[32] = {7};
    struct bytes key = bytes_of(secret, sizeof secret);
    uint8_t actual[8];
    uint8_t expected[8];
    static const char info[] = "\x00\x08\x0atls13 test\x03"
                               "abc";
    cr_assert_eq(ech_hkdf_expand_label(ECH_HASH_SHA256, key, "test", bytes_of("abc", 3), actual, 8),
                 ECH_OK);
    cr_assert_eq(
        ech_hkdf_expand(ECH_HASH_SHA256, key, bytes_of(info, sizeof info - 1), expected, 8),
        ECH_OK);
    assert_octets(bytes_of(actual, 8), bytes_of(expected, 8), "HkdfLabel");
}

Test(crypto, hkdf_expand_label_refuses_what_its_length_fields_do_not_hold)
{
    const uint8_t secret[32] = {7};
    struct bytes key = bytes_of(secret, sizeof secret);
    uint8_t out[8];
    char label[300];
    memset(label, 'x', sizeof label);
    label[sizeof label - 1] = '\0';
    struct octets context = octets_new(256);
    struct bytes none = bytes_of(NULL, 0);
    cr_assert_eq(ech_hkdf_expand_label(ECH_HASH_SHA256, key, label, none, out, 8), ECH_ERR_SPACE);
    cr_assert_eq(ech_hkdf_expand_label(ECH_HASH_SHA256, key, "l", octets_view(&context), out, 8),
                 ECH_ERR_SPACE);
    cr_assert_eq(ech_hkdf_expand_label(ECH_HASH_SHA256, key, "l", none, out, 65536), ECH_ERR_SPACE);
    octets_free(&context);
}

/* ---- AEAD ---- */

static const uint16_t aeads[] = {ECH_AEAD_AES_128_GCM, ECH_AEAD_AES_256_GCM,
                                 ECH_AEAD_CHACHA20_POLY1305};
static const uint8_t nonce[ECH_AEAD_NONCE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

Test(crypto, aead_opens_what_it_sealed)
{
    static const uint8_t octets[32] = {9, 8, 7};
    for (size_t i = 0; i < 3; i++) {
        struct bytes key = bytes_of(octets, ech_aead_key_size(aeads[i]));
        for (size_t len = 0; len < 40; len++) {
            struct octets plaintext = octets_new(len);
            struct octets sealed = octets_new(len + ECH_AEAD_TAG);
            struct octets opened = octets_new(len);
            if (len > 0) {
                memset(plaintext.data, 'p', len);
            }
            cr_assert_eq(ech_aead_seal(aeads[i], key, nonce, bytes_of("aad", 3),
                                       octets_view(&plaintext), sealed.data),
                         ECH_OK);
            cr_assert_eq(ech_aead_open(aeads[i], key, nonce, bytes_of("aad", 3),
                                       octets_view(&sealed), opened.data),
                         ECH_OK);
            assert_octets(octets_view(&opened), octets_view(&plaintext), "plaintext");
            octets_free(&plaintext);
            octets_free(&sealed);
            octets_free(&opened);
        }
    }
}

Test(crypto, aead_refuses_any_flipped_bit_and_leaves_zeros)
{
    static const uint8_t octets[32] = {9, 8, 7};
    for (size_t i = 0; i < 3; i++) {
        struct bytes key = bytes_of(octets, ech_aead_key_size(aeads[i]));
        uint8_t sealed[5 + ECH_AEAD_TAG];
        cr_assert_eq(
            ech_aead_seal(aeads[i], key, nonce, bytes_of("aad", 3), bytes_of("plain", 5), sealed),
            ECH_OK);
        uint8_t opened[5];
        for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
            sealed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            memset(opened, 0xff, sizeof opened);
            cr_assert_eq(ech_aead_open(aeads[i], key, nonce, bytes_of("aad", 3),
                                       bytes_of(sealed, sizeof sealed), opened),
                         ECH_ERR_CRYPTO);
            assert_hex(bytes_of(opened, sizeof opened), "0000000000", "output");
            sealed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
        cr_assert_eq(ech_aead_open(aeads[i], key, nonce, bytes_of("aax", 3),
                                   bytes_of(sealed, sizeof sealed), opened),
                     ECH_ERR_CRYPTO);
    }
}

Test(crypto, aead_refuses_short_input_wrong_key_length_and_unknown_ids)
{
    static const uint8_t octets[48] = {9};
    uint8_t out[64];
    struct bytes none = bytes_of(NULL, 0);
    struct bytes key = bytes_of(octets, 16);
    for (size_t len = 0; len < ECH_AEAD_TAG; len++) {
        cr_assert_eq(ech_aead_open(1, key, nonce, none, bytes_of(octets, len), out),
                     ECH_ERR_CRYPTO);
    }
    cr_assert_eq(ech_aead_open(2, key, nonce, none, bytes_of(octets, 20), out), ECH_ERR_CRYPTO);
    cr_assert_eq(ech_aead_seal(2, key, nonce, none, none, out), ECH_ERR_CRYPTO);
    static const uint16_t unknown[] = {0, 4, 0xffff};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(ech_aead_key_size(unknown[i]), 0);
        cr_assert_eq(ech_aead_seal(unknown[i], key, nonce, none, none, out), ECH_ERR_UNSUPPORTED);
        cr_assert_eq(ech_aead_open(unknown[i], key, nonce, none, bytes_of(octets, 20), out),
                     ECH_ERR_UNSUPPORTED);
        cr_assert_eq(ech_aead_open(unknown[i], key, nonce, none, none, out), ECH_ERR_UNSUPPORTED);
    }
}
