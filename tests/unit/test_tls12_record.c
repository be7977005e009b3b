/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Record protection and key schedule of TLS 1.2. */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/tls12_keys.h"
#include "tests/unit/hello_tools.h"

/* ---- the key schedule ---- */

/* The vectors that the TLS working group's list has for P_SHA256 and P_SHA384 ("test label"). */
Test(tls12_keys, prf_vectors)
{
    static const struct {
        enum ech_hash hash;
        const char *secret;
        const char *seed;
        const char *output;
    } vectors[] = {
        {ECH_HASH_SHA256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c",
         "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
         "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
         "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
         "87347b66"},
        {ECH_HASH_SHA384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465",
         "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd"
         "e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd"
         "8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425"
         "9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6"
         "91c8f3a26854308d5eaa3be85e0990703d73e56f"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct octets secret = octets_of_hex(vectors[i].secret);
        struct octets seed = octets_of_hex(vectors[i].seed);
        struct octets expected = octets_of_hex(vectors[i].output);
        uint8_t out[200];
        cr_assert_eq(ech_tls12_prf(vectors[i].hash, octets_view(&secret), "test label",
                                   octets_view(&seed), out, expected.len),
                     ECH_OK);
        assert_octets(bytes_of(out, expected.len), octets_view(&expected), "PRF");
        octets_free(&secret);
        octets_free(&seed);
        octets_free(&expected);
    }
}

/* RFC 4231, 4.3, and RFC 2202, 3 (case 2) */
Test(tls12_keys, hmac_vectors)
{
    static const struct {
        enum ech_mac mac;
        const char *output;
    } vectors[] = {
        {ECH_MAC_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {ECH_MAC_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {ECH_MAC_SHA384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                         "8e2240ca5e69e2c78b3239ecfab21649"},
    };
    const struct bytes parts[] = {bytes_of("what do ya want ", 16), bytes_of("", 0),
                                  bytes_of("for nothing?", 12)};
    for (size_t i = 0; i < 3; i++) {
        struct octets expected = octets_of_hex(vectors[i].output);
        uint8_t out[ECH_MAC_MAX];
        cr_assert_eq(ech_mac_parts(vectors[i].mac, bytes_of("Jefe", 4), parts, 3, out), ECH_OK);
        assert_octets(bytes_of(out, ech_mac_size(vectors[i].mac)), octets_view(&expected), "HMAC");
        octets_free(&expected);
    }
}

/* NIST SP 800-38A, F.2.1 and F.2.5 */
Test(tls12_keys, cbc_vectors)
{
    static const struct {
        const char *key;
        const char *output;
    } vectors[] = {
        {"2b7e151628aed2a6abf7158809cf4f3c", "7649abac8119b246cee98e9b12e9197d"},
        {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
         "f58c4c04d6e5f1ba779eabfb5f7bfbd6"},
    };
    struct octets iv = octets_of_hex("000102030405060708090a0b0c0d0e0f");
    struct octets plain = octets_of_hex("6bc1bee22e409f96e93d7e117393172a");
    for (size_t i = 0; i < 2; i++) {
        struct octets key = octets_of_hex(vectors[i].key);
        struct octets expected = octets_of_hex(vectors[i].output);
        struct octets data = octets_copy(octets_view(&plain));
        cr_assert_eq(ech_cbc_encrypt(octets_view(&key), iv.data, data.data, data.len), ECH_OK);
        assert_octets(octets_view(&data), octets_view(&expected), "AES-CBC");
        cr_assert_eq(ech_cbc_decrypt(octets_view(&key), iv.data, data.data, data.len), ECH_OK);
        assert_octets(octets_view(&data), octets_view(&plain), "AES-CBC");
        cr_assert_eq(ech_cbc_encrypt(octets_view(&key), iv.data, data.data, 15), ECH_ERR_CRYPTO);
        cr_assert_eq(ech_cbc_decrypt(octets_view(&key), iv.data, data.data, 17), ECH_ERR_CRYPTO);
        octets_free(&key);
        octets_free(&expected);
        octets_free(&data);
    }
    cr_assert_eq(ech_cbc_encrypt(bytes_of("short", 5), iv.data, plain.data, 16), ECH_ERR_CRYPTO);
    octets_free(&iv);
    octets_free(&plain);
}

/* ---- records ---- */

static const uint16_t suites[] = {0xc02b, 0xc02c, 0xcca9, 0xc009, 0xc00a, 0xc023, 0xc024,
                                  0xc02f, 0xc030, 0xcca8, 0xc013, 0xc014, 0xc027, 0xc028};
enum { SUITES = sizeof suites / sizeof suites[0] };

/* Both ends of one direction. */
struct pair {
    struct ech_tls12_protection writes;
    struct ech_tls12_protection reads;
    struct test_source source;
};

static void start(struct pair *pair, uint16_t suite, bool encrypt_then_mac)
{
    static const uint8_t master[ECH_TLS12_MASTER_SECRET] = {1, 2, 3};
    static const uint8_t octets[64] = {9, 8, 7};
    struct ech_tls12_protection unused;
    const struct ech_tls12_randoms randoms = {.client = bytes_of(octets, 32),
                                              .server = bytes_of(octets + 32, 32)};
    const struct ech_tls12_suite *found = ech_tls12_suite_find(suite);
    *pair = (struct pair){.source.state = 3};
    cr_assert_eq(ech_tls12_protection_start(found, encrypt_then_mac, master, &randoms,
                                            &pair->writes, &unused),
                 ECH_OK);
    pair->reads = pair->writes;
}

static struct octets protect(struct pair *pair, uint8_t type, struct bytes content)
{
    const struct ech_random random = test_random(&pair->source);
    struct writer w;
    wr_init(&w, 0);
    cr_assert_eq(ech_tls12_protect(&pair->writes, &random, type, content, &w), ECH_OK);
    struct octets record = octets_copy(wr_view(&w));
    wr_free(&w);
    return record;
}

/* Opens the record and compares the content, if it is good. */
static enum ech_alert unprotect(struct pair *pair, struct bytes octets, struct bytes expected)
{
    struct ech_record_reader reader;
    struct ech_record record;
    struct reader r = rd_of(octets);
    struct writer opened;
    struct bytes content;
    bool whole;
    ech_record_reader_init(&reader);
    wr_init(&opened, 0);
    cr_assert_eq(ech_record_take(&reader, &r, &record, &whole), ECH_OK);
    cr_assert(whole);
    enum ech_alert alert = ech_tls12_unprotect(&pair->reads, &record, &opened, &content);
    if (alert == ECH_ALERT_NONE) {
        assert_octets(content, expected, "content");
    }
    wr_free(&opened);
    ech_record_reader_wipe(&reader);
    return alert;
}

static void for_every_suite(void (*check)(uint16_t suite, bool encrypt_then_mac))
{
    for (size_t i = 0; i < SUITES; i++) {
        check(suites[i], false);
        if (ech_tls12_suite_find(suites[i])->aead_id == 0) {
            check(suites[i], true);
        }
    }
}

static void check_lengths(uint16_t suite, bool encrypt_then_mac)
{
    static const uint8_t content[70] = {1, 2, 3, 4};
    struct pair pair;
    start(&pair, suite, encrypt_then_mac);
    for (size_t n = 0; n < sizeof content; n++) {
        struct octets record = protect(&pair, 22, bytes_of(content, n));
        cr_assert_eq(unprotect(&pair, octets_view(&record), bytes_of(content, n)), ECH_ALERT_NONE,
                     "%04x %zu", suite, n);
        octets_free(&record);
    }
}

Test(tls12_record, every_length)
{
    for_every_suite(check_lengths);
}

/* Every bit of a record is authenticated, but for padding's own ways to be wrong. */
static void check_bits(uint16_t suite, bool encrypt_then_mac)
{
    struct pair pair;
    start(&pair, suite, encrypt_then_mac);
    struct bytes content = bytes_of("a message", 9);
    struct octets record = protect(&pair, 22, content);
    for (size_t i = 0; i < record.len; i++) {
        if (i == 3 || i == 4) {
            continue; /* the length: then it is no record */
        }
        pair.reads.sequence = 0;
        record.data[i] ^= 1;
        enum ech_alert expected =
            i == 1 || i == 2 ? ECH_ALERT_PROTOCOL_VERSION : ECH_ALERT_BAD_RECORD_MAC;
        record.data[0] = i == 0 ? 21 : 22;
        cr_assert_eq(unprotect(&pair, octets_view(&record), content), expected, "%04x %zu", suite,
                     i);
        record.data[0] = 22;
        record.data[i] ^= i == 0 ? 0 : 1;
    }
    /* replayed, or out of order */
    pair.reads.sequence = 1;
    cr_assert_eq(unprotect(&pair, octets_view(&record), content), ECH_ALERT_BAD_RECORD_MAC);
    octets_free(&record);
}

Test(tls12_record, every_bit_counts)
{
    for_every_suite(check_bits);
}

static void check_short(uint16_t suite, bool encrypt_then_mac)
{
    static const uint8_t zeros[128];
    struct pair pair;
    start(&pair, suite, encrypt_then_mac);
    for (size_t n = 0; n < sizeof zeros; n++) {
        struct writer w;
        wr_init(&w, 0);
        wr_u8(&w, 22);
        wr_u16(&w, 0x0303);
        struct wr_mark mark = wr_open(&w, 2);
        wr_bytes(&w, bytes_of(zeros, n));
        wr_close(&w, mark);
        cr_assert_eq(unprotect(&pair, wr_view(&w), bytes_of(zeros, 0)), ECH_ALERT_BAD_RECORD_MAC,
                     "%04x %zu", suite, n);
        wr_free(&w);
    }
}

Test(tls12_record, records_that_nobody_made)
{
    for_every_suite(check_short);
}

/* ---- padding, in records with a good MAC ---- */

/* Makes a record of a CBC suite whose padding has these octets. */
static struct octets padded_by_hand(struct pair *pair, struct bytes content, struct bytes padding)
{
    static const uint8_t iv[ECH_CBC_BLOCK] = {5};
    uint8_t mac[ECH_MAC_MAX];
    const struct ech_tls12_suite *suite = pair->writes.suite;
    bool mac_first = !pair->writes.encrypt_then_mac;
    struct bytes mac_key = bytes_of(pair->writes.mac_key, ech_mac_size(suite->mac));
    struct writer sealed;
    struct writer record;
    wr_init(&sealed, 0);
    wr_init(&record, 0);
    wr_bytes(&sealed, bytes_of(iv, sizeof iv));
    wr_bytes(&sealed, content);
    struct bytes header = BYTES(0, 0, 0, 0, 0, 0, 0, 0, 22, 3, 3, 0, (uint8_t)content.len);
    if (mac_first) {
        const struct bytes parts[] = {header, content};
        cr_assert_eq(ech_mac_parts(suite->mac, mac_key, parts, 2, mac), ECH_OK);
        wr_bytes(&sealed, bytes_of(mac, mac_key.len));
    }
    wr_bytes(&sealed, padding);
    cr_assert_eq(ech_cbc_encrypt(bytes_of(pair->writes.key, suite->key_size), iv,
                                 sealed.data + sizeof iv, sealed.len - sizeof iv),
                 ECH_OK);
    if (!mac_first) {
        struct bytes before = BYTES(0, 0, 0, 0, 0, 0, 0, 0, 22, 3, 3, (uint8_t)(sealed.len >> 8),
                                    (uint8_t)sealed.len);
        const struct bytes parts[] = {before, wr_view(&sealed)};
        cr_assert_eq(ech_mac_parts(suite->mac, mac_key, parts, 2, mac), ECH_OK);
        wr_bytes(&sealed, bytes_of(mac, mac_key.len));
    }
    wr_u8(&record, 22);
    wr_u16(&record, 0x0303);
    struct wr_mark mark = wr_open(&record, 2);
    wr_bytes(&record, wr_view(&sealed));
    wr_close(&record, mark);
    struct octets made = octets_copy(wr_view(&record));
    wr_free(&sealed);
    wr_free(&record);
    return made;
}

static void check_padding(uint16_t suite, bool encrypt_then_mac)
{
    static const uint8_t content[12] = {20, 0, 0, 8};
    struct pair pair;
    if (ech_tls12_suite_find(suite)->aead_id != 0) {
        return;
    }
    start(&pair, suite, encrypt_then_mac);
    size_t mac = encrypt_then_mac ? 0 : ech_mac_size(pair.writes.suite->mac);
    size_t least = ECH_CBC_BLOCK - (sizeof content + mac) % ECH_CBC_BLOCK;
    for (size_t n = least; n <= 256; n += ECH_CBC_BLOCK) {
        uint8_t padding[256];
        memset(padding, (int)(n - 1), sizeof padding);
        struct octets record = padded_by_hand(&pair, bytes_of(content, 12), bytes_of(padding, n));
        pair.reads.sequence = 0;
        cr_assert_eq(unprotect(&pair, octets_view(&record), bytes_of(content, 12)), ECH_ALERT_NONE,
                     "%04x %zu", suite, n);
        octets_free(&record);
        /* one octet of it is wrong; the last one then says another length */
        for (size_t i = 0; i < n; i++) {
            padding[i] ^= 1;
            record = padded_by_hand(&pair, bytes_of(content, 12), bytes_of(padding, n));
            pair.reads.sequence = 0;
            cr_assert_eq(unprotect(&pair, octets_view(&record), bytes_of(content, 12)),
                         ECH_ALERT_BAD_RECORD_MAC, "%04x %zu of %zu", suite, i, n);
            octets_free(&record);
            padding[i] ^= 1;
        }
        /* it claims more than there is */
        padding[n - 1] = 255;
        record = padded_by_hand(&pair, bytes_of(content, 12), bytes_of(padding, n));
        pair.reads.sequence = 0;
        if (n < 256) {
            cr_assert_eq(unprotect(&pair, octets_view(&record), bytes_of(content, 12)),
                         ECH_ALERT_BAD_RECORD_MAC, "%04x %zu", suite, n);
        }
        octets_free(&record);
    }
}

Test(tls12_record, padding_of_every_length)
{
    for_every_suite(check_padding);
}
