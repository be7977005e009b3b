/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exchanges in which ECH is accepted. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"

#define CCS BYTES(1)

/* What one exchange gave to both sides. */
struct outcome {
    struct octets net;
    struct octets app;
};

static void keep(struct outcome *outcome, const struct rig *rig)
{
    outcome->net = octets_copy(wr_view(&rig->net));
    outcome->app = octets_copy(wr_view(&rig->app));
}

static void same(struct outcome *a, struct outcome *b)
{
    assert_octets(octets_view(&b->net), octets_view(&a->net), "to_net");
    assert_octets(octets_view(&b->app), octets_view(&a->app), "to_app");
    octets_free(&b->net);
    octets_free(&b->app);
}

static void check_accepted(struct rig *rig)
{
    struct ech_exchange_facts facts;
    cr_assert_eq(rig->last, ECH_EVENT_ACCEPTED, "%s",
                 ech_failure_name(ech_exchange_failure(rig->exchange)));
    cr_assert(ech_exchange_done(rig->exchange) && ech_exchange_drained(rig->exchange));
    cr_assert_eq(ech_exchange_net_wanted(rig->exchange), 0);
    ech_exchange_get_facts(rig->exchange, &facts);
    cr_assert_eq(facts.state, ECH_STATE_ACCEPTED);
    cr_assert_eq(facts.hello_bytes_inner, rig->first_inner.len);
    /* Then everything passes. */
    size_t before = wr_view(&rig->net).len;
    rig_from_app(rig, BYTES(22, 3, 3, 0));
    cr_assert_eq(wr_view(&rig->net).len, before + 4);
    before = wr_view(&rig->app).len;
    rig_from_net(rig, BYTES(99, 98));
    cr_assert_eq(wr_view(&rig->app).len, before + 2);
}

/* The application gets exactly what the server wrote. */
static struct outcome run_plain(struct bytes hello, size_t step, uint16_t cipher_suite)
{
    struct rig *rig = rig_new(step);
    struct outcome outcome;
    rig_begin(rig, hello);
    struct test_answer answer = rig_answer(rig);
    answer.cipher_suite = cipher_suite;
    struct octets message = rig_message(rig, &answer);
    rig_net_record(rig, ECH_RECORD_HANDSHAKE, octets_view(&message));
    cr_assert_eq(wr_view(&rig->app).len, message.len + 5);
    rig_net_record(rig, ECH_RECORD_CHANGE_CIPHER_SPEC, CCS);
    rig_net_record(rig, ECH_RECORD_APPLICATION_DATA, BYTES(1, 2, 3));
    cr_assert_eq(wr_view(&rig->app).len, message.len + 5 + 6 + 8);
    assert_octets(bytes_of(wr_view(&rig->app).data + 5, message.len), octets_view(&message), "SH");
    check_accepted(rig);
    keep(&outcome, rig);
    octets_free(&message);
    rig_free(rig);
    return outcome;
}

static void check_every_split(struct bytes hello, uint16_t cipher_suite)
{
    static const size_t steps[] = {1, 3, 64, 200};
    struct outcome whole = run_plain(hello, 0, cipher_suite);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct outcome split = run_plain(hello, steps[i], cipher_suite);
        same(&whole, &split);
    }
    octets_free(&whole.net);
    octets_free(&whole.app);
}

Test(exchange, ech_35_ech_56_ech_59_accepted_in_every_split)
{
    check_every_split(hello_openssl, 0x1301);
    check_every_split(hello_openssl, 0x1302);
    check_every_split(hello_openssl_ip, 0x1303);
    check_every_split(hello_openssl_psk, 0x1301);
    check_every_split(hello_gnutls, 0x1304);
    check_every_split(hello_pq, 0x1301);
    check_every_split(hello_openssl_early, 0x1301);
}

/* ---- contents of the outer hello ---- */

static struct octets outer_of(struct bytes hello, struct rig **rig)
{
    *rig = rig_new(0);
    rig_app_hello(*rig, hello, 0x0301);
    rig_offer(*rig);
    return rig_outer(*rig);
}

Test(exchange, ech_42_ech_43_ech_44_head_of_the_outer_hello)
{
    struct rig *rig;
    struct ech_client_hello inner;
    struct ech_client_hello outer;
    struct ech_exchange_facts facts;
    struct reader versions;
    uint16_t version;
    struct octets message = outer_of(hello_openssl, &rig);
    cr_assert_eq(ech_client_hello_parse(hello_openssl, &inner), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(octets_view(&message), &outer), ECH_OK);
    cr_assert_eq(ech_client_hello_versions(&outer, &versions), ECH_OK);
    cr_assert(rd_u16(&versions, &version) && version == ECH_TLS13);
    assert_octets(outer.legacy_session_id, inner.legacy_session_id, "legacy_session_id");
    assert_octets(outer.cipher_suites, inner.cipher_suites, "cipher_suites");
    cr_assert_not(bytes_equal(outer.random, inner.random));
    ech_exchange_get_facts(rig->exchange, &facts);
    assert_octets(bytes_of(facts.outer_random, 32), outer.random, "outer_random");
    cr_assert_eq(facts.hello_bytes_outer, message.len);
    cr_assert_eq(facts.state, ECH_STATE_OFFERED);
    cr_assert_not(facts.shared_key_share);
    assert_octets(ech_exchange_server_name(rig->exchange), bytes_of("secret.example.org", 18),
                  "name");
    octets_free(&message);
    rig_free(rig);
}

static void check_nothing_leaks(struct bytes hello)
{
    struct rig *rig;
    struct ech_client_hello inner;
    struct octets message = outer_of(hello, &rig);
    cr_assert_eq(ech_client_hello_parse(hello, &inner), ECH_OK);
    cr_assert_not(holds(wr_view(&rig->net), bytes_of("secret", 6)));
    cr_assert_not(holds(wr_view(&rig->net), inner.random));
    const struct ech_extension *psk = ech_client_hello_find(&inner, ECH_EXT_PRE_SHARED_KEY);
    if (psk != NULL) {
        cr_assert_eq(hello_extension(octets_view(&message), ECH_EXT_PRE_SHARED_KEY).len,
                     psk->data.len);
        for (size_t i = 4; i + 8 < psk->data.len; i += 8) {
            struct bytes part = bytes_of(psk->data.data + i, 8);
            cr_assert_not(holds(octets_view(&message), part), "PSK at %zu", i);
        }
    }
    octets_free(&message);
    rig_free(rig);
}

Test(exchange, ech_45_ech_47_ech_51_nothing_of_the_inner_leaks)
{
    check_nothing_leaks(hello_openssl);
    check_nothing_leaks(hello_openssl_psk);
    check_nothing_leaks(hello_openssl_early);
    check_nothing_leaks(hello_gnutls);
    check_nothing_leaks(hello_pq);
}

Test(exchange, ech_54_a_changed_outer_hello_does_not_open)
{
    struct rig *rig;
    struct octets message = outer_of(hello_openssl, &rig);
    cr_assert(test_server_opens(&rig->server, octets_view(&message)));
    /* The handshake header is not in the AAD. */
    for (size_t i = 4; i < message.len; i++) {
        message.data[i] ^= 0x10;
        cr_assert_not(test_server_opens(&rig->server, octets_view(&message)), "octet %zu", i);
        message.data[i] ^= 0x10;
    }
    octets_free(&message);
    rig_free(rig);
}

Test(exchange, ech_50_early_data_is_mirrored)
{
    struct rig *rig;
    struct octets message = outer_of(hello_openssl_early, &rig);
    cr_assert_eq(hello_extension(octets_view(&message), ECH_EXT_EARLY_DATA).len, 0);
    octets_free(&message);
    rig_free(rig);
}

Test(exchange, records_have_the_version_of_the_applications)
{
    struct rig *rig;
    struct octets message = outer_of(hello_openssl, &rig);
    assert_octets(bytes_of(wr_view(&rig->net).data, 3), BYTES(22, 3, 1), "record");
    octets_free(&message);
    rig_free(rig);
}

static size_t payload_of(struct bytes hello, struct ech_hello_sizes sizes,
                         enum ech_key_share_rule rule)
{
    const struct ech_exchange_options options = {.sizes = sizes, .key_share_rule = rule};
    struct rig *rig = rig_new_with(0, &options, 0);
    struct ech_ech_client_hello ech;
    rig_app_hello(rig, hello, 0x0301);
    rig_offer(rig);
    struct octets outer = rig_outer(rig);
    struct bytes data = hello_extension(octets_view(&outer), ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    cr_assert_eq(ech_ech_client_hello_parse(data, &ech), ECH_OK);
    size_t len = ech.payload.len;
    /* design 10: 46 octets besides the payload. */
    cr_assert_eq(data.len + 4, 46 + len);
    octets_free(&outer);
    rig_free(rig);
    return len;
}

Test(exchange, ech_34_ech_40_payload_lengths_of_the_floors)
{
    cr_assert_eq(payload_of(hello_openssl, OPENSSL_SIZES, ECH_KEY_SHARE_AUTO), 192 + 16);
    cr_assert_eq(payload_of(hello_openssl, OPENSSL_SIZES, ECH_KEY_SHARE_SHARED), 128 + 16);
    cr_assert_eq(payload_of(hello_gnutls, GNUTLS_SIZES, ECH_KEY_SHARE_AUTO), 288 + 16);
    cr_assert_eq(payload_of(hello_gnutls, GNUTLS_SIZES, ECH_KEY_SHARE_SHARED), 128 + 16);
    cr_assert_eq(payload_of(hello_pq, OPENSSL_SIZES, ECH_KEY_SHARE_AUTO), 128 + 16);
    cr_assert_eq(payload_of(hello_openssl_ip, OPENSSL_SIZES, ECH_KEY_SHARE_AUTO), 192 + 16);
    struct octets other = hello_with(hello_openssl, ECH_EXT_ALPN, BYTES(0, 4, 3, 'f', 'o', 'o'));
    cr_assert_eq(payload_of(octets_view(&other), OPENSSL_SIZES, ECH_KEY_SHARE_AUTO), 192 + 16);
    octets_free(&other);
}

Test(exchange, a_large_hello_goes_in_fragments)
{
    struct octets share = octets_new(40000);
    memset(share.data, 0x42, share.len);
    struct writer w;
    wr_init(&w, 0);
    wr_u16(&w, 40004);
    wr_u16(&w, 0x1234);
    wr_u16(&w, 40000);
    wr_bytes(&w, octets_view(&share));
    struct octets hello = hello_with(hello_openssl, ECH_EXT_KEY_SHARE, wr_view(&w));
    struct outcome whole = run_plain(octets_view(&hello), 0, 0x1301);
    struct outcome split = run_plain(octets_view(&hello), 1000, 0x1301);
    assert_octets(bytes_of(whole.net.data, 5), BYTES(22, 3, 1, 0x40, 0), "first record");
    same(&whole, &split);
    octets_free(&whole.net);
    octets_free(&whole.app);
    octets_free(&hello);
    octets_free(&share);
    wr_free(&w);
}

/* ---- HelloRetryRequest ---- */

static void retry(struct rig *rig, uint16_t cipher_suite)
{
    struct test_answer answer = rig_answer(rig);
    answer.cipher_suite = cipher_suite;
    answer.hello_retry_request = true;
    answer.more = BYTES(0, 51, 0, 2, 0, 23);
    rig_send(rig, &answer);
    cr_assert_not(ech_exchange_done(rig->exchange));
    cr_assert_eq(wr_view(&rig->app).len, rig->retry_request.len + 5);
}

static struct outcome run_retry(struct bytes first, struct bytes second, size_t step,
                                uint16_t suite)
{
    struct rig *rig = rig_new(step);
    struct outcome outcome;
    rig_begin(rig, first);
    retry(rig, suite);
    rig_net_record(rig, ECH_RECORD_CHANGE_CIPHER_SPEC, CCS);
    rig_app_record(rig, ECH_RECORD_CHANGE_CIPHER_SPEC, CCS);
    rig_app_hello(rig, second, 0x0303);
    assert_octets(bytes_of(wr_view(&rig->net).data + rig->net_seen, 9),
                  BYTES(20, 3, 3, 0, 1, 1, 22, 3, 3), "CCS, then the second hello");
    rig_open(rig, second);
    struct test_answer answer = rig_answer(rig);
    answer.cipher_suite = suite;
    rig_send(rig, &answer);
    check_accepted(rig);
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(rig->exchange, &facts);
    cr_assert(facts.hello_retry_request);
    keep(&outcome, rig);
    rig_free(rig);
    return outcome;
}

static void check_every_retry_split(struct bytes first, struct bytes second, uint16_t suite)
{
    struct outcome whole = run_retry(first, second, 0, suite);
    for (size_t step = 1; step < 300; step = step * 3 + 1) {
        struct outcome split = run_retry(first, second, step, suite);
        same(&whole, &split);
    }
    octets_free(&whole.net);
    octets_free(&whole.app);
}

Test(exchange, ech_62_ech_64_ech_66_ech_69_hello_retry_request_in_every_split)
{
    check_every_retry_split(hello_openssl_hrr1, hello_openssl_hrr2, 0x1301);
    check_every_retry_split(hello_openssl_hrr1, hello_openssl_hrr2, 0x1302);
    check_every_retry_split(hello_gnutls_hrr1, hello_gnutls_hrr2, 0x1301);
}

/* RFC 8446, 4.1.2: what may differ between the two outer hellos. */
static void compare_outers(struct bytes first, struct bytes second)
{
    struct ech_client_hello a;
    struct ech_client_hello b;
    cr_assert_eq(ech_client_hello_parse(first, &a), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(second, &b), ECH_OK);
    assert_octets(b.random, a.random, "random");
    assert_octets(b.legacy_session_id, a.legacy_session_id, "legacy_session_id");
    assert_octets(b.cipher_suites, a.cipher_suites, "cipher_suites");
    size_t k = 0;
    for (size_t i = 0; i < b.extension_count; i++) {
        uint16_t type = b.extensions[i].type;
        if (type == ECH_EXT_COOKIE) {
            continue;
        }
        while (a.extensions[k].type == ECH_EXT_EARLY_DATA) {
            k++;
        }
        cr_assert_eq(a.extensions[k].type, type);
        if (type != ECH_EXT_KEY_SHARE && type != ECH_EXT_ENCRYPTED_CLIENT_HELLO) {
            assert_octets(b.extensions[i].raw, a.extensions[k].raw, "extension");
        }
        k++;
    }
    cr_assert_eq(k, a.extension_count);
}

Test(exchange, ech_65_the_second_outer_hello)
{
    struct rig *rig = rig_new(0);
    rig_app_hello(rig, hello_openssl_early, 0x0301);
    rig_offer(rig);
    struct octets first = rig_outer(rig);
    rig->net_seen = 0;
    rig_open(rig, hello_openssl_early);
    retry(rig, 0x1301);
    struct octets no_early = hello_without(hello_openssl_early, ECH_EXT_EARLY_DATA);
    struct octets cookie = hello_with(octets_view(&no_early), ECH_EXT_COOKIE, BYTES(0, 2, 7, 7));
    rig_app_hello(rig, octets_view(&cookie), 0x0303);
    size_t seen = rig->net_seen;
    struct octets second = rig_outer(rig);
    compare_outers(octets_view(&first), octets_view(&second));
    assert_octets(hello_extension(octets_view(&second), ECH_EXT_KEY_SHARE),
                  hello_extension(octets_view(&cookie), ECH_EXT_KEY_SHARE), "key_share");
    rig->net_seen = seen;
    rig_open(rig, octets_view(&cookie));
    octets_free(&first);
    octets_free(&second);
    octets_free(&no_early);
    octets_free(&cookie);
    rig_free(rig);
}

/* ---- order, and ownership of octets ---- */

Test(exchange, early_data_passes_in_order)
{
    for (size_t step = 0; step < 3; step++) {
        struct rig *rig = rig_new(step);
        struct writer w;
        wr_init(&w, 0);
        ech_records_write(&w, 0x0301, hello_openssl_early);
        wr_bytes(&w, BYTES(20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 7, 8));
        rig_from_app(rig, wr_view(&w));
        cr_assert_eq(wr_view(&rig->net).len, 0);
        rig_offer(rig);
        rig_open(rig, hello_openssl_early);
        rig_app_record(rig, ECH_RECORD_APPLICATION_DATA, BYTES(9));
        assert_hex(bytes_of(wr_view(&rig->net).data + rig->net_seen,
                            wr_view(&rig->net).len - rig->net_seen),
                   "140303000101170303000207081703030001"
                   "09",
                   "early data");
        /* A record that has begun when the server accepts still goes out. */
        rig_from_app(rig, BYTES(23, 3, 3, 0));
        struct test_answer answer = rig_answer(rig);
        rig_send(rig, &answer);
        cr_assert_eq(rig->last, ECH_EVENT_ACCEPTED);
        struct bytes net = wr_view(&rig->net);
        assert_octets(bytes_of(net.data + net.len - 4, 4), BYTES(23, 3, 3, 0), "begun record");
        wr_free(&w);
        rig_free(rig);
    }
}

Test(exchange, no_octet_is_wanted_after_the_server_hello)
{
    struct rig *rig = rig_new(0);
    struct writer w;
    rig->wanted_only = true;
    rig_begin(rig, hello_openssl);
    struct test_answer answer = rig_answer(rig);
    struct octets message = rig_message(rig, &answer);
    wr_init(&w, 0);
    ech_records_write(&w, 0x0303, octets_view(&message));
    size_t len = wr_view(&w).len;
    wr_bytes(&w, BYTES(20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 1, 0));
    cr_assert_eq(ech_exchange_net_wanted(rig->exchange), 5);
    rig_from_net(rig, wr_view(&w));
    cr_assert_eq(rig->last, ECH_EVENT_ACCEPTED);
    cr_assert_eq(wr_view(&rig->app).len, len);
    wr_free(&w);
    octets_free(&message);
    rig_free(rig);
}

Test(exchange, a_server_hello_in_many_records)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    struct test_answer answer = rig_answer(rig);
    struct octets message = rig_message(rig, &answer);
    for (size_t i = 0; i < message.len; i++) {
        cr_assert_eq(wr_view(&rig->app).len, 0);
        rig_net_record(rig, ECH_RECORD_HANDSHAKE, bytes_of(message.data + i, 1));
    }
    cr_assert_eq(rig->last, ECH_EVENT_ACCEPTED);
    cr_assert_eq(wr_view(&rig->app).len, 6 * message.len);
    octets_free(&message);
    rig_free(rig);
}

Test(exchange, a_hello_in_many_records)
{
    struct rig *rig = rig_new(0);
    for (size_t i = 0; i < hello_gnutls.len; i++) {
        rig_app_record(rig, ECH_RECORD_HANDSHAKE, bytes_of(hello_gnutls.data + i, 1));
    }
    cr_assert_eq(wr_view(&rig->net).len, 0);
    rig_offer(rig);
    rig_open(rig, hello_gnutls);
    rig_free(rig);
}
