/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outer handshakes of TLS 1.2 that end well: the server is public_name, and ECH is disabled. */
#include <criterion/criterion.h>

#include "ech/tls12_messages.h"
#include "tests/unit/tls12_rig.h"

static const struct tls12_hello_options usual;
static const uint16_t suites[] = {0xc02b, 0xc02c, 0xcca9, 0xc009, 0xc00a, 0xc023, 0xc024,
                                  0xc02f, 0xc030, 0xcca8, 0xc013, 0xc014, 0xc027, 0xc028};
enum { SUITES = sizeof suites / sizeof suites[0] };

/* An ECDSA scheme or an RSA one, as the suite asks for. */
static uint16_t scheme_for(uint16_t suite)
{
    return ech_tls12_suite_find(suite)->signer == ECH_TLS12_ECDSA ? 0x0403 : 0x0401;
}

Test(tls12_handshake, ech_58_ech_79_ech_86_every_suite)
{
    for (size_t i = 0; i < SUITES; i++) {
        for (int ems = 0; ems < 2; ems++) {
            const struct tls12_options options = {.cipher_suite = suites[i],
                                                  .scheme = scheme_for(suites[i]),
                                                  .extended_master_secret = ems == 1};
            tls12_rig_succeeds(&usual, &options);
        }
    }
}

Test(tls12_handshake, encrypt_then_mac)
{
    for (size_t i = 0; i < SUITES; i++) {
        const struct tls12_options options = {.cipher_suite = suites[i],
                                              .scheme = scheme_for(suites[i]),
                                              .extended_master_secret = true,
                                              .encrypt_then_mac = true};
        if (ech_tls12_suite_find(suites[i])->aead_id == 0) {
            tls12_rig_succeeds(&usual, &options);
        }
    }
}

Test(tls12_handshake, every_group)
{
    static const uint16_t groups[] = {ECH_GROUP_X25519, ECH_GROUP_P256, ECH_GROUP_P384,
                                      ECH_GROUP_P521, ECH_GROUP_X448};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        const struct tls12_options options = {.group = groups[i]};
        tls12_rig_succeeds(&usual, &options);
    }
}

Test(tls12_handshake, every_scheme)
{
    static const uint16_t ecdsa[] = {0x0403, 0x0503, 0x0603, 0x0807, 0x0808};
    static const uint16_t rsa[] = {0x0401, 0x0501, 0x0601, 0x0804, 0x0805,
                                   0x0806, 0x0809, 0x080a, 0x080b};
    for (size_t i = 0; i < sizeof ecdsa / sizeof ecdsa[0]; i++) {
        tls12_rig_succeeds(&usual, &(const struct tls12_options){.scheme = ecdsa[i]});
    }
    for (size_t i = 0; i < sizeof rsa / sizeof rsa[0]; i++) {
        tls12_rig_succeeds(&usual,
                           &(const struct tls12_options){.cipher_suite = 0xc02f, .scheme = rsa[i]});
    }
}

Test(tls12_handshake, ech_80_ech_82_messages_that_some_servers_send)
{
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.ticket = true});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.status = true});
    tls12_rig_succeeds(&usual,
                       &(const struct tls12_options){.status = true, .no_status_message = true});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.request_certificate = true});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.ticket = true,
                                                             .status = true,
                                                             .request_certificate = true,
                                                             .extended_master_secret = true,
                                                             .one_record = true});
}

Test(tls12_handshake, forms_of_the_first_flight)
{
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.one_record = true});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.fragment = 1});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.fragment = 5, .one_record = true});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.no_extensions = true});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.echo = BYTES(1, 2, 3)});
}

Test(tls12_handshake, extensions_of_server_hello)
{
    const struct bytes good[] = {
        BYTES(0xff, 1, 0, 1, 0),               /* renegotiation_info */
        BYTES(0, 0, 0, 0),                     /* server_name */
        BYTES(0, 16, 0, 5, 0, 3, 2, 'h', '2'), /* ALPN */
        BYTES(0, 11, 0, 2, 1, 0),              /* ec_point_formats */
        BYTES(0, 11, 0, 4, 3, 1, 2, 0),        /* the same, uncompressed last */
        BYTES(0, 28, 0, 2, 0, 64),             /* record_size_limit */
        BYTES(0, 10, 0, 4, 0, 2, 0, 29),       /* supported_groups, of some servers */
        BYTES(0, 18, 0, 4, 0, 2, 0, 0),        /* SCTs */
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        tls12_rig_succeeds(&usual, &(const struct tls12_options){.hello_more = good[i]});
    }
    /* RFC 5746, 3.3: the signal among the suites asks for it too. */
    tls12_rig_succeeds(&(const struct tls12_hello_options){.no_renegotiation_info = true},
                       &(const struct tls12_options){.hello_more = good[0]});
    tls12_rig_succeeds(&(const struct tls12_hello_options){.max_fragment_length = true},
                       &(const struct tls12_options){.hello_more = BYTES(0, 1, 0, 1, 1)});
}

/* RFC 6066, 3: a server may warn that it does not know the name, and go on. */
Test(tls12_handshake, warnings_are_ignored)
{
    static const uint8_t warning[] = {21, 3, 3, 0, 2, 1, 112};
    tls12_rig_succeeds(&usual,
                       &(const struct tls12_options){.step = TLS12_HELLO,
                                                     .fault = TLS13_BEFORE,
                                                     .octets = bytes_of(warning, sizeof warning)});
    tls12_rig_succeeds(&usual, &(const struct tls12_options){.step = TLS12_FINISHED,
                                                             .fault = TLS13_CONTENT,
                                                             .octets = BYTES(21, 1, 90)});
}

Test(tls12_handshake, ech_72_the_chain_is_judged_for_public_name)
{
    struct tls12_rig rig;
    const struct tls12_options options = {
        .certificates = {bytes_of("leaf", 4), bytes_of("middle", 6), bytes_of("root", 4)}};
    tls12_rig_init(&rig, &usual);
    tls12_rig_start(&rig, &options);
    tls12_rig_run(&rig);
    cr_assert_eq(rig.chain_length, 3);
    tls12_rig_free(&rig);
}

Test(tls12_handshake, nothing_is_taken_after_the_verdict)
{
    struct tls12_rig rig;
    struct ech_outer_facts facts;
    tls12_rig_init(&rig, &usual);
    tls12_rig_start(&rig, &(const struct tls12_options){.step = TLS12_HELLO});
    tls12_rig_run(&rig);
    cr_assert_eq(ech_outer_from_net(rig.client, BYTES(21, 3, 3, 0, 2, 2, 40)), ECH_OUTER_DISABLED);
    cr_assert_eq(ech_outer_closed(rig.client), ECH_OUTER_DISABLED);
    cr_assert_eq(ech_outer_net_wanted(rig.client), 0);
    cr_assert_eq(ech_outer_to_net(rig.client).len, 0);
    ech_outer_get_facts(rig.client, &facts);
    cr_assert_eq(facts.alert, ECH_ALERT_ECH_REQUIRED);
    tls12_rig_free(&rig);
}
