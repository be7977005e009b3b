/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exchanges that fail: what each side gets, and that nothing leaks. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"

#define CCS BYTES(1)

/* One answer to the first hello, in pieces of every kind. */
static void check_answer(const struct test_answer *change, bool keep_echo, enum ech_failure failure,
                         enum ech_alert alert)
{
    for (size_t step = 0; step < 3; step++) {
        struct rig *rig = rig_new(step);
        rig_begin(rig, hello_openssl);
        struct test_answer answer = *change;
        if (keep_echo) {
            answer.echo = rig_answer(rig).echo;
        }
        rig_send(rig, &answer);
        rig_failed(rig, failure, alert);
        /* Nothing of the server's message goes to the application. */
        cr_assert_eq(wr_view(&rig->app).len, 7);
        rig_free(rig);
    }
}

static const struct test_answer good = {.cipher_suite = 0x1301, .version = ECH_TLS13};

Test(exchange_failures, ech_58_tls_12_is_a_rejection)
{
    struct test_answer answer = good;
    answer.version = 0;
    answer.no_ech = true;
    answer.cipher_suite = 0xc02f;
    check_answer(&answer, true, ECH_FAILURE_TLS12, ECH_ALERT_NONE);
}

Test(exchange_failures, ech_58_tls_12_with_more_in_the_record)
{
    struct rig *rig = rig_new(0);
    struct writer w;
    rig_begin(rig, hello_openssl);
    struct test_answer answer = {.cipher_suite = 0xc02f, .no_ech = true};
    struct octets message = rig_message(rig, &answer);
    wr_init(&w, 0);
    wr_bytes(&w, octets_view(&message));
    wr_bytes(&w, BYTES(14, 0, 0, 0));
    rig_net_record(rig, ECH_RECORD_HANDSHAKE, wr_view(&w));
    rig_failed(rig, ECH_FAILURE_TLS12, ECH_ALERT_NONE);
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(rig->exchange, &facts);
    cr_assert_eq(facts.state, ECH_STATE_REJECTED);
    wr_free(&w);
    octets_free(&message);
    rig_free(rig);
}

Test(exchange_failures, ech_59_no_confirmation_is_a_rejection)
{
    struct test_answer answer = good;
    answer.no_ech = true;
    check_answer(&answer, true, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
}

Test(exchange_failures, ech_60_retry_without_the_extension_is_a_rejection)
{
    struct test_answer answer = good;
    answer.hello_retry_request = true;
    answer.no_ech = true;
    answer.more = BYTES(0, 51, 0, 2, 0, 23);
    check_answer(&answer, true, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
}

Test(exchange_failures, ech_61_retry_with_another_length)
{
    struct test_answer answer = good;
    answer.hello_retry_request = true;
    answer.ech = bytes_of("", 0);
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_DECODE_ERROR);
    answer.ech = BYTES(1, 2, 3, 4, 5, 6, 7);
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_DECODE_ERROR);
    answer.ech = BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9);
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_DECODE_ERROR);
}

Test(exchange_failures, ech_62_retry_with_random_octets_is_a_rejection)
{
    struct test_answer answer = good;
    answer.hello_retry_request = true;
    answer.ech = BYTES(1, 2, 3, 4, 5, 6, 7, 8);
    check_answer(&answer, true, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
}

Test(exchange_failures, ech_68_a_server_hello_after_a_rejecting_retry_changes_nothing)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl_hrr1);
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    answer.no_ech = true;
    rig_send(rig, &answer);
    rig->second_inner = octets_copy(hello_openssl_hrr2);
    answer = rig_answer(rig);
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
    rig_free(rig);
}

Test(exchange_failures, ech_71_pre_shared_key_in_a_rejection)
{
    struct test_answer answer = good;
    answer.no_ech = true;
    answer.more = BYTES(0, 41, 0, 2, 0, 0);
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
}

Test(exchange_failures, server_hellos_that_tls_13_forbids)
{
    struct test_answer answer = good;
    answer.echo = BYTES(1, 2, 3);
    check_answer(&answer, false, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    answer = good;
    answer.no_ech = true;
    answer.cipher_suite = 0xc02f;
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    answer.cipher_suite = 0x1305; /* known, and not offered */
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    answer = good;
    answer.version = ECH_TLS12;
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    answer.version = 0x0305;
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    answer = good;
    answer.hello_retry_request = true;
    answer.version = 0;
    check_answer(&answer, true, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
}

/* ---- after a HelloRetryRequest that accepts ---- */

static struct rig *after_retry(void)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl_hrr1);
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    rig_send(rig, &answer);
    cr_assert_not(ech_exchange_done(rig->exchange));
    rig_app_hello(rig, hello_openssl_hrr2, 0x0303);
    rig_open(rig, hello_openssl_hrr2);
    return rig;
}

Test(exchange_failures, ech_67_the_server_hello_has_to_confirm_too)
{
    struct rig *rig = after_retry();
    struct test_answer answer = rig_answer(rig);
    answer.no_ech = true;
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_CONFIRMATION, ECH_ALERT_ILLEGAL_PARAMETER);
    rig_free(rig);
    rig = after_retry();
    answer = rig_answer(rig);
    answer.no_ech = true;
    answer.version = 0;
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_CONFIRMATION, ECH_ALERT_ILLEGAL_PARAMETER);
    rig_free(rig);
}

/* Some libraries ignore what they do not know, so the exchange looks at an accepted one, too. */
Test(exchange_failures, ech_63_unsolicited_extensions_of_an_accepted_retry)
{
    const struct bytes unsolicited[] = {BYTES(0xab, 0xcd, 0, 0), BYTES(0, 42, 0, 0)};
    for (size_t i = 0; i < sizeof unsolicited / sizeof *unsolicited; i++) {
        struct rig *rig = rig_new(0);
        rig_begin(rig, hello_openssl_hrr1);
        struct test_answer answer = rig_answer(rig);
        answer.hello_retry_request = true;
        answer.more = unsolicited[i];
        rig_send(rig, &answer);
        rig_failed(rig, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_UNSUPPORTED_EXTENSION);
        rig_free(rig);
    }
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl_hrr1);
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    answer.more = BYTES(0, 44, 0, 3, 0, 1, 7);
    rig_send(rig, &answer);
    cr_assert_not(ech_exchange_done(rig->exchange), "a cookie is always allowed");
    rig_free(rig);
}

Test(exchange_failures, a_second_retry)
{
    struct rig *rig = after_retry();
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

Test(exchange_failures, another_suite_after_the_retry)
{
    struct rig *rig = after_retry();
    struct test_answer answer = rig_answer(rig);
    answer.cipher_suite = 0x1303;
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_SERVER_HELLO, ECH_ALERT_ILLEGAL_PARAMETER);
    rig_free(rig);
}

static void check_second_hello(struct bytes second)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl_hrr1);
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    rig_send(rig, &answer);
    rig_app_hello(rig, second, 0x0303);
    rig_failed(rig, ECH_FAILURE_INNER, ECH_ALERT_INTERNAL_ERROR);
    rig_free(rig);
}

Test(exchange_failures, ech_64_a_second_hello_that_is_not_of_the_first)
{
    check_second_hello(hello_gnutls_hrr2);
    struct octets marker = hello_without(hello_openssl_hrr2, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    check_second_hello(octets_view(&marker));
    octets_free(&marker);
}

Test(exchange_failures, a_server_that_does_not_wait_for_the_second_hello)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl_hrr1);
    struct test_answer answer = rig_answer(rig);
    answer.hello_retry_request = true;
    rig_send(rig, &answer);
    answer.hello_retry_request = false;
    rig->second_inner = octets_copy(hello_openssl_hrr2);
    rig_send(rig, &answer);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

/* ---- from the network ---- */

static void check_net(uint8_t type, struct bytes fragment)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    rig_net_record(rig, type, fragment);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

Test(exchange_failures, records_that_have_no_place)
{
    struct octets long_fragment = octets_new(ECH_RECORD_PLAINTEXT_MAX + 1);
    check_net(ECH_RECORD_APPLICATION_DATA, BYTES(1, 2, 3));
    check_net(ECH_RECORD_CHANGE_CIPHER_SPEC, BYTES(2));
    check_net(ECH_RECORD_CHANGE_CIPHER_SPEC, BYTES(1, 1));
    check_net(ECH_RECORD_HANDSHAKE, bytes_of("", 0));
    check_net(ECH_RECORD_HANDSHAKE, BYTES(0, 0, 0, 0)); /* HelloRequest */
    check_net(ECH_RECORD_HANDSHAKE, BYTES(2, 1, 0, 0)); /* too long */
    check_net(ECH_RECORD_ALERT, BYTES(2));
    check_net(ECH_RECORD_ALERT, BYTES(2, 40, 0));
    check_net(24, BYTES(1));
    check_net('H', BYTES('T', 'P'));
    check_net(ECH_RECORD_HANDSHAKE, octets_view(&long_fragment));
    octets_free(&long_fragment);
}

Test(exchange_failures, garbage_is_found_in_the_header)
{
    struct rig *rig = rig_new(1);
    rig_begin(rig, hello_openssl);
    rig_from_net(rig, bytes_of("HTTP/", 5));
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

Test(exchange_failures, a_flood_of_change_cipher_spec)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    for (size_t i = 0; i < 5; i++) {
        rig_net_record(rig, ECH_RECORD_CHANGE_CIPHER_SPEC, CCS);
    }
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

Test(exchange_failures, change_cipher_spec_inside_a_message)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    rig_net_record(rig, ECH_RECORD_HANDSHAKE, BYTES(2, 0));
    rig_net_record(rig, ECH_RECORD_CHANGE_CIPHER_SPEC, CCS);
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    rig_free(rig);
}

Test(exchange_failures, more_after_the_server_hello_in_its_record)
{
    struct rig *rig = rig_new(0);
    struct writer w;
    rig_begin(rig, hello_openssl);
    struct test_answer answer = rig_answer(rig);
    struct octets message = rig_message(rig, &answer);
    wr_init(&w, 0);
    wr_bytes(&w, octets_view(&message));
    wr_u8(&w, 8);
    rig_net_record(rig, ECH_RECORD_HANDSHAKE, wr_view(&w));
    rig_failed(rig, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    wr_free(&w);
    octets_free(&message);
    rig_free(rig);
}

Test(exchange_failures, every_cut_server_hello_then_the_end)
{
    struct rig *rig = rig_new(0);
    rig_begin(rig, hello_openssl);
    struct test_answer answer = rig_answer(rig);
    struct octets message = rig_message(rig, &answer);
    rig_free(rig);
    for (size_t len = 0; len < message.len; len += 7) {
        rig = rig_new(0);
        rig_begin(rig, hello_openssl);
        if (len > 0) {
            rig_net_record(rig, ECH_RECORD_HANDSHAKE, bytes_of(message.data, len));
        }
        cr_assert_eq(rig->last, ECH_EVENT_NEED_CONFIG);
        rig->last = ech_exchange_net_closed(rig->exchange);
        rig_drain(rig);
        rig_failed(rig, ECH_FAILURE_CLOSED, ECH_ALERT_NONE);
        cr_assert_eq(ech_exchange_net_closed(rig->exchange), ECH_EVENT_NONE);
        rig_free(rig);
    }
    octets_free(&message);
}

static void check_alert(uint8_t level, uint8_t description, const char *expected)
{
    struct rig *rig = rig_new(1);
    rig_begin(rig, hello_openssl);
    rig_net_record(rig, ECH_RECORD_ALERT, BYTES(level, description));
    cr_assert_eq(rig->last, ECH_EVENT_FAILED);
    cr_assert_eq(ech_exchange_failure(rig->exchange), ECH_FAILURE_ALERT);
    assert_hex(wr_view(&rig->app), expected, "alert");
    cr_assert_eq(wr_view(&rig->net).len, rig->net_seen);
    rig_app_record(rig, ECH_RECORD_ALERT, BYTES(1, 0));
    cr_assert_eq(wr_view(&rig->net).len, rig->net_seen);
    rig_free(rig);
}

Test(exchange_failures, alerts_of_the_server_go_up)
{
    check_alert(2, 40, "15030300020228");
    check_alert(1, 0,
                "15030300020100"
                "15030300020279");
    check_alert(1, 112,
                "15030300020170"
                "15030300020279");
}
