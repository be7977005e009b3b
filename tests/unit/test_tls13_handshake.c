/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outer handshakes that succeed. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/hellos.h"
#include "tests/unit/outer_rig.h"

static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0x1304, 0x1305};

static struct octets good_list(void)
{
    struct test_server ech;
    test_server_init(&ech, 0);
    struct octets list = octets_copy(octets_view(&ech.list));
    test_server_free(&ech);
    return list;
}

Test(tls13_handshake, ech_83_authenticated_retry_configs)
{
    struct octets list = good_list();
    struct bytes configs = octets_view(&list);
    const struct tls13_options options = {.retry_configs = &configs};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_RETRY_CONFIGS);
    outer_rig_succeeds(hello_gnutls, &options, ECH_OUTER_RETRY_CONFIGS);
    outer_rig_succeeds(hello_openssl_psk, &options, ECH_OUTER_RETRY_CONFIGS);
    outer_rig_succeeds(hello_openssl_early, &options, ECH_OUTER_RETRY_CONFIGS);
    outer_rig_succeeds(hello_openssl_ip, &options, ECH_OUTER_RETRY_CONFIGS);
    octets_free(&list);
}

Test(tls13_handshake, ech_86_authenticated_without_retry_configs)
{
    const struct tls13_options options = {.padding = 0};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    outer_rig_succeeds(hello_gnutls, &options, ECH_OUTER_DISABLED);
}

Test(tls13_handshake, ech_86_no_config_of_a_known_version)
{
    struct bytes configs = BYTES(0, 7, 0xfe, 0x0c, 0, 3, 1, 2, 3);
    const struct tls13_options options = {.retry_configs = &configs};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
}

Test(tls13_handshake, ech_95_configs_of_a_known_version_count_though_unusable)
{
    json_t *root = vectors_load("echconfig");
    json_t *vector = vectors_find(vectors_get(root, "lists"), "none-usable");
    struct octets list = octets_get(vector, "hex");
    struct bytes configs = octets_view(&list);
    const struct tls13_options options = {.retry_configs = &configs};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_RETRY_CONFIGS);
    octets_free(&list);
    json_decref(root);
}

Test(tls13_handshake, every_suite_with_and_without_retry)
{
    struct octets inner = hello_with_suites(hello_openssl, suites, 5);
    for (size_t i = 0; i < 5; i++) {
        for (int retry = 0; retry < 2; retry++) {
            const struct tls13_options options = {
                .cipher_suite = suites[i], .retry = retry == 1, .change_cipher_specs = true};
            outer_rig_succeeds(octets_view(&inner), &options, ECH_OUTER_DISABLED);
        }
    }
    octets_free(&inner);
}

Test(tls13_handshake, every_group_by_retry)
{
    static const uint16_t groups[] = {ECH_GROUP_P256, ECH_GROUP_P384, ECH_GROUP_P521,
                                      ECH_GROUP_X448};
    for (size_t i = 0; i < 4; i++) {
        const struct tls13_options options = {.retry = true, .retry_group = groups[i]};
        outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    }
}

Test(tls13_handshake, records_in_every_shape)
{
    struct tls13_options options = {.padding = 100, .one_record = true};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    options = (struct tls13_options){.fragment = 1, .request_certificate = true};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    options = (struct tls13_options){.fragment = 9, .one_record = true, .padding = 1};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
}

Test(tls13_handshake, what_a_server_may_say_besides)
{
    const struct tls13_options options = {
        /* server_name, ALPN h2, supported_groups */
        .extensions_more =
            BYTES(0, 0, 0, 0, 0, 16, 0, 5, 0, 3, 2, 'h', '2', 0, 10, 0, 4, 0, 2, 0, 29),
    };
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    /* An OCSP answer: GnuTLS's hello asks for it. */
    const struct tls13_options stapled = {.entry_extensions = BYTES(0, 5, 0, 5, 1, 0, 0, 1, 0)};
    outer_rig_succeeds(hello_gnutls, &stapled, ECH_OUTER_DISABLED);
}

Test(tls13_handshake, ech_79_ech_required_is_the_last_word)
{
    struct outer_rig rig;
    const struct tls13_options options = {.change_cipher_specs = true};
    outer_rig_init(&rig, hello_openssl);
    outer_rig_start(&rig, &options);
    outer_rig_run(&rig);
    /* The server checks the order: change_cipher_spec, Finished, then the alert under application
     * keys. */
    cr_assert_eq(rig.server.seen.change_cipher_specs, 1);
    cr_assert_eq(rig.server.seen.application_alert, 121);
    cr_assert_eq(rig.server.seen.handshake_alert, -1);
    cr_assert_eq(rig.server.seen.plain_alert, -1);
    cr_assert_eq(outer_rig_facts(&rig).alert, ECH_ALERT_ECH_REQUIRED);
    outer_rig_free(&rig);
}

Test(tls13_handshake, ech_80_empty_certificate)
{
    const struct tls13_options options = {.request_certificate = true, .one_record = true};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
    outer_rig_succeeds(hello_gnutls, &options, ECH_OUTER_DISABLED);
}

Test(tls13_handshake, ech_82_tickets_are_not_read)
{
    struct outer_rig rig;
    const struct tls13_options options = {.padding = 0};
    outer_rig_init(&rig, hello_openssl);
    outer_rig_start(&rig, &options);
    /* NewSessionTicket and other late messages, also in the same read as Finished. */
    tls13_server_send(&rig.server, ECH_RECORD_HANDSHAKE,
                      BYTES(4, 0, 0, 13, 0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 1, 't', 0));
    wr_bytes(&rig.server.out, BYTES(23, 3, 3, 0, 2, 0, 0));
    outer_rig_run(&rig);
    cr_assert_eq(outer_rig_facts(&rig).verdict, ECH_OUTER_DISABLED);
    cr_assert_eq(rig.server.seen.application_alert, 121);
    cr_assert_eq(ech_outer_to_net(rig.client).len, 0);
    outer_rig_free(&rig);
}

Test(tls13_handshake, middlebox_compatibility_as_the_session_id_says)
{
    struct octets without = hello_with_suites(hello_openssl, suites, 5);
    /* RFC 8446, D.4: with early data change_cipher_spec went out after the first hello. */
    for (int sent = 0; sent < 2; sent++) {
        struct outer_rig rig;
        const struct tls13_options options = {.retry = true};
        outer_rig_init(&rig, octets_view(&without));
        rig.change_cipher_spec_sent = sent == 1;
        outer_rig_start(&rig, &options);
        outer_rig_run(&rig);
        cr_assert_eq(rig.server.seen.change_cipher_specs, sent == 1 ? 0 : 1);
        outer_rig_free(&rig);
    }
    octets_free(&without);
}

/* ---- the second ClientHelloOuter (RFC 8446, 4.1.2) ---- */

static const struct ech_extension *find(const struct ech_client_hello *hello, uint16_t type)
{
    return ech_client_hello_find(hello, type);
}

static void check_second(struct bytes inner, const struct tls13_options *options)
{
    struct outer_rig rig;
    struct ech_client_hello first;
    struct ech_client_hello second;
    outer_rig_init(&rig, inner);
    outer_rig_start(&rig, options);
    outer_rig_run(&rig);
    cr_assert_eq(outer_rig_facts(&rig).verdict, ECH_OUTER_DISABLED);
    cr_assert_eq(ech_client_hello_parse(octets_view(&rig.server.first_hello), &first), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(octets_view(&rig.server.second_hello), &second), ECH_OK);
    assert_octets(second.random, first.random, "random");
    assert_octets(second.legacy_session_id, first.legacy_session_id, "session id");
    assert_octets(second.cipher_suites, first.cipher_suites, "cipher suites");
    cr_assert_null(find(&second, ECH_EXT_EARLY_DATA));
    size_t dropped = find(&first, ECH_EXT_EARLY_DATA) != NULL ? 1 : 0;
    size_t added = options->cookie.data != NULL ? 1 : 0;
    cr_assert_eq(second.extension_count, first.extension_count + added - dropped);
    for (size_t i = 0; i < first.extension_count; i++) {
        const struct ech_extension *a = &first.extensions[i];
        const struct ech_extension *b = find(&second, a->type);
        bool changes = a->type == ECH_EXT_KEY_SHARE && !options->retry_without_group;
        if (a->type != ECH_EXT_EARLY_DATA && !changes) {
            cr_assert_not_null(b);
            assert_octets(b->raw, a->raw, "extension");
        }
    }
    if (added == 1) {
        assert_octets(find(&second, ECH_EXT_COOKIE)->data, options->cookie, "cookie");
    }
    outer_rig_free(&rig);
}

Test(tls13_handshake, ech_101_second_outer_hello_after_a_rejecting_retry)
{
    struct tls13_options options = {.retry = true, .change_cipher_specs = true};
    check_second(hello_openssl, &options);
    check_second(hello_gnutls_hrr1, &(struct tls13_options){.retry = true, .retry_group = 0x18});
    check_second(hello_openssl_psk, &options);
    check_second(hello_openssl_early, &options);
    options.cookie = BYTES(0, 3, 'a', 'b', 'c');
    check_second(hello_openssl, &options);
    check_second(hello_openssl_psk, &options);
    options.retry_without_group = true;
    check_second(hello_openssl, &options);
}

Test(tls13_handshake, a_rejecting_retry_may_have_the_extension)
{
    /* OpenSSL and NSS put 8 random octets there. */
    const struct tls13_options options = {
        .retry = true, .retry_more = BYTES(0xfe, 0x0d, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)};
    outer_rig_succeeds(hello_openssl, &options, ECH_OUTER_DISABLED);
}
