/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ClientHelloOuter lists what the application's ordinary hello does (ech/ordinary.h). */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"

/* The suites of hello_openssl, without 00ff, in their order among older ones. */
#define SUITES BYTES(0x13, 2, 0x13, 3, 0x13, 1, 0xc0, 0x2c, 0xc0, 0x2b, 0, 0x2f)
#define VERSIONS BYTES(3, 4, 3, 3, 3, 2)

static bool differs(struct bytes suites, struct bytes versions)
{
    const struct ech_ordinary_hello ordinary = {.cipher_suites = suites,
                                                .supported_versions = versions};
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(hello_openssl, &inner), ECH_OK);
    return ech_ordinary_differs(&ordinary, &inner);
}

Test(ordinary, ech_42_lists_that_make_sense)
{
    cr_assert(differs(SUITES, VERSIONS));
    cr_assert(differs(SUITES, BYTES(3, 3, 3, 4)), "GnuTLS lists versions as its priorities do");
    cr_assert(differs(SUITES, BYTES(3, 4, 3, 0)));
}

Test(ordinary, ech_42_lists_that_make_none)
{
    const struct bytes none = {NULL, 0};
    cr_assert_not(differs(none, none));
    cr_assert_not(differs(SUITES, none));
    cr_assert_not(differs(none, VERSIONS));
    cr_assert_not(differs(SUITES, BYTES(3, 4)), "TLS 1.3 alone is as in ClientHelloInner");
    cr_assert_not(differs(SUITES, BYTES(3, 3)), "RFC 9849, 6.1: the outer hello offers TLS 1.3");
    cr_assert_not(differs(SUITES, BYTES(3, 4, 3, 3, 3)));
    cr_assert_not(differs(SUITES, BYTES(3, 5, 3, 4, 3, 3)));
    cr_assert_not(differs(SUITES, BYTES(3, 4, 0xfe, 0xfd)));
    cr_assert_not(differs(BYTES(0x13, 2, 0x13, 3, 0x13, 1, 0), VERSIONS));
    cr_assert_not(differs(BYTES(0x13, 2, 0xc0, 0x2c), VERSIONS), "not all of the inner's");
    static uint8_t many[65534];
    memcpy(many, SUITES.data, SUITES.len);
    cr_assert(differs(bytes_of(many, 65530), VERSIONS));
    cr_assert_not(differs(bytes_of(many, sizeof many), VERSIONS), "no room for signalling values");
    cr_assert_not(differs(SUITES, bytes_of(many, 300)));
}

/* ---- in the exchange ---- */

static struct rig *start(struct bytes hello, const struct ech_ordinary_hello *ordinary)
{
    struct rig *rig = rig_new(0);
    ech_exchange_use_ordinary(rig->exchange, ordinary);
    rig_begin(rig, hello);
    return rig;
}

static struct octets outer_of(const struct rig *rig)
{
    struct ech_record_reader records;
    struct ech_record record;
    struct reader net = rd_of(wr_view(&rig->net));
    struct octets outer = {NULL, 0};
    bool whole;
    ech_record_reader_init(&records);
    while (!rd_done(&net)) {
        cr_assert_eq(ech_record_take(&records, &net, &record, &whole), ECH_OK);
        cr_assert(whole);
        octets_free(&outer);
        outer = octets_copy(record.fragment);
        ech_record_drop(&records);
    }
    ech_record_reader_wipe(&records);
    return outer;
}

/* The newest outer hello: this many suites of SUITES, then 00ff. */
static void expect_lists(const struct rig *rig, struct bytes suites, struct bytes versions)
{
    struct octets outer = outer_of(rig);
    struct ech_client_hello hello;
    cr_assert_eq(ech_client_hello_parse(octets_view(&outer), &hello), ECH_OK);
    assert_octets(hello.cipher_suites, suites, "cipher_suites");
    assert_octets(hello_extension(octets_view(&outer), ECH_EXT_SUPPORTED_VERSIONS), versions,
                  "supported_versions");
    octets_free(&outer);
}

#define OUTER_SUITES BYTES(0x13, 2, 0x13, 3, 0x13, 1, 0xc0, 0x2c, 0xc0, 0x2b, 0, 0x2f, 0, 0xff)
#define OUTER_VERSIONS BYTES(6, 3, 4, 3, 3, 3, 2)

/* rig_begin has the server open the hello, and compares what was in it with the application's. */
Test(ordinary, ech_42_both_hellos_list_what_the_ordinary_hello_does)
{
    struct ech_ordinary_hello ordinary = {.cipher_suites = SUITES, .supported_versions = VERSIONS};
    struct rig *rig = start(hello_openssl_hrr1, &ordinary);
    expect_lists(rig, OUTER_SUITES, OUTER_VERSIONS);
    struct test_answer retry = rig_answer(rig);
    retry.hello_retry_request = true;
    rig_send(rig, &retry);
    /* Nothing that comes later changes the second. */
    ordinary.cipher_suites = BYTES(0x13, 2, 0x13, 3, 0x13, 1);
    ech_exchange_use_ordinary(rig->exchange, &ordinary);
    rig_app_hello(rig, hello_openssl_hrr2, 0x0303);
    rig_open(rig, hello_openssl_hrr2);
    expect_lists(rig, OUTER_SUITES, OUTER_VERSIONS);
    rig_free(rig);
}

Test(ordinary, the_octets_are_copied)
{
    uint8_t suites[12];
    uint8_t versions[6];
    memcpy(suites, SUITES.data, sizeof suites);
    memcpy(versions, VERSIONS.data, sizeof versions);
    struct rig *rig = rig_new(0);
    ech_exchange_use_ordinary(
        rig->exchange,
        &(struct ech_ordinary_hello){.cipher_suites = bytes_of(suites, sizeof suites),
                                     .supported_versions = bytes_of(versions, sizeof versions)});
    memset(suites, 0, sizeof suites);
    memset(versions, 0, sizeof versions);
    rig_begin(rig, hello_openssl);
    expect_lists(rig, OUTER_SUITES, OUTER_VERSIONS);
    rig_free(rig);
}

Test(ordinary, without_lists_the_outer_hello_is_like_the_inner)
{
    const struct ech_ordinary_hello nothing = {.record_version = 0};
    const struct ech_ordinary_hello nonsense = {
        .cipher_suites = BYTES(1), .supported_versions = BYTES(2, 3, 4), .record_version = 0x0303};
    const struct ech_ordinary_hello *lists[] = {&nothing, &nonsense};
    for (size_t i = 0; i < 2; i++) {
        struct rig *rig = start(hello_openssl, lists[i]);
        expect_lists(rig, BYTES(0x13, 2, 0x13, 3, 0x13, 1, 0, 0xff), BYTES(2, 3, 4));
        rig_free(rig);
    }
}

/* Its first hello comes in records of its lowest version; the second as the application writes it.
 */
static void check_record(uint16_t record_version, struct bytes suites, struct bytes expected)
{
    const struct ech_ordinary_hello ordinary = {
        .cipher_suites = suites, .supported_versions = VERSIONS, .record_version = record_version};
    struct rig *rig = start(hello_openssl, &ordinary);
    assert_octets(bytes_of(wr_view(&rig->net).data, 3), expected, "record");
    rig_free(rig);
}

Test(ordinary, records_have_the_version_of_the_ordinary_hello)
{
    check_record(0x0303, SUITES, BYTES(22, 3, 3));
    check_record(0x0302, SUITES, BYTES(22, 3, 2));
    check_record(0, SUITES, BYTES(22, 3, 1));
    check_record(0x0304, SUITES, BYTES(22, 3, 1));
    check_record(0x1234, SUITES, BYTES(22, 3, 1));
    check_record(0x0303, BYTES(1), BYTES(22, 3, 1));
}

/* Also where key_share is the inner's, and where supported_versions stands right before it. */
Test(ordinary, ech_42_all_hellos_open)
{
    const struct bytes hellos[] = {hello_openssl, hello_openssl_ip, hello_openssl_psk, hello_pq};
    const struct ech_ordinary_hello ordinary = {.cipher_suites = SUITES,
                                                .supported_versions = VERSIONS};
    for (size_t i = 0; i < sizeof hellos / sizeof *hellos; i++) {
        struct rig *rig = start(hellos[i], &ordinary);
        expect_lists(rig, OUTER_SUITES, OUTER_VERSIONS);
        rig_free(rig);
    }
}
