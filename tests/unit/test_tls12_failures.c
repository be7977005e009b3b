/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outer handshakes of TLS 1.2 that fail: the server breaks one rule, and gets the right alert. */
#include <criterion/criterion.h>

#include "ech/tls12_messages.h"
#include "tests/unit/tls12_rig.h"

#define PROTOCOL ECH_OUTER_FAILURE_PROTOCOL

static const struct tls12_hello_options usual;
static const struct bytes nothing;

/* The options follow the alert. */
#define REFUSES(alert, ...)                                                                        \
    tls12_rig_fails(&usual, &(const struct tls12_options){__VA_ARGS__}, PROTOCOL, alert)
#define FAILS(failure, alert, ...)                                                                 \
    tls12_rig_fails(&usual, &(const struct tls12_options){__VA_ARGS__}, failure, alert)

/* A message with this fault is refused. */
static void fault(enum tls12_step step, enum tls13_fault kind, struct bytes octets,
                  enum ech_alert alert)
{
    const struct tls12_options options = {.step = step,
                                          .fault = kind,
                                          .octets = octets,
                                          .request_certificate = step == TLS12_REQUEST,
                                          .status = step == TLS12_STATUS,
                                          .ticket = step == TLS12_TICKET};
    tls12_rig_fails(&usual, &options, PROTOCOL, alert);
}

/* ---- the version ---- */

Test(tls12_failures, ech_58_ech_110_versions_that_are_no_answer)
{
    static const struct tls12_hello_options tls13_alone = {.no_tls12 = true};
    static const struct tls12_hello_options early_data = {.early_data = true};
    const struct tls12_options good = {.cipher_suite = 0};
    const enum ech_outer_failure version = ECH_OUTER_FAILURE_VERSION;
    FAILS(version, ECH_ALERT_PROTOCOL_VERSION, .version = 0x0302);
    FAILS(version, ECH_ALERT_PROTOCOL_VERSION, .version = 0x0301);
    FAILS(version, ECH_ALERT_PROTOCOL_VERSION, .version = 0x0300);
    FAILS(version, ECH_ALERT_PROTOCOL_VERSION, .version = 0x0304);
    tls12_rig_fails(&tls13_alone, &good, version, ECH_ALERT_PROTOCOL_VERSION);
    /* RFC 8446, 4.2.10 */
    tls12_rig_fails(&early_data, &good, version, ECH_ALERT_PROTOCOL_VERSION);
}

Test(tls12_failures, ech_109_downgrade_sentinels)
{
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .random_end = BYTES('D', 'O', 'W', 'N', 'G', 'R', 'D', 1));
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .random_end = BYTES('D', 'O', 'W', 'N', 'G', 'R', 'D', 0));
    tls12_rig_succeeds(&usual, &(const struct tls12_options){
                                   .random_end = BYTES('D', 'O', 'W', 'N', 'G', 'R', 'D', 2)});
}

Test(tls12_failures, a_hello_retry_request)
{
    struct octets random =
        octets_of_hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .random_end = octets_view(&random));
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .hello_more = BYTES(0, 43, 0, 2, 3, 4));
    octets_free(&random);
}

/* ---- ServerHello ---- */

Test(tls12_failures, an_echoed_session_id)
{
    struct tls12_rig rig;
    struct ech_client_hello hello;
    tls12_rig_init(&rig, &usual);
    cr_assert_eq(ech_client_hello_parse(octets_view(&rig.hello), &hello), ECH_OK);
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .echo = hello.legacy_session_id);
    tls12_rig_free(&rig);
}

Test(tls12_failures, compression)
{
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .compression = 1);
}

Test(tls12_failures, ech_112_suites)
{
    static const uint16_t offered[] = {0x009f, 0xc0ac, 0x009d, 0x003c, 0x0035}; /* DHE, CCM, RSA */
    static const uint16_t never[] = {0x009e, 0xc072, 0x1301, 0x1302, 0x00ff, 0x5600, 0x0a0a, 0};
    for (size_t i = 0; i < sizeof offered / sizeof offered[0]; i++) {
        FAILS(ECH_OUTER_FAILURE_SUITE, ECH_ALERT_HANDSHAKE_FAILURE, .cipher_suite = offered[i]);
    }
    for (size_t i = 0; never[i] != 0; i++) {
        REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .cipher_suite = never[i]);
    }
    /* one of ours, but not offered */
    tls12_rig_fails(&(const struct tls12_hello_options){.suite = 0xc02f},
                    &(const struct tls12_options){.cipher_suite = 0xc02b}, PROTOCOL,
                    ECH_ALERT_ILLEGAL_PARAMETER);
}

Test(tls12_failures, ech_111_unsolicited_extensions)
{
    const struct bytes unsolicited[] = {
        BYTES(0xab, 0xcd, 0, 0), /* unknown */
        BYTES(0, 1, 0, 1, 1),    /* max_fragment_length */
        BYTES(0, 15, 0, 1, 1),   /* heartbeat */
        BYTES(0, 17, 0, 0),      /* status_request_v2 */
        BYTES(0x33, 0x74, 0, 0), /* next_protocol_negotiation */
        BYTES(0xfe, 0x0d, 0, 0), /* encrypted_client_hello: in no ServerHello */
        BYTES(0xfe, 0x0d, 0, 2, 0, 0),
    };
    for (size_t i = 0; i < sizeof unsolicited / sizeof unsolicited[0]; i++) {
        REFUSES(ECH_ALERT_UNSUPPORTED_EXTENSION, .hello_more = unsolicited[i]);
    }
    tls12_rig_fails(&(const struct tls12_hello_options){.no_status_request = true},
                    &(const struct tls12_options){.status = true}, PROTOCOL,
                    ECH_ALERT_UNSUPPORTED_EXTENSION);
    tls12_rig_fails(
        &(const struct tls12_hello_options){.no_renegotiation_info = true, .no_signal = true},
        &(const struct tls12_options){.hello_more = BYTES(0xff, 1, 0, 1, 0)}, PROTOCOL,
        ECH_ALERT_UNSUPPORTED_EXTENSION);
}

Test(tls12_failures, extensions_of_other_messages)
{
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .hello_more = BYTES(0, 51, 0, 2, 0, 29));
    REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .hello_more = BYTES(0, 13, 0, 4, 0, 2, 4, 3));
}

Test(tls12_failures, encrypt_then_mac_with_an_aead)
{
    static const uint16_t suites[] = {0xc02b, 0xc02c, 0xcca9};
    for (size_t i = 0; i < 3; i++) {
        REFUSES(ECH_ALERT_ILLEGAL_PARAMETER, .cipher_suite = suites[i], .encrypt_then_mac = true);
    }
}

Test(tls12_failures, contents_of_extensions)
{
    const struct {
        struct bytes extension;
        enum ech_alert alert;
    } bad[] = {
        {BYTES(0xff, 1, 0, 2, 1, 7), ECH_ALERT_HANDSHAKE_FAILURE}, /* RFC 5746, 3.4 */
        {BYTES(0xff, 1, 0, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0xff, 1, 0, 2, 0, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 0, 0, 1, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 23, 0, 1, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 22, 0, 1, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 35, 0, 1, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 5, 0, 1, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 11, 0, 2, 1, 1), ECH_ALERT_ILLEGAL_PARAMETER},
        {BYTES(0, 11, 0, 1, 0), ECH_ALERT_ILLEGAL_PARAMETER},
        {BYTES(0, 11, 0, 2, 0, 0), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 16, 0, 5, 0, 3, 2, 'h', '3'), ECH_ALERT_ILLEGAL_PARAMETER},
        {BYTES(0, 16, 0, 8, 0, 6, 2, 'h', '2', 2, 'h', '2'), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 28, 0, 2, 0, 63), ECH_ALERT_ILLEGAL_PARAMETER},
        {BYTES(0, 28, 0, 1, 64), ECH_ALERT_DECODE_ERROR},
        {BYTES(0, 23, 0, 0, 0, 23, 0, 0), ECH_ALERT_ILLEGAL_PARAMETER}, /* twice */
        {BYTES(0, 23, 0), ECH_ALERT_DECODE_ERROR},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        REFUSES(bad[i].alert, .hello_more = bad[i].extension);
    }
    const struct tls12_hello_options both = {.max_fragment_length = true};
    tls12_rig_fails(&both, &(const struct tls12_options){.hello_more = BYTES(0, 1, 0, 1, 2)},
                    PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
    tls12_rig_fails(
        &both,
        &(const struct tls12_options){.hello_more = BYTES(0, 1, 0, 1, 1, 0, 28, 0, 2, 0, 64)},
        PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
}

/* ---- forms and places of messages ---- */

Test(tls12_failures, forms_of_messages)
{
    static const enum tls12_step all[] = {TLS12_HELLO,        TLS12_CERTIFICATE, TLS12_STATUS,
                                          TLS12_KEY_EXCHANGE, TLS12_REQUEST,     TLS12_TICKET,
                                          TLS12_FINISHED};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fault(all[i], TLS13_TRUNCATE, nothing, ECH_ALERT_DECODE_ERROR);
        fault(all[i], TLS13_BODY, nothing, ECH_ALERT_DECODE_ERROR);
        if (all[i] != TLS12_HELLO) { /* there an octet more is the begin of extensions */
            fault(all[i], TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
        }
        fault(all[i], TLS13_TYPE, BYTES(99), ECH_ALERT_UNEXPECTED_MESSAGE);
    }
    fault(TLS12_DONE, TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
}

Test(tls12_failures, places_of_messages)
{
    const enum ech_alert alert = ECH_ALERT_UNEXPECTED_MESSAGE;
    fault(TLS12_HELLO, TLS13_SKIP, nothing, alert);
    fault(TLS12_CERTIFICATE, TLS13_SKIP, nothing, alert);
    fault(TLS12_KEY_EXCHANGE, TLS13_SKIP, nothing, alert);
    fault(TLS12_TICKET, TLS13_SKIP, nothing, alert);
    static const enum tls12_step all[] = {TLS12_HELLO,        TLS12_CERTIFICATE, TLS12_STATUS,
                                          TLS12_KEY_EXCHANGE, TLS12_REQUEST,     TLS12_DONE,
                                          TLS12_TICKET};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fault(all[i], TLS13_TWICE, nothing, alert);
    }
    REFUSES(alert, .status_uninvited = true);
    REFUSES(alert, .ticket_uninvited = true);
    REFUSES(alert, .ticket = true, .no_ticket_message = true);
    fault(TLS12_DONE, TLS13_EXCESS, BYTES(20, 0, 0, 0), alert);
    fault(TLS12_FINISHED, TLS13_EXCESS, BYTES(0, 0, 0, 0), alert);
    /* HelloRequest */
    fault(TLS12_CERTIFICATE, TLS13_BEFORE, BYTES(22, 3, 3, 0, 4, 0, 0, 0, 0), alert);
}

Test(tls12_failures, records)
{
    const enum ech_alert alert = ECH_ALERT_UNEXPECTED_MESSAGE;
    static const enum tls12_step all[] = {TLS12_HELLO, TLS12_CERTIFICATE, TLS12_DONE};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fault(all[i], TLS13_BEFORE, BYTES(22, 3, 3, 0, 0), alert);
        fault(all[i], TLS13_BEFORE, BYTES(23, 3, 3, 0, 1, 0), alert);
        fault(all[i], TLS13_BEFORE, BYTES(99, 3, 3, 0, 0), alert);
        fault(all[i], TLS13_BEFORE, BYTES(22, 3, 3, 0x40, 1), ECH_ALERT_RECORD_OVERFLOW);
        /* longer than any message may be */
        fault(all[i], TLS13_BEFORE, BYTES(22, 3, 3, 0, 4, 14, 2, 0, 0),
              ECH_ALERT_ILLEGAL_PARAMETER);
        /* before the keys are there (CVE-2014-0224) */
        fault(all[i], TLS13_BEFORE, BYTES(20, 3, 3, 0, 1, 1), alert);
    }
}

Test(tls12_failures, change_cipher_spec)
{
    const enum ech_alert alert = ECH_ALERT_UNEXPECTED_MESSAGE;
    fault(TLS12_CHANGE_CIPHER_SPEC, TLS13_SKIP, nothing, alert);
    fault(TLS12_CHANGE_CIPHER_SPEC, TLS13_TWICE, nothing, alert);
    fault(TLS12_CHANGE_CIPHER_SPEC, TLS13_BODY, BYTES(2), alert);
    fault(TLS12_CHANGE_CIPHER_SPEC, TLS13_BODY, BYTES(1, 1), alert);
    /* in a message */
    fault(TLS12_CHANGE_CIPHER_SPEC, TLS13_BEFORE, BYTES(22, 3, 3, 0, 1, 20), alert);
    /* Finished in the clear */
    fault(TLS12_CHANGE_CIPHER_SPEC, TLS13_BEFORE,
          BYTES(22, 3, 3, 0, 16, 20, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), alert);
}

/* ---- alerts, and the end of the transport ---- */

Test(tls12_failures, alerts)
{
    const enum ech_outer_failure failure = ECH_OUTER_FAILURE_ALERT;
    FAILS(failure, ECH_ALERT_NONE, .step = TLS12_CERTIFICATE, .fault = TLS13_BEFORE,
          .octets = BYTES(21, 3, 3, 0, 2, 2, 40));
    FAILS(failure, ECH_ALERT_NONE, .step = TLS12_CERTIFICATE, .fault = TLS13_BEFORE,
          .octets = BYTES(21, 3, 3, 0, 2, 1, 0)); /* close_notify */
    FAILS(failure, ECH_ALERT_NONE, .step = TLS12_FINISHED, .fault = TLS13_CONTENT,
          .octets = BYTES(21, 2, 51));
    fault(TLS12_CERTIFICATE, TLS13_BEFORE, BYTES(21, 3, 3, 0, 1, 2), ECH_ALERT_DECODE_ERROR);
    fault(TLS12_CERTIFICATE, TLS13_BEFORE,
          BYTES(21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2,
                1, 90, 21, 3, 3, 0, 2, 1, 90),
          ECH_ALERT_UNEXPECTED_MESSAGE);
}

Test(tls12_failures, the_transport_ends)
{
    struct tls12_rig rig;
    struct ech_outer_facts facts;
    tls12_rig_init(&rig, &usual);
    tls12_rig_start(&rig, &(const struct tls12_options){.cipher_suite = 0});
    (void)!ech_outer_from_net(rig.client, wr_view(&rig.server.out));
    cr_assert_gt(ech_outer_net_wanted(rig.client), 0);
    cr_assert_eq(ech_outer_closed(rig.client), ECH_OUTER_FAILED);
    ech_outer_get_facts(rig.client, &facts);
    cr_assert_eq(facts.failure, ECH_OUTER_FAILURE_CLOSED);
    tls12_rig_free(&rig);
}

/* ---- Certificate ---- */

Test(tls12_failures, ech_72_a_chain_that_the_verifier_refuses)
{
    struct tls12_rig rig;
    struct ech_outer_facts facts;
    tls12_rig_init(&rig, &usual);
    rig.chain_alert = ECH_ALERT_UNKNOWN_CA;
    tls12_rig_start(&rig, &(const struct tls12_options){.cipher_suite = 0});
    tls12_rig_run(&rig);
    ech_outer_get_facts(rig.client, &facts);
    cr_assert_eq(facts.verdict, ECH_OUTER_FAILED);
    cr_assert_eq(facts.failure, ECH_OUTER_FAILURE_CERTIFICATE);
    cr_assert_eq(rig.server.seen.plain_alert, ECH_ALERT_UNKNOWN_CA);
    cr_assert(!rig.server.seen.finished);
    tls12_rig_free(&rig);
}

Test(tls12_failures, certificate_lists)
{
    struct writer w;
    fault(TLS12_CERTIFICATE, TLS13_BODY, BYTES(0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS12_CERTIFICATE, TLS13_BODY, BYTES(0, 0, 3, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS12_CERTIFICATE, TLS13_BODY, BYTES(0, 0, 4, 0, 0, 2, 1), ECH_ALERT_DECODE_ERROR);
    wr_init(&w, 0);
    struct wr_mark list = wr_open(&w, 3);
    for (size_t i = 0; i <= ECH_CERTIFICATES_MAX; i++) {
        wr_bytes(&w, BYTES(0, 0, 1, 7));
    }
    wr_close(&w, list);
    fault(TLS12_CERTIFICATE, TLS13_BODY, wr_view(&w), ECH_ALERT_BAD_CERTIFICATE);
    wr_free(&w);
}

Test(tls12_failures, certificate_status)
{
    fault(TLS12_STATUS, TLS13_BODY, BYTES(2, 0, 0, 1, 9), ECH_ALERT_DECODE_ERROR);
    fault(TLS12_STATUS, TLS13_BODY, BYTES(1, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
}

/* ---- ServerKeyExchange ---- */

Test(tls12_failures, groups_and_points)
{
    static const uint8_t zeros[133];
    static const uint8_t off_curve[65] = {4, 1, 2, 3};
    static const uint8_t compressed[33] = {2, 1, 2, 3};
    const enum ech_alert alert = ECH_ALERT_ILLEGAL_PARAMETER;
    REFUSES(alert, .curve_type = 1);
    REFUSES(alert, .curve_type = 2);
    REFUSES(alert, .group = 0x9999);
    FAILS(ECH_OUTER_FAILURE_GROUP, ECH_ALERT_HANDSHAKE_FAILURE, .group = 0x001a); /* brainpool */
    FAILS(ECH_OUTER_FAILURE_GROUP, ECH_ALERT_HANDSHAKE_FAILURE, .group = 0x0100);
    tls12_rig_fails(&(const struct tls12_hello_options){.group = ECH_GROUP_P256},
                    &(const struct tls12_options){.group = ECH_GROUP_X25519}, PROTOCOL, alert);
    REFUSES(alert, .point = bytes_of(zeros, 32)); /* X25519: only zeros */
    REFUSES(alert, .point = bytes_of(zeros, 31));
    REFUSES(alert, .point = bytes_of(zeros, 33));
    REFUSES(ECH_ALERT_DECODE_ERROR, .point = bytes_of(zeros, 0));
    REFUSES(alert, .group = ECH_GROUP_X448, .point = bytes_of(zeros, 56));
    REFUSES(alert, .group = ECH_GROUP_P256, .point = bytes_of(zeros, 65));
    REFUSES(alert, .group = ECH_GROUP_P256, .point = bytes_of(off_curve, 65));
    REFUSES(alert, .group = ECH_GROUP_P256, .point = bytes_of(compressed, 33));
    REFUSES(alert, .group = ECH_GROUP_P521, .point = bytes_of(zeros, 133));
}

Test(tls12_failures, ech_112_signatures)
{
    const enum ech_alert alert = ECH_ALERT_ILLEGAL_PARAMETER;
    REFUSES(ECH_ALERT_DECRYPT_ERROR, .other_random = true);
    fault(TLS12_KEY_EXCHANGE, TLS13_FLIP, nothing, ECH_ALERT_DECRYPT_ERROR);
    /* RFC 9155: SHA-1, though it was offered; SHA-224 and MD5 too */
    REFUSES(alert, .scheme = 0x0203);
    REFUSES(alert, .scheme = 0x0303);
    REFUSES(alert, .scheme = 0x0103);
    REFUSES(alert, .cipher_suite = 0xc02f, .scheme = 0x0201);
    REFUSES(alert, .cipher_suite = 0xc02f, .scheme = 0x0301);
    /* of another kind of key than the suite's */
    REFUSES(alert, .scheme = 0x0804);
    REFUSES(alert, .scheme = 0x0401);
    REFUSES(alert, .cipher_suite = 0xc02f, .scheme = 0x0403);
    REFUSES(alert, .cipher_suite = 0xc02f, .scheme = 0x0807);
    REFUSES(alert, .scheme = 0x0904); /* none that we know */
}

Test(tls12_failures, certificate_request)
{
    fault(TLS12_REQUEST, TLS13_BODY, BYTES(0, 0, 2, 4, 3, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS12_REQUEST, TLS13_BODY, BYTES(1, 64, 0, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS12_REQUEST, TLS13_BODY, BYTES(1, 64, 0, 1, 4, 0, 0), ECH_ALERT_DECODE_ERROR);
}

/* ---- Finished ---- */

Test(tls12_failures, ech_112_finished)
{
    REFUSES(ECH_ALERT_DECRYPT_ERROR, .wrong_finished = true);
    REFUSES(ECH_ALERT_DECRYPT_ERROR, .wrong_finished = true, .cipher_suite = 0xc00a,
            .encrypt_then_mac = true);
    fault(TLS12_FINISHED, TLS13_FLIP, nothing, ECH_ALERT_DECRYPT_ERROR);
    fault(TLS12_FINISHED, TLS13_CONTENT, BYTES(23, 1), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS12_FINISHED, TLS13_CONTENT, BYTES(20, 1), ECH_ALERT_UNEXPECTED_MESSAGE);
}

/* A record that the server's keys did not make. */
Test(tls12_failures, finished_in_a_wrong_record)
{
    fault(TLS12_FINISHED, TLS13_BEFORE, BYTES(22, 3, 3, 0, 2, 1, 2), ECH_ALERT_BAD_RECORD_MAC);
    fault(TLS12_FINISHED, TLS13_BEFORE, BYTES(21, 3, 3, 0, 2, 2, 40), ECH_ALERT_BAD_RECORD_MAC);
    fault(TLS12_FINISHED, TLS13_BEFORE, BYTES(22, 3, 1, 0, 2, 1, 2), ECH_ALERT_PROTOCOL_VERSION);
}
