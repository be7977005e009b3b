/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An exchange whose application seals its hellos to a local config, as a TLS library with an ECH
 * client of its own does. The part of that library is played by our own ClientHelloOuter.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/hellos.h"
#include "tests/unit/local_rig.h"

static const char public_name[] = "public.example";

/* ---- the list ---- */

static void check_list(size_t name_length, uint8_t maximum_name_length)
{
    struct test_source source = {.state = 3};
    const struct ech_random random = test_random(&source);
    struct ech_local_key key;
    struct ech_config_choice choice;
    struct writer list;
    char name[255];
    memset(name, 'a', sizeof name);
    wr_init(&list, 0);
    cr_assert_eq(ech_local_key_generate(&random, &key), ECH_OK);
    cr_assert_eq(
        ech_local_config_list_write(&key, bytes_of(name, name_length), maximum_name_length, &list),
        ECH_OK);
    cr_assert_eq(ech_config_list_check(wr_view(&list)), ECH_OK);
    struct reader configs;
    cr_assert_eq(ech_config_list_begin(wr_view(&list), &configs), ECH_OK);
    cr_assert(ech_config_list_next(&configs, &choice.config) && rd_done(&configs));
    assert_octets(choice.config.public_name, bytes_of(name, name_length), "public_name");
    assert_octets(choice.config.public_key, ech_local_public_key(), "public_key");
    cr_assert_eq(choice.config.maximum_name_length, maximum_name_length);
    cr_assert_eq(choice.config.config_id, key.config_id);
    wr_free(&list);
}

Test(local_config, names_of_every_length)
{
    check_list(1, 0);
    check_list(63, 255);
    check_list(254, 17);
    check_list(255, 128);
}

Test(local_config, each_secret_is_a_new_one)
{
    struct test_source source = {.state = 3};
    const struct ech_random random = test_random(&source);
    struct ech_local_key first;
    struct ech_local_key second;
    cr_assert_eq(ech_local_key_generate(&random, &first), ECH_OK);
    cr_assert_eq(ech_local_key_generate(&random, &second), ECH_OK);
    cr_assert(memcmp(first.secret, second.secret, sizeof first.secret) != 0);
}

static enum ech_status no_octets(void *context, uint8_t *out, size_t len)
{
    (void)context;
    (void)out;
    (void)len;
    return ECH_ERR_CRYPTO;
}

Test(local_config, no_secret_without_randomness)
{
    const struct ech_random broken = {.fill = no_octets};
    struct ech_local_key key;
    cr_assert_eq(ech_local_key_generate(&broken, &key), ECH_ERR_CRYPTO);
}

/* ---- what opens ---- */

static void check_facts(const struct rig *rig, struct bytes hello)
{
    struct ech_exchange_facts facts;
    struct ech_client_hello inner;
    struct bytes name;
    ech_exchange_get_facts(rig->exchange, &facts);
    cr_assert_eq(ech_client_hello_parse(hello, &inner), ECH_OK);
    cr_assert_eq(ech_client_hello_server_name(&inner, &name), ECH_OK);
    assert_octets(bytes_of(facts.inner_random, 32), inner.random, "inner_random");
    assert_octets(ech_exchange_server_name(rig->exchange), name, "server_name");
    cr_assert_eq(facts.hello_bytes_inner, hello.len);
}

static void check_accepted(struct bytes hello, size_t step, enum ech_key_share_rule rule)
{
    struct library library;
    library_init(&library, step, rule);
    library_says(&library, hello, false);
    cr_assert_eq(library.rig->last, ECH_EVENT_NEED_CONFIG, "%s",
                 ech_failure_name(ech_exchange_failure(library.rig->exchange)));
    check_facts(library.rig, hello);
    cr_assert_eq(wr_view(&library.rig->net).len, 0, "something left before the answer");
    rig_offer(library.rig);
    /* What leaves is sealed to the server's config, and holds the same inner hello. */
    rig_open(library.rig, hello);
    struct test_answer answer = rig_answer(library.rig);
    rig_send(library.rig, &answer);
    cr_assert_eq(library.rig->last, ECH_EVENT_ACCEPTED);
    library_free(&library);
}

static void check_every_split(struct bytes hello)
{
    static const size_t steps[] = {0, 1, 3, 64, 200};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        check_accepted(hello, steps[i], ECH_KEY_SHARE_AUTO);
        check_accepted(hello, steps[i], ECH_KEY_SHARE_SHARED);
    }
}

Test(local_config, ech_35_hellos_of_a_library_are_accepted_in_every_split)
{
    check_every_split(hello_openssl);
    check_every_split(hello_openssl_ip);
    check_every_split(hello_openssl_psk);
    check_every_split(hello_openssl_early);
    check_every_split(hello_gnutls);
    check_every_split(hello_pq);
}

/* ALPN of many protocols: the hello takes more than one record. */
Test(local_config, a_hello_of_several_records)
{
    struct writer alpn;
    wr_init(&alpn, 0);
    struct wr_mark list = wr_open(&alpn, 2);
    for (int i = 0; i < 2000; i++) {
        wr_u8(&alpn, 9);
        wr_bytes(&alpn, bytes_of("protocol/", 9));
    }
    wr_close(&alpn, list);
    struct octets hello = hello_with(hello_openssl, ECH_EXT_ALPN, wr_view(&alpn));
    cr_assert_gt(hello.len, ECH_RECORD_PLAINTEXT_MAX);
    check_accepted(octets_view(&hello), 0, ECH_KEY_SHARE_AUTO);
    check_accepted(octets_view(&hello), 1000, ECH_KEY_SHARE_SHARED);
    octets_free(&hello);
    wr_free(&alpn);
}

/* Up to the HelloRetryRequest. */
static void begin_retry(struct library *library, size_t step, enum ech_key_share_rule rule)
{
    library_init(library, step, rule);
    library_says(library, hello_openssl_hrr1, false);
    rig_offer(library->rig);
    rig_open(library->rig, hello_openssl_hrr1);
    ask_again(library->rig);
}

Test(local_config, ech_66_the_second_hello_opens_in_the_same_context)
{
    static const size_t steps[] = {0, 1, 64};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct library library;
        begin_retry(&library, steps[i], ECH_KEY_SHARE_SHARED);
        library_says(&library, hello_openssl_hrr2, true);
        rig_open(library.rig, hello_openssl_hrr2);
        struct test_answer answer = rig_answer(library.rig);
        rig_send(library.rig, &answer);
        cr_assert_eq(library.rig->last, ECH_EVENT_ACCEPTED);
        library_free(&library);
    }
}

/* ---- what does not open: nothing of it leaves ---- */

static void check_refused(struct library *library, struct bytes hello)
{
    rig_app_hello(library->rig, hello, 0x0301);
    rig_failed(library->rig, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&library->rig->net).len, 0);
    library_free(library);
}

/* A changed first hello: fails, or (in the octets that only describe its length) is never whole. */
Test(local_config, ech_54_a_changed_hello_does_not_open)
{
    struct library library;
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    struct octets outer = library_hello(&library, hello_openssl, false);
    library_free(&library);
    for (size_t i = 4; i < outer.len; i++) {
        /* The same randomness, so the same key and the same hello. */
        library_init(&library, 0, ECH_KEY_SHARE_AUTO);
        outer.data[i] ^= 0x10;
        check_refused(&library, octets_view(&outer));
        outer.data[i] ^= 0x10;
    }
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    rig_app_hello(library.rig, octets_view(&outer), 0x0301);
    cr_assert_eq(library.rig->last, ECH_EVENT_NEED_CONFIG);
    library_free(&library);
    octets_free(&outer);
}

Test(local_config, a_changed_second_hello_does_not_open)
{
    for (size_t i = 60; i < hello_openssl_hrr2.len; i += 7) {
        struct library library;
        begin_retry(&library, 0, ECH_KEY_SHARE_SHARED);
        struct octets outer = library_hello(&library, hello_openssl_hrr2, true);
        outer.data[i] ^= 0x10;
        rig_app_hello(library.rig, octets_view(&outer), 0x0303);
        rig_failed(library.rig, ECH_FAILURE_INNER, ECH_ALERT_INTERNAL_ERROR);
        octets_free(&outer);
        library_free(&library);
    }
}

/* A second hello with a context of its own breaks RFC 9849, 6.1.5. */
Test(local_config, ech_66_a_second_hello_with_enc_does_not_open)
{
    struct library library;
    begin_retry(&library, 0, ECH_KEY_SHARE_SHARED);
    struct ech_offer again;
    struct ech_offer kept = library.offer;
    ech_offer_init(&again);
    library.offer = again;
    library_says(&library, hello_openssl_hrr2, false);
    rig_failed(library.rig, ECH_FAILURE_INNER, ECH_ALERT_INTERNAL_ERROR);
    ech_offer_wipe(&kept);
    library_free(&library);
}

Test(local_config, hellos_that_are_not_sealed_to_it)
{
    static const struct {
        const char *what;
        const struct bytes *hello;
    } rows[] = {{"an inner hello in the clear", &hello_openssl},
                {"another", &hello_gnutls},
                {"without server_name", &hello_openssl_ip},
                {"a large one", &hello_pq}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct library library;
        library_init(&library, 0, ECH_KEY_SHARE_AUTO);
        check_refused(&library, *rows[i].hello);
    }
    struct library library;
    struct octets plain = hello_without(hello_openssl, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    check_refused(&library, octets_view(&plain));
    octets_free(&plain);
}

/* The server's own config, not ours. */
Test(local_config, a_hello_for_another_key_does_not_open)
{
    struct library library;
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    cr_assert_eq(
        ech_config_list_select(octets_view(&library.rig->server.list), NULL, &library.choice),
        ECH_OK);
    struct octets outer = library_hello(&library, hello_openssl, false);
    check_refused(&library, octets_view(&outer));
    octets_free(&outer);
    /* The same with our config_id and, as always, with our public key: every bit of the secret
     * counts. */
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    struct ech_local_key other = library.key;
    struct writer list;
    wr_init(&list, 0);
    other.secret[ECH_LOCAL_SECRET_SIZE - 1] ^= 1;
    cr_assert_eq(
        ech_local_config_list_write(&other, bytes_of(public_name, strlen(public_name)), 17, &list),
        ECH_OK);
    cr_assert_eq(ech_config_list_select(wr_view(&list), NULL, &library.choice), ECH_OK);
    outer = library_hello(&library, hello_openssl, false);
    check_refused(&library, octets_view(&outer));
    octets_free(&outer);
    wr_free(&list);
}

Test(local_config, a_hello_cut_at_every_octet)
{
    struct library library;
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    struct octets outer = library_hello(&library, hello_openssl, false);
    library_free(&library);
    for (size_t len = 5; len < outer.len; len++) {
        struct octets cut = octets_copy(bytes_of(outer.data, len));
        size_t body = len - 4;
        cut.data[1] = 0;
        cut.data[2] = (uint8_t)(body >> 8);
        cut.data[3] = (uint8_t)(body & 0xff);
        library_init(&library, 0, ECH_KEY_SHARE_AUTO);
        check_refused(&library, octets_view(&cut));
        octets_free(&cut);
    }
    octets_free(&outer);
}

Test(local_config, without_a_list_no_hello_passes)
{
    struct rig *rig = rig_new(0);
    const struct ech_local_key key = {.config_id = 1};
    struct bytes list;
    cr_assert_eq(ech_exchange_use_local_config(rig->exchange, &key, bytes_of(NULL, 0), 0, &list),
                 ECH_ERR_SPACE);
    cr_assert_eq(list.len, 0);
    rig_app_hello(rig, hello_openssl, 0x0301);
    rig_failed(rig, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    rig_free(rig);
}

Test(local_config, a_refused_hello_does_not_leave)
{
    struct library library;
    library_init(&library, 0, ECH_KEY_SHARE_AUTO);
    library_says(&library, hello_openssl, false);
    cr_assert_eq(library.rig->last, ECH_EVENT_NEED_CONFIG);
    library.rig->last = ech_exchange_refuse(library.rig->exchange);
    rig_drain(library.rig);
    rig_failed(library.rig, ECH_FAILURE_REFUSED, ECH_ALERT_NONE);
    cr_assert_eq(wr_view(&library.rig->net).len, 0);
    library_free(&library);
}
