/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/tls13_record.h"
#include "tests/unit/hello_tools.h"

static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0x1304, 0x1305};
static const size_t tags[] = {16, 16, 16, 16, 8};
static const uint8_t secret[ECH_HASH_MAX] = {1, 2, 3};

static struct ech_tls13_protection start(uint16_t suite)
{
    struct ech_tls13_protection protection;
    cr_assert_eq(ech_tls13_protection_start(&protection, suite, secret), ECH_OK);
    return protection;
}

static enum ech_alert open(struct ech_tls13_protection *protection, struct bytes raw,
                           struct writer *opened, struct ech_tls13_plaintext *plaintext)
{
    struct ech_record record = {
        .type = raw.data[0], .raw = raw, .fragment = bytes_of(raw.data + 5, raw.len - 5)};
    return ech_tls13_unprotect(protection, &record, opened, plaintext);
}

Test(tls13_record, what_was_protected_opens_in_order)
{
    for (size_t i = 0; i < 5; i++) {
        struct ech_tls13_protection out = start(suites[i]);
        struct ech_tls13_protection in = start(suites[i]);
        struct ech_tls13_plaintext plaintext;
        struct writer opened;
        struct writer w;
        wr_init(&opened, 0);
        wr_init(&w, 0);
        for (size_t len = 0; len < 40; len++) {
            struct octets content = octets_new(len);
            size_t padding = len % 3 * 10;
            cr_assert_eq(ech_tls13_protect(&out, 22, octets_view(&content), padding, &w), ECH_OK);
            cr_assert_eq(wr_view(&w).len, 5 + len + 1 + padding + tags[i]);
            assert_octets(bytes_of(wr_view(&w).data, 3), BYTES(23, 3, 3), "header");
            cr_assert_eq(open(&in, wr_view(&w), &opened, &plaintext), ECH_ALERT_NONE);
            cr_assert_eq(plaintext.type, 22);
            assert_octets(plaintext.content, octets_view(&content), "content");
            wr_free(&w);
            octets_free(&content);
        }
        cr_assert_eq(out.sequence, 40);
        wr_free(&opened);
    }
}

Test(tls13_record, any_flipped_bit_is_bad_record_mac)
{
    for (size_t i = 0; i < 5; i++) {
        struct ech_tls13_protection out = start(suites[i]);
        struct ech_tls13_plaintext plaintext;
        struct writer opened;
        struct writer w;
        wr_init(&opened, 0);
        wr_init(&w, 0);
        cr_assert_eq(ech_tls13_protect(&out, 22, BYTES(1, 2, 3), 0, &w), ECH_OK);
        /* The header is authenticated too. */
        for (size_t bit = 0; bit < 8 * wr_view(&w).len; bit++) {
            struct ech_tls13_protection in = start(suites[i]);
            w.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            cr_assert_eq(open(&in, wr_view(&w), &opened, &plaintext), ECH_ALERT_BAD_RECORD_MAC);
            w.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
        struct ech_tls13_protection in = start(suites[i]);
        cr_assert_eq(open(&in, wr_view(&w), &opened, &plaintext), ECH_ALERT_NONE);
        /* The same record again has another number. */
        cr_assert_eq(open(&in, wr_view(&w), &opened, &plaintext), ECH_ALERT_BAD_RECORD_MAC);
        wr_free(&opened);
        wr_free(&w);
    }
}

Test(tls13_record, short_records_are_bad_record_mac)
{
    static const uint8_t raw[5 + 16] = {23, 3, 3, 0, 16};
    for (size_t i = 0; i < 5; i++) {
        for (size_t len = 0; len < tags[i]; len++) {
            struct ech_tls13_protection in = start(suites[i]);
            struct ech_tls13_plaintext plaintext;
            struct writer opened;
            wr_init(&opened, 0);
            cr_assert_eq(open(&in, bytes_of(raw, 5 + len), &opened, &plaintext),
                         ECH_ALERT_BAD_RECORD_MAC);
            wr_free(&opened);
        }
    }
}

Test(tls13_record, the_largest_record)
{
    struct octets most = octets_new(ECH_RECORD_PLAINTEXT_MAX);
    struct octets more = octets_new(ECH_RECORD_PLAINTEXT_MAX + 1);
    struct ech_tls13_protection out = start(0x1301);
    struct ech_tls13_protection in = start(0x1301);
    struct ech_tls13_plaintext plaintext;
    struct writer opened;
    struct writer w;
    wr_init(&opened, 0);
    wr_init(&w, 0);
    cr_assert_eq(ech_tls13_protect(&out, 22, octets_view(&most), 0, &w), ECH_OK);
    cr_assert_eq(open(&in, wr_view(&w), &opened, &plaintext), ECH_ALERT_NONE);
    cr_assert_eq(plaintext.content.len, ECH_RECORD_PLAINTEXT_MAX);
    wr_free(&w);
    cr_assert_eq(ech_tls13_protect(&out, 22, octets_view(&most), 1, &w), ECH_ERR_SPACE);
    cr_assert_eq(ech_tls13_protect(&out, 22, octets_view(&more), 0, &w), ECH_ERR_SPACE);
    wr_free(&opened);
    wr_free(&w);
    octets_free(&most);
    octets_free(&more);
}

/* RFC 8446, 5.4: TLSInnerPlaintext has at most 2^14 + 1 octets, including padding. */
Test(tls13_record, a_plaintext_that_is_too_long_is_record_overflow)
{
    struct octets inner = octets_new(ECH_RECORD_PLAINTEXT_MAX + 2);
    struct octets raw = octets_new(5 + inner.len + 16);
    struct ech_tls13_protection in = start(0x1301);
    struct ech_tls13_plaintext plaintext;
    struct writer opened;
    wr_init(&opened, 0);
    inner.data[0] = 22;
    memcpy(raw.data, BYTES(23, 3, 3, 0x40, 0x12).data, 5);
    cr_assert_eq(ech_suite_seal(0x1301, bytes_of(in.key, 16), in.iv, bytes_of(raw.data, 5),
                                octets_view(&inner), raw.data + 5),
                 ECH_OK);
    cr_assert_eq(open(&in, octets_view(&raw), &opened, &plaintext), ECH_ALERT_RECORD_OVERFLOW);
    wr_free(&opened);
    octets_free(&inner);
    octets_free(&raw);
}

Test(tls13_record, unknown_suites)
{
    struct ech_tls13_protection protection;
    cr_assert_eq(ech_tls13_protection_start(&protection, 0xc02f, secret), ECH_ERR_UNSUPPORTED);
    cr_assert_eq(ech_suite_key_size(0x1306), 0);
    cr_assert_eq(ech_suite_tag_size(0x1306), 0);
    uint8_t out[64];
    cr_assert_eq(ech_suite_seal(0x1306, bytes_of(secret, 16), secret, bytes_of(NULL, 0),
                                bytes_of(NULL, 0), out),
                 ECH_ERR_UNSUPPORTED);
    cr_assert_eq(ech_suite_open(0x1306, bytes_of(secret, 16), secret, bytes_of(NULL, 0),
                                bytes_of(secret, 40), out),
                 ECH_ERR_UNSUPPORTED);
}
