/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exchanges that fail because of what the application wrote, or before anything was sent. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"

#define CCS BYTES(1)

/* The application's first hello makes the exchange fail, and nothing goes to the network. */
static void check_hello(struct bytes hello)
{
    for (size_t step = 0; step < 2; step++) {
        struct rig *rig = rig_new(step);
        rig_app_hello(rig, hello, 0x0301);
        rig_failed(rig, ECH_FAILURE_INNER, ECH_ALERT_NONE);
        cr_assert_eq(wr_view(&rig->net).len, 0);
        rig_free(rig);
    }
}

Test(exchange_app, ech_23_ech_24_ech_25_hellos_that_are_not_fit)
{
    struct octets marker = hello_without(hello_openssl, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    struct octets tls12 =
        hello_with(hello_openssl, ECH_EXT_SUPPORTED_VERSIONS, BYTES(4, 3, 4, 3, 3));
    struct octets ticket = hello_with(hello_openssl, ECH_EXT_SESSION_TICKET, BYTES(1));
    struct octets name = hello_named(hello_openssl, 256);
    check_hello(octets_view(&marker));
    check_hello(octets_view(&tls12));
    check_hello(octets_view(&ticket));
    check_hello(octets_view(&name));
    check_hello(BYTES(2, 0, 0, 0));
    check_hello(BYTES(1, 0, 0, 0));
    check_hello(BYTES(1, 1, 0, 0)); /* too long */
    octets_free(&marker);
    octets_free(&tls12);
    octets_free(&ticket);
    octets_free(&name);
}

Test(exchange_app, every_cut_hello_stays_inside)
{
    for (size_t len = 1; len < hello_openssl.len; len += 5) {
        struct rig *rig = rig_new(0);
        rig_app_record(rig, ECH_RECORD_HANDSHAKE, bytes_of(hello_openssl.data, len));
        cr_assert_eq(rig->last, ECH_EVENT_NONE);
        cr_assert_eq(wr_view(&rig->net).len, 0);
        rig_app_record(rig, ECH_RECORD_ALERT, BYTES(2, 80));
        rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_NONE);
        cr_assert_eq(wr_view(&rig->net).len, 0);
        rig_free(rig);
    }
}

static void check_app_first(uint8_t type, struct bytes fragment)
{
    struct rig *rig = rig_new(0);
    rig_app_record(rig, type, fragment);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&rig->net).len, 0);
    rig_free(rig);
}

Test(exchange_app, garbage_of_the_application_stays_inside)
{
    check_app_first('G', bytes_of("ET / HTTP/1.1", 13));
    check_app_first(ECH_RECORD_APPLICATION_DATA, BYTES(1));
    check_app_first(ECH_RECORD_CHANGE_CIPHER_SPEC, CCS);
    check_app_first(ECH_RECORD_ALERT, BYTES(2, 80, 1));
}

Test(exchange_app, an_alert_without_a_hello_passes)
{
    struct rig *rig = rig_new(1);
    rig_app_record(rig, ECH_RECORD_ALERT, BYTES(2, 80));
    assert_hex(wr_view(&rig->net), "15030300020250", "alert");
    cr_assert_not(ech_exchange_done(rig->exchange));
    rig_free(rig);
}

static void check_after_hello(uint8_t type, struct bytes fragment)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    rig_app_record(rig, type, fragment);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_INTERNAL_ERROR);
    rig_free(rig);
}

Test(exchange_app, nothing_in_clear_after_the_hello)
{
    check_after_hello(ECH_RECORD_HANDSHAKE, hello_openssl);
    check_after_hello(ECH_RECORD_HANDSHAKE, BYTES(1));
    check_after_hello(ECH_RECORD_APPLICATION_DATA, BYTES(1)); /* no early_data in the hello */
}

Test(exchange_app, a_handshake_record_that_is_begun_when_the_server_accepts)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    rig_from_app(rig, BYTES(22, 3, 3));
    struct test_answer answer = rig_answer(rig);
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

Test(exchange_app, two_hellos_at_once)
{
    struct rig *rig = rig_new(0);
    struct writer w;
    wr_init(&w, 0);
    wr_bytes(&w, hello_openssl);
    wr_u8(&w, 1);
    rig_app_record(rig, ECH_RECORD_HANDSHAKE, wr_view(&w));
    rig_failed(rig, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&rig->net).len, 0);
    wr_free(&w);
    rig_free(rig);
}

Test(exchange_app, refused)
{
    struct rig *rig = rig_new(0);
    rig_app_hello(rig, hello_openssl, 0x0301);
    cr_assert_eq(rig->last, ECH_EVENT_NEED_CONFIG);
    rig->last = ech_exchange_refuse(rig->exchange);
    rig_drain(rig);
    rig_failed(rig, ECH_FAILURE_REFUSED, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&rig->net).len, 0);
    rig_free(rig);
}

Test(exchange_app, answers_at_other_times_do_nothing)
{
    struct rig *rig = rig_new(0);
    cr_assert_eq(ech_exchange_refuse(rig->exchange), ECH_EVENT_NONE);
    cr_assert_eq(ech_exchange_offer(rig->exchange, &rig->server.choice), ECH_EVENT_NONE);
    rig_begin(rig, hello_openssl);
    cr_assert_eq(ech_exchange_offer(rig->exchange, &rig->server.choice), ECH_EVENT_NONE);
    cr_assert_eq(ech_exchange_refuse(rig->exchange), ECH_EVENT_NONE);
    rig_free(rig);
    ech_exchange_free(NULL);
}

/* ---- size ---- */

static void offer_large(size_t octets, enum ech_key_share_rule rule, bool in_run, struct rig **out)
{
    const struct ech_exchange_options options = {.sizes = OPENSSL_SIZES, .key_share_rule = rule};
    struct octets data = octets_new(octets);
    memset(data.data, 0x42, data.len);
    /* A GREASE extension is copied, so it can be compressed; an unknown one stays inside. */
    struct octets hello = hello_with(hello_openssl, in_run ? 0x2a2a : 0x1234, octets_view(&data));
    *out = rig_new_with(0, &options, 0);
    rig_app_hello(*out, octets_view(&hello), 0x0301);
    rig_offer(*out);
    octets_free(&hello);
    octets_free(&data);
}

Test(exchange_app, a_payload_that_servers_do_not_take)
{
    struct rig *rig;
    offer_large(1400, ECH_KEY_SHARE_AUTO, false, &rig);
    rig_failed(rig, ECH_FAILURE_TOO_LARGE, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&rig->net).len, 0);
    rig_free(rig);
    offer_large(1500, ECH_KEY_SHARE_OWN, false, &rig);
    rig_failed(rig, ECH_FAILURE_TOO_LARGE, ECH_ALERT_NONE);
    rig_free(rig);
}

Test(exchange_app, auto_shares_key_share_before_it_gives_up)
{
    struct rig *rig;
    struct ech_exchange_facts facts;
    size_t octets = 1200;
    bool fits = true;
    /* The smallest hello that does not fit with our own share. */
    while (fits) {
        offer_large(++octets, ECH_KEY_SHARE_OWN, false, &rig);
        fits = !ech_exchange_done(rig->exchange);
        rig_free(rig);
    }
    cr_assert_lt(octets, 1500);
    offer_large(octets, ECH_KEY_SHARE_AUTO, false, &rig);
    ech_exchange_get_facts(rig->exchange, &facts);
    cr_assert_eq(rig->last, ECH_EVENT_NEED_CONFIG);
    cr_assert(facts.shared_key_share);
    rig_free(rig);
    /* The longest run is the large extension alone, after key_share: it fits with our own share. */
    offer_large(4000, ECH_KEY_SHARE_AUTO, true, &rig);
    ech_exchange_get_facts(rig->exchange, &facts);
    cr_assert_eq(rig->last, ECH_EVENT_NEED_CONFIG);
    cr_assert_not(facts.shared_key_share);
    rig_free(rig);
}

Test(exchange_app, own_key_shares_that_cannot_be_made)
{
    const struct ech_exchange_options options = {.key_share_rule = ECH_KEY_SHARE_OWN};
    struct rig *rig = rig_new_with(0, &options, 0);
    rig_app_hello(rig, hello_pq, 0x0301);
    rig_offer(rig);
    cr_assert_eq(rig->last, ECH_EVENT_FAILED);
    cr_assert_eq(wr_view(&rig->net).len, 0);
    rig_free(rig);
}

/* ---- randomness that fails ---- */

static enum ech_status no_octets(void *context, uint8_t *out, size_t len)
{
    size_t *calls = context;
    memset(out, 0x11, len);
    return (*calls)-- > 0 ? ECH_OK : ECH_ERR_CRYPTO;
}

Test(exchange_app, failing_randomness_sends_nothing)
{
    for (size_t good_calls = 0; good_calls < 8; good_calls++) {
        size_t calls = good_calls;
        struct ech_exchange_options options = {.random = {.fill = no_octets, .context = &calls}};
        struct ech_exchange *x;
        struct test_server server;
        struct writer w;
        wr_init(&w, 0);
        ech_records_write(&w, 0x0301, hello_openssl_psk);
        test_server_init(&server, 0);
        cr_assert_eq(ech_exchange_new(&x, &options), ECH_OK);
        cr_assert_eq(ech_exchange_from_app(x, wr_view(&w)), ECH_EVENT_NEED_CONFIG);
        cr_assert_eq(ech_exchange_offer(x, &server.choice), ECH_EVENT_FAILED);
        cr_assert_eq(ech_exchange_failure(x), ECH_FAILURE_INTERNAL);
        cr_assert_eq(ech_exchange_to_net(x).len, 0);
        ech_exchange_free(x);
        test_server_free(&server);
        wr_free(&w);
    }
}

Test(exchange_app, every_failure_has_a_word)
{
    for (int failure = ECH_FAILURE_NONE; failure <= ECH_FAILURE_INTERNAL; failure++) {
        cr_assert_str_neq(ech_failure_name((enum ech_failure)failure), "unknown");
    }
}
