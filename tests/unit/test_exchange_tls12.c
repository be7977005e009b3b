/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that answers an exchange's ClientHelloOuter with TLS 1.2. */
#include <criterion/criterion.h>

#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"
#include "tests/unit/tls12_server.h"

static const uint8_t suites[] = {0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xc0, 0x2f, 0, 0x2f};
static const uint8_t versions[] = {3, 4, 3, 3};

static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    const enum ech_alert *alert = context;
    assert_octets(public_name, bytes_of("public.example", 14), "public_name");
    assert_octets(certificates[0], bytes_of("leaf", 4), "leaf");
    cr_assert_eq(count, 1);
    return *alert;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    struct octets expected = tls13_test_sign(NULL, scheme, content);
    bool good = version == ECH_TLS12 && bytes_equal(signature, octets_view(&expected));
    (void)context;
    (void)certificate;
    octets_free(&expected);
    return good ? ECH_ALERT_NONE : ECH_ALERT_DECRYPT_ERROR;
}

struct both {
    struct rig *rig;
    struct tls12_server server;
    struct test_source source;
    enum ech_alert chain_alert;
    size_t net_seen;
};

static void begin(struct both *both, size_t step, enum ech_key_share_rule rule, bool ordinary,
                  const struct tls12_options *options)
{
    *both = (struct both){.source.state = 5};
    const struct ech_exchange_options with = {
        .sizes = OPENSSL_SIZES,
        .key_share_rule = rule,
        .ordinary = {.cipher_suites = bytes_of(suites, ordinary ? sizeof suites : 0),
                     .supported_versions = bytes_of(versions, ordinary ? sizeof versions : 0)},
        .verifier = {verify_chain, verify_signature, &both->chain_alert},
    };
    both->rig = rig_new_with(step, &with, 0);
    tls12_server_init(&both->server, options, test_random(&both->source));
    rig_begin(both->rig, hello_openssl);
}

static void end(struct both *both)
{
    rig_free(both->rig);
    tls12_server_free(&both->server);
}

/* Carries octets until neither side has any. */
static void run(struct both *both)
{
    bool moved;
    do {
        struct bytes sent = wr_view(&both->rig->net);
        struct reader r = rd_of(sent);
        struct bytes seen;
        cr_assert(rd_bytes(&r, both->net_seen, &seen));
        both->net_seen = sent.len;
        tls12_server_take(&both->server, rd_rest(&r));
        struct octets answer = octets_copy(wr_view(&both->server.out));
        wr_free(&both->server.out);
        moved = r.len > 0 || answer.len > 0;
        rig_from_net(both->rig, octets_view(&answer));
        octets_free(&answer);
    } while (moved);
}

static const struct tls12_options good = {.extended_master_secret = true, .ticket = true};
static const size_t steps[] = {0, 1, 7};

Test(exchange_tls12, ech_58_ech_86_the_server_is_authenticated_on_the_same_connection)
{
    static const enum ech_key_share_rule rules[] = {ECH_KEY_SHARE_OWN, ECH_KEY_SHARE_SHARED};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct both both;
            struct ech_rejection rejection;
            begin(&both, steps[i], rules[j], true, &good);
            run(&both);
            cr_assert_eq(both.rig->last, ECH_EVENT_REJECTED, "%s",
                         ech_failure_name(ech_exchange_failure(both.rig->exchange)));
            ech_exchange_rejection(both.rig->exchange, &rejection);
            cr_assert(rejection.disabled && rejection.tls12 && !rejection.probe);
            cr_assert_eq(rejection.retry_configs.len, 0);
            cr_assert_eq(both.server.seen.protected_alert, ECH_ALERT_ECH_REQUIRED); /* ECH-79 */
            cr_assert_eq(both.rig->app.len, 0, "the application has seen something");
            cr_assert_eq(ech_exchange_give_up(both.rig->exchange), ECH_EVENT_FAILED);
            rig_drain(both.rig);
            assert_octets(wr_view(&both.rig->app), BYTES(21, 3, 3, 0, 2, 2, 121), "our alert");
            end(&both);
        }
    }
}

static void check_failure(const struct tls12_options *options, bool ordinary,
                          enum ech_alert chain_alert, enum ech_failure failure,
                          enum ech_alert alert)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct both both;
        struct ech_exchange_facts facts;
        begin(&both, steps[i], ECH_KEY_SHARE_AUTO, ordinary, options);
        both.chain_alert = chain_alert;
        run(&both);
        cr_assert_eq(both.rig->last, ECH_EVENT_FAILED);
        cr_assert_eq(ech_exchange_failure(both.rig->exchange), failure, "%s",
                     ech_failure_name(ech_exchange_failure(both.rig->exchange)));
        ech_exchange_get_facts(both.rig->exchange, &facts);
        cr_assert_eq(facts.state, ECH_STATE_REJECTED);
        cr_assert_eq(both.server.seen.plain_alert, (int)alert);
        assert_octets(wr_view(&both.rig->app), BYTES(21, 3, 3, 0, 2, 2, 121), "our alert");
        end(&both);
    }
}

Test(exchange_tls12, ech_72_ech_76_who_proves_nothing)
{
    check_failure(&good, true, ECH_ALERT_UNKNOWN_CA, ECH_FAILURE_OUTER_CERTIFICATE,
                  ECH_ALERT_UNKNOWN_CA);
    check_failure(&(const struct tls12_options){.other_random = true}, true, ECH_ALERT_NONE,
                  ECH_FAILURE_OUTER_PROTOCOL, ECH_ALERT_DECRYPT_ERROR);
    check_failure(&(const struct tls12_options){.cipher_suite = 0x002f}, true, ECH_ALERT_NONE,
                  ECH_FAILURE_OUTER_SUITE, ECH_ALERT_HANDSHAKE_FAILURE);
    check_failure(&(const struct tls12_options){.version = 0x0302}, true, ECH_ALERT_NONE,
                  ECH_FAILURE_TLS12, ECH_ALERT_PROTOCOL_VERSION);
    /* The outer hello of a program that offers TLS 1.3 alone. */
    check_failure(&good, false, ECH_ALERT_NONE, ECH_FAILURE_TLS12, ECH_ALERT_PROTOCOL_VERSION);
}

static const uint8_t unrecognized_name[] = {1, 112};

/* RFC 6066, 3: as s_server and others do. */
Test(exchange_tls12, ech_86_a_warning_before_server_hello)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct both both;
        begin(&both, steps[i], ECH_KEY_SHARE_AUTO, true, &good);
        rig_net_record(both.rig, ECH_RECORD_ALERT, bytes_of(unrecognized_name, 2));
        run(&both);
        cr_assert_eq(both.rig->last, ECH_EVENT_REJECTED);
        cr_assert_eq(both.rig->app.len, 0);
        cr_assert_eq(both.server.seen.protected_alert, ECH_ALERT_ECH_REQUIRED);
        end(&both);
    }
}

/* The application reads it, and ours after it. */
static void check_warned(struct both *both)
{
    cr_assert_eq(both->rig->last, ECH_EVENT_FAILED);
    cr_assert_eq(ech_exchange_failure(both->rig->exchange), ECH_FAILURE_ALERT);
    assert_octets(wr_view(&both->rig->app), BYTES(21, 3, 3, 0, 2, 1, 112, 21, 3, 3, 0, 2, 2, 121),
                  "alerts");
    end(both);
}

/* TLS 1.3 has no such warning, and more than one is none either. */
Test(exchange_tls12, a_warning_and_no_tls_12)
{
    struct both both;
    for (int i = 0; i < 2; i++) {
        begin(&both, 0, ECH_KEY_SHARE_AUTO, true, &good);
        rig_net_record(both.rig, ECH_RECORD_ALERT, bytes_of(unrecognized_name, 2));
        struct test_answer answer = {
            .cipher_suite = 0x1301, .version = ECH_TLS13, .no_ech = i == 1};
        rig_send(both.rig, &answer);
        check_warned(&both);
    }
    begin(&both, 0, ECH_KEY_SHARE_AUTO, true, &good);
    rig_net_record(both.rig, ECH_RECORD_ALERT, bytes_of(unrecognized_name, 2));
    cr_assert_eq(both.rig->last, ECH_EVENT_NEED_CONFIG, "it waits for more");
    both.rig->last = ech_exchange_net_closed(both.rig->exchange);
    rig_drain(both.rig);
    check_warned(&both);
    begin(&both, 0, ECH_KEY_SHARE_AUTO, true, &good);
    rig_net_record(both.rig, ECH_RECORD_ALERT, bytes_of(unrecognized_name, 2));
    rig_net_record(both.rig, ECH_RECORD_ALERT, bytes_of(unrecognized_name, 2));
    check_warned(&both);
}

/* It would be a key change in TLS 1.2. */
Test(exchange_tls12, change_cipher_spec_before_server_hello)
{
    struct both both;
    begin(&both, 0, ECH_KEY_SHARE_AUTO, true, &good);
    rig_net_record(both.rig, ECH_RECORD_CHANGE_CIPHER_SPEC, BYTES(1));
    run(&both);
    cr_assert_eq(both.rig->last, ECH_EVENT_FAILED);
    cr_assert_eq(ech_exchange_failure(both.rig->exchange), ECH_FAILURE_UNEXPECTED);
    end(&both);
}

Test(exchange_tls12, the_connection_ends)
{
    struct both both;
    begin(&both, 0, ECH_KEY_SHARE_AUTO, true, &good);
    tls12_server_take(&both.server, wr_view(&both.rig->net));
    rig_from_net(both.rig, wr_view(&both.server.out));
    cr_assert_gt(ech_exchange_net_wanted(both.rig->exchange), 0);
    cr_assert_eq(ech_exchange_net_closed(both.rig->exchange), ECH_EVENT_FAILED);
    cr_assert_eq(ech_exchange_failure(both.rig->exchange), ECH_FAILURE_OUTER_CLOSED);
    end(&both);
}

/* Nothing of the inner hello can reach the network after it. */
Test(exchange_tls12, ech_78_the_application_sends_nothing_meanwhile)
{
    struct both both;
    begin(&both, 0, ECH_KEY_SHARE_AUTO, true, &good);
    tls12_server_take(&both.server, wr_view(&both.rig->net));
    rig_from_net(both.rig, wr_view(&both.server.out));
    rig_app_record(both.rig, ECH_RECORD_APPLICATION_DATA, BYTES('s', 'e', 'c', 'r', 'e', 't'));
    cr_assert_eq(both.rig->last, ECH_EVENT_FAILED);
    end(&both);
}
