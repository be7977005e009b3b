/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outer handshakes that fail: the server breaks one rule, and gets the right alert. */
#include <criterion/criterion.h>
#include <string.h>

#include "ech/tls13_messages.h"
#include "tests/unit/hellos.h"
#include "tests/unit/outer_rig.h"

#define PROTOCOL ECH_OUTER_FAILURE_PROTOCOL

/* The options follow the alert. */
#define REFUSES(hello, alert, ...)                                                                 \
    outer_rig_fails(hello, &(const struct tls13_options){__VA_ARGS__}, PROTOCOL, alert)

/* A message with this fault is refused. */
static void fault(enum tls13_step step, enum tls13_fault kind, struct bytes octets,
                  enum ech_alert alert)
{
    const struct tls13_options options = {.step = step,
                                          .fault = kind,
                                          .octets = octets,
                                          .request_certificate = step == TLS13_REQUEST,
                                          .retry = step == TLS13_RETRY};
    outer_rig_fails(hello_openssl, &options, PROTOCOL, alert);
}

static const struct bytes nothing;

/* ---- ServerHello ---- */

Test(tls13_failures, ech_71_server_hello_with_pre_shared_key)
{
    struct bytes selected = BYTES(0, 41, 0, 2, 0, 0);
    REFUSES(hello_openssl_psk, ECH_ALERT_ILLEGAL_PARAMETER, .hello_more = selected);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .hello_more = selected);
    REFUSES(hello_openssl_psk, ECH_ALERT_ILLEGAL_PARAMETER, .hello_more = selected, .retry = true);
}

Test(tls13_failures, server_hello_key_share)
{
    static const uint8_t zeros[65];
    REFUSES(hello_openssl, ECH_ALERT_MISSING_EXTENSION, .no_share = true);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .share_group = ECH_GROUP_P256);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .share = bytes_of(zeros, 32));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .share = bytes_of(zeros, 31));
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .share = bytes_of(zeros, 0));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .share = bytes_of(zeros, 65),
            .retry = true);
    /* After a retry for P-256 the first group is no longer offered. */
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry = true,
            .share_group = ECH_GROUP_X25519);
}

Test(tls13_failures, server_hello_fields)
{
    REFUSES(hello_openssl, ECH_ALERT_PROTOCOL_VERSION, .no_version = true);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .version = 0x0305);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .version = ECH_TLS12);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .echo = BYTES(1, 2, 3));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .cipher_suite = 0x1305);
    REFUSES(hello_openssl, ECH_ALERT_UNSUPPORTED_EXTENSION, .hello_more = BYTES(0xab, 0xcd, 0, 0));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER,
            .hello_more = BYTES(0, 16, 0, 5, 0, 3, 2, 'h', '2'));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER,
            .hello_more = BYTES(0, 51, 0, 5, 0, 29, 0, 1, 1));
}

Test(tls13_failures, server_hello_form_and_place)
{
    fault(TLS13_HELLO, TLS13_TRUNCATE, nothing, ECH_ALERT_DECODE_ERROR);
    fault(TLS13_HELLO, TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
    fault(TLS13_HELLO, TLS13_TYPE, BYTES(8), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_HELLO, TLS13_EXCESS, BYTES(8, 0, 0, 2, 0, 0), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(23, 3, 3, 0, 1, 0), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(22, 3, 3, 0, 0), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(99, 3, 3, 0, 0), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(22, 3, 3, 0x40, 1), ECH_ALERT_RECORD_OVERFLOW);
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(20, 3, 3, 0, 1, 2), ECH_ALERT_UNEXPECTED_MESSAGE);
}

/* ---- HelloRetryRequest ---- */

Test(tls13_failures, retry_that_asks_for_nothing_new)
{
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry = true, .retry_without_group = true);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry = true,
            .retry_group = ECH_GROUP_X25519);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry = true, .retry_group = 0x9999);
}

Test(tls13_failures, retry_for_a_group_that_we_cannot_generate)
{
    const struct tls13_options options = {.retry = true, .retry_group = 0x0100 /* ffdhe2048 */};
    outer_rig_fails(hello_openssl, &options, ECH_OUTER_FAILURE_GROUP, ECH_ALERT_HANDSHAKE_FAILURE);
}

Test(tls13_failures, retry_extensions)
{
    REFUSES(hello_openssl, ECH_ALERT_UNSUPPORTED_EXTENSION, .retry = true,
            .retry_more = BYTES(0xab, 0xcd, 0, 0));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry = true,
            .retry_more = BYTES(0, 51, 0, 2, 0, 24));
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry = true, .cookie = BYTES(0, 0));
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry = true, .cookie = BYTES(0, 2, 1));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry = true, .second_suite = 0x1303);
}

Test(tls13_failures, ech_61_retry_with_another_length)
{
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry = true,
            .retry_more = BYTES(0xfe, 0x0d, 0, 7, 1, 2, 3, 4, 5, 6, 7));
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry = true,
            .retry_more = BYTES(0xfe, 0x0d, 0, 0));
}

Test(tls13_failures, a_second_retry)
{
    struct outer_rig rig;
    const struct tls13_options options = {.retry = true};
    outer_rig_init(&rig, hello_openssl);
    outer_rig_start(&rig, &options);
    struct octets retry = octets_copy(wr_view(&rig.server.out));
    outer_rig_free(&rig);
    REFUSES(hello_openssl, ECH_ALERT_UNEXPECTED_MESSAGE, .retry = true, .step = TLS13_HELLO,
            .fault = TLS13_BEFORE, .octets = octets_view(&retry));
    octets_free(&retry);
}

/* ---- EncryptedExtensions ---- */

Test(tls13_failures, ech_77_retry_configs_that_do_not_parse)
{
    json_t *root = vectors_load("echconfig");
    size_t found = 0;
    size_t i;
    json_t *vector;
    json_array_foreach(vectors_get(root, "lists"), i, vector)
    {
        const char *id = vectors_text(vector, "id");
        /* One is too long for an extension; the other's prefixes are malformed. */
        if (strncmp(id, "m-", 2) == 0 && strcmp(id, "m-overflow-65538") != 0 &&
            strcmp(id, "m-every-prefix") != 0) {
            struct octets list = octets_get(vector, "hex");
            struct bytes configs = octets_view(&list);
            REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry_configs = &configs);
            octets_free(&list);
            found++;
        }
    }
    cr_assert_gt(found, 20);
    json_decref(root);
}

Test(tls13_failures, ech_77_retry_configs_twice_empty_or_longer)
{
    struct bytes empty = BYTES(0, 0);
    struct bytes none = bytes_of(NULL, 0);
    struct bytes other = BYTES(0, 4, 0xfe, 0x0c, 0, 0);
    struct bytes longer = BYTES(0, 4, 0xfe, 0x0c, 0, 0, 0);
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry_configs = &empty);
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry_configs = &none);
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .retry_configs = &longer);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .retry_configs = &other,
            .extensions_more = BYTES(0xfe, 0x0d, 0, 6, 0, 4, 0xfe, 0x0c, 0, 0));
}

Test(tls13_failures, encrypted_extensions_that_nobody_asked_for)
{
    REFUSES(hello_openssl, ECH_ALERT_UNSUPPORTED_EXTENSION,
            .extensions_more = BYTES(0xab, 0xcd, 0, 0));
    REFUSES(hello_openssl, ECH_ALERT_UNSUPPORTED_EXTENSION, .extensions_more = BYTES(0, 42, 0, 0));
    REFUSES(hello_openssl_early, ECH_ALERT_ILLEGAL_PARAMETER,
            .extensions_more = BYTES(0, 42, 0, 0));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER,
            .extensions_more = BYTES(0, 51, 0, 2, 0, 23));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER,
            .extensions_more = BYTES(0, 0, 0, 0, 0, 0, 0, 0));
}

Test(tls13_failures, encrypted_extensions_with_wrong_contents)
{
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .extensions_more = BYTES(0, 0, 0, 1, 0));
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR,
            .extensions_more = BYTES(0, 16, 0, 8, 0, 6, 2, 'h', '2', 2, 'h', '2'));
    REFUSES(hello_openssl, ECH_ALERT_DECODE_ERROR, .extensions_more = BYTES(0, 16, 0, 3, 0, 1, 0));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER,
            .extensions_more = BYTES(0, 16, 0, 5, 0, 3, 2, 'h', '9'));
    fault(TLS13_EXTENSIONS, TLS13_BODY, BYTES(0), ECH_ALERT_DECODE_ERROR);
    fault(TLS13_EXTENSIONS, TLS13_BODY, BYTES(0, 3, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS13_EXTENSIONS, TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
}

/* ---- order ---- */

Test(tls13_failures, messages_left_out_or_said_twice)
{
    static const enum tls13_step needed[] = {TLS13_EXTENSIONS, TLS13_CERTIFICATE, TLS13_VERIFY};
    for (size_t i = 0; i < 3; i++) {
        fault(needed[i], TLS13_SKIP, nothing, ECH_ALERT_UNEXPECTED_MESSAGE);
        fault(needed[i], TLS13_TWICE, nothing, ECH_ALERT_UNEXPECTED_MESSAGE);
        fault(needed[i], TLS13_TYPE, BYTES(4), ECH_ALERT_UNEXPECTED_MESSAGE);
    }
    fault(TLS13_REQUEST, TLS13_TWICE, nothing, ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_FINISHED, TLS13_TYPE, BYTES(24), ECH_ALERT_UNEXPECTED_MESSAGE);
}

Test(tls13_failures, ech_76_server_that_leaves_before_finished)
{
    struct outer_rig rig;
    const struct tls13_options options = {.step = TLS13_FINISHED, .fault = TLS13_SKIP};
    outer_rig_init(&rig, hello_openssl);
    outer_rig_start(&rig, &options);
    outer_rig_run(&rig);
    cr_assert_eq(outer_rig_facts(&rig).verdict, ECH_OUTER_PENDING);
    cr_assert_eq(ech_outer_net_wanted(rig.client), 5);
    cr_assert_eq(ech_outer_closed(rig.client), ECH_OUTER_FAILED);
    cr_assert_eq(outer_rig_facts(&rig).failure, ECH_OUTER_FAILURE_CLOSED);
    cr_assert_eq(ech_outer_to_net(rig.client).len, 0);
    outer_rig_free(&rig);
}

/* ---- CertificateRequest and Certificate ---- */

Test(tls13_failures, ech_80_certificate_request)
{
    fault(TLS13_REQUEST, TLS13_BODY, BYTES(1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3),
          ECH_ALERT_ILLEGAL_PARAMETER);
    fault(TLS13_REQUEST, TLS13_BODY, BYTES(0, 0, 0), ECH_ALERT_MISSING_EXTENSION);
    fault(TLS13_REQUEST, TLS13_BODY, BYTES(0, 0, 7, 0, 13, 0, 3, 0, 1, 4), ECH_ALERT_DECODE_ERROR);
    fault(TLS13_REQUEST, TLS13_BODY, BYTES(0, 0), ECH_ALERT_DECODE_ERROR);
}

Test(tls13_failures, certificate_form)
{
    uint8_t many[4 + 17 * 6] = {0, 0, 0, 17 * 6};
    for (size_t i = 0; i < 17; i++) {
        memcpy(many + 4 + 6 * i, "\0\0\1x\0\0", 6);
    }
    fault(TLS13_CERTIFICATE, TLS13_BODY, bytes_of(many, sizeof many), ECH_ALERT_BAD_CERTIFICATE);
    fault(TLS13_CERTIFICATE, TLS13_BODY, BYTES(0, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS13_CERTIFICATE, TLS13_BODY, BYTES(0, 0, 0, 5, 0, 0, 0, 0, 0), ECH_ALERT_DECODE_ERROR);
    fault(TLS13_CERTIFICATE, TLS13_BODY, BYTES(1, 9, 0, 0, 6, 0, 0, 1, 'x', 0, 0),
          ECH_ALERT_ILLEGAL_PARAMETER);
    fault(TLS13_CERTIFICATE, TLS13_TRUNCATE, nothing, ECH_ALERT_DECODE_ERROR);
    fault(TLS13_CERTIFICATE, TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
    REFUSES(hello_openssl, ECH_ALERT_UNSUPPORTED_EXTENSION,
            .entry_extensions = BYTES(0xab, 0xcd, 0, 0));
    /* OpenSSL's hello does not ask for an OCSP answer. */
    REFUSES(hello_openssl, ECH_ALERT_UNSUPPORTED_EXTENSION,
            .entry_extensions = BYTES(0, 5, 0, 5, 1, 0, 0, 1, 0));
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER,
            .entry_extensions = BYTES(0, 16, 0, 5, 0, 3, 2, 'h', '2'));
}

Test(tls13_failures, a_chain_of_more_than_100_kib)
{
    struct octets large = octets_new(101 * 1024);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .certificates[0] = octets_view(&large));
    octets_free(&large);
    struct octets near = octets_new(99 * 1024);
    const struct tls13_options options = {
        .certificates = {BYTES('l', 'e', 'a', 'f'), octets_view(&near)}};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    octets_free(&near);
}

Test(tls13_failures, ech_72_what_the_verifier_says_is_sent)
{
    static const enum ech_alert alerts[] = {
        ECH_ALERT_BAD_CERTIFICATE,     ECH_ALERT_UNSUPPORTED_CERTIFICATE,
        ECH_ALERT_CERTIFICATE_EXPIRED, ECH_ALERT_CERTIFICATE_UNKNOWN,
        ECH_ALERT_UNKNOWN_CA,          ECH_ALERT_CERTIFICATE_REVOKED};
    struct bytes configs = BYTES(0, 4, 0xfe, 0x0c, 0, 0);
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        struct outer_rig rig;
        const struct tls13_options options = {.retry_configs = i % 2 == 0 ? &configs : NULL};
        outer_rig_init(&rig, hello_openssl);
        rig.chain_alert = alerts[i];
        outer_rig_start(&rig, &options);
        outer_rig_run(&rig);
        cr_assert_eq(outer_rig_facts(&rig).verdict, ECH_OUTER_FAILED);
        cr_assert_eq(outer_rig_facts(&rig).failure, ECH_OUTER_FAILURE_CERTIFICATE);
        cr_assert_eq(rig.server.seen.handshake_alert, (int)alerts[i]);
        cr_assert_eq(outer_rig_facts(&rig).retry_configs.len, 0);
        outer_rig_free(&rig);
    }
}

/* ---- CertificateVerify and Finished ---- */

Test(tls13_failures, certificate_verify)
{
    /* Offered for certificates, but not for TLS 1.3 (RFC 8446, 4.2.3); the last one is not offered
     * at all. */
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .scheme = 0x0401);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .scheme = 0x0203);
    REFUSES(hello_openssl, ECH_ALERT_ILLEGAL_PARAMETER, .scheme = 0xabcd);
    fault(TLS13_VERIFY, TLS13_FLIP, nothing, ECH_ALERT_DECRYPT_ERROR);
    fault(TLS13_VERIFY, TLS13_TRUNCATE, nothing, ECH_ALERT_DECODE_ERROR);
    fault(TLS13_VERIFY, TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
}

Test(tls13_failures, schemes_that_were_not_offered)
{
    struct octets hello =
        hello_with(hello_openssl, ECH_EXT_SIGNATURE_ALGORITHMS, BYTES(0, 4, 8, 4, 8, 7));
    REFUSES(octets_view(&hello), ECH_ALERT_ILLEGAL_PARAMETER,
            .scheme = ECH_SIGNATURE_ECDSA_SECP256R1_SHA256);
    const struct tls13_options options = {.scheme = ECH_SIGNATURE_ED25519};
    outer_rig_succeeds(octets_view(&hello), &options, ECH_OUTER_DISABLED);
    octets_free(&hello);
}

Test(tls13_failures, finished)
{
    fault(TLS13_FINISHED, TLS13_FLIP, nothing, ECH_ALERT_DECRYPT_ERROR);
    fault(TLS13_FINISHED, TLS13_TRUNCATE, nothing, ECH_ALERT_DECODE_ERROR);
    fault(TLS13_FINISHED, TLS13_LONGER, nothing, ECH_ALERT_DECODE_ERROR);
    fault(TLS13_FINISHED, TLS13_EXCESS, BYTES(4, 0, 0, 0), ECH_ALERT_UNEXPECTED_MESSAGE);
}

/* ---- records ---- */

Test(tls13_failures, ech_108_what_does_not_open_is_bad_record_mac)
{
    static const enum tls13_step steps[] = {TLS13_EXTENSIONS, TLS13_CERTIFICATE, TLS13_VERIFY,
                                            TLS13_FINISHED};
    for (size_t i = 0; i < 4; i++) {
        fault(steps[i], TLS13_BEFORE,
              BYTES(23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                    19, 20),
              ECH_ALERT_BAD_RECORD_MAC);
        fault(steps[i], TLS13_BEFORE, BYTES(23, 3, 3, 0, 0), ECH_ALERT_BAD_RECORD_MAC);
        fault(steps[i], TLS13_BEFORE, BYTES(23, 3, 3, 0, 3, 1, 2, 3), ECH_ALERT_BAD_RECORD_MAC);
    }
}

Test(tls13_failures, protected_records)
{
    fault(TLS13_EXTENSIONS, TLS13_CONTENT, BYTES(23, 'x'), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_EXTENSIONS, TLS13_CONTENT, BYTES(20, 1), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_EXTENSIONS, TLS13_CONTENT, BYTES(22), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_EXTENSIONS, TLS13_CONTENT, BYTES(0), ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_EXTENSIONS, TLS13_CONTENT, BYTES(21, 2), ECH_ALERT_DECODE_ERROR);
    fault(TLS13_EXTENSIONS, TLS13_CONTENT, BYTES(22, 8, 1, 0xff, 0xff),
          ECH_ALERT_ILLEGAL_PARAMETER);
    fault(TLS13_VERIFY, TLS13_BEFORE, BYTES(23, 3, 3, 0x41, 1), ECH_ALERT_RECORD_OVERFLOW);
    fault(TLS13_VERIFY, TLS13_BEFORE, BYTES(22, 3, 3, 0, 4, 15, 0, 0, 0),
          ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_VERIFY, TLS13_BEFORE, BYTES(21, 3, 3, 0, 2, 2, 40), ECH_ALERT_UNEXPECTED_MESSAGE);
}

Test(tls13_failures, change_cipher_spec_in_the_wrong_place)
{
    fault(TLS13_EXTENSIONS, TLS13_BEFORE,
          BYTES(20, 3, 3, 0, 1, 1, 20, 3, 3, 0, 1, 1, 20, 3, 3, 0, 1, 1, 20, 3, 3, 0, 1, 1, 20, 3,
                3, 0, 1, 1),
          ECH_ALERT_UNEXPECTED_MESSAGE);
    /* Between the pieces of a message. */
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(22, 3, 3, 0, 1, 2, 20, 3, 3, 0, 1, 1),
          ECH_ALERT_UNEXPECTED_MESSAGE);
    fault(TLS13_HELLO, TLS13_BEFORE, BYTES(22, 3, 3, 0, 1, 2, 21, 3, 3, 0, 2, 2, 40),
          ECH_ALERT_UNEXPECTED_MESSAGE);
}

Test(tls13_failures, ech_90_alerts_of_the_server)
{
    struct tls13_options options = {
        .step = TLS13_HELLO, .fault = TLS13_BEFORE, .octets = BYTES(21, 3, 3, 0, 2, 2, 40)};
    outer_rig_fails(hello_openssl, &options, ECH_OUTER_FAILURE_ALERT, ECH_ALERT_NONE);
    options = (struct tls13_options){
        .step = TLS13_FINISHED, .fault = TLS13_CONTENT, .octets = BYTES(21, 1, 0)};
    outer_rig_fails(hello_openssl, &options, ECH_OUTER_FAILURE_ALERT, ECH_ALERT_NONE);

    struct outer_rig rig;
    outer_rig_init(&rig, hello_openssl);
    outer_rig_start(&rig, &options);
    outer_rig_run(&rig);
    cr_assert_eq(outer_rig_facts(&rig).server_alert, 0);
    cr_assert_eq(outer_rig_facts(&rig).failure, ECH_OUTER_FAILURE_ALERT);
    outer_rig_free(&rig);
}

Test(tls13_failures, start_that_cannot_be)
{
    struct ech_outer_handshake *handshake;
    struct ech_own_key_shares own = {.count = 0};
    struct octets name = octets_new(256);
    struct ech_outer_start start = {.client_hello_outer = BYTES(1, 0, 0, 0), .own = &own};
    cr_assert_eq(ech_outer_new(&handshake, ECH_TLS13, &start), ECH_ERR_DECODE);
    cr_assert_null(handshake);
    start.client_hello_outer = hello_openssl;
    start.public_name = octets_view(&name);
    cr_assert_eq(ech_outer_new(&handshake, ECH_TLS13, &start), ECH_ERR_SPACE);
    cr_assert_null(handshake);
    ech_outer_free(NULL);
    octets_free(&name);
}
