/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outer hello after a hello for a local config: what the library made serves again. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/hellos.h"
#include "tests/unit/local_rig.h"
#include "tests/unit/sizes.h"

/* ---- what the library made serves again ---- */

/* Cipher suites and versions that only the library's outer hello has. */
static const uint8_t outer_suites[] = {0x13, 2, 0x13, 3, 0x13, 1, 0xc0, 0x2b, 0xc0, 0x2f};
static const uint8_t outer_versions[] = {3, 4, 3, 3};

static void library_init_ordinary(struct library *library, struct rig *rig,
                                  enum ech_key_share_rule rule)
{
    library_init_with(library, rig, rule);
    library->options.ordinary = (struct ech_ordinary_hello){
        .cipher_suites = bytes_of(outer_suites, sizeof outer_suites),
        .supported_versions = bytes_of(outer_versions, sizeof outer_versions)};
}

/* Does the newest outer hello list what only the library's outer hello lists? */
static bool is_the_librarys(struct library *library)
{
    struct ech_client_hello outer;
    struct octets message = rig_outer(library->rig);
    cr_assert_eq(ech_client_hello_parse(octets_view(&message), &outer), ECH_OK);
    const struct ech_extension *versions =
        ech_client_hello_find(&outer, ECH_EXT_SUPPORTED_VERSIONS);
    bool is = bytes_equal(versions->data, BYTES(4, 3, 4, 3, 3));
    octets_free(&message);
    return is;
}

/* Is the outer hello made in the likeness of the library's? */
static bool resembles(struct bytes hello, enum ech_key_share_rule rule)
{
    struct library library;
    library_init_ordinary(&library, rig_new(0), rule);
    library_says(&library, hello, false);
    rig_offer(library.rig);
    bool is = is_the_librarys(&library);
    library_free(&library);
    return is;
}

Test(local_config, ech_51_the_outer_hello_is_the_librarys)
{
    /* The engine has no key of an ML-KEM share, so it copies key_share. */
    cr_assert(resembles(hello_pq, ECH_KEY_SHARE_SHARED));
    /* With X25519 alone it has a key_share of its own. The rest is the library's all the same, for
     * the ordinary hello of the program has these lists (ECH-105). */
    cr_assert(resembles(hello_openssl, ECH_KEY_SHARE_OWN));
}

static void check_opens(struct bytes hello, enum ech_key_share_rule rule)
{
    struct library library;
    library_init_ordinary(&library, rig_new(0), rule);
    library_says(&library, hello, false);
    rig_offer(library.rig);
    rig_open(library.rig, hello);
    struct test_answer answer = rig_answer(library.rig);
    rig_send(library.rig, &answer);
    cr_assert_eq(library.rig->last, ECH_EVENT_ACCEPTED);
    library_free(&library);
}

Test(local_config, ech_35_what_was_sealed_again_gives_the_same_inner_hello)
{
    check_opens(hello_pq, ECH_KEY_SHARE_SHARED);
}

/* ech_outer_extensions stands only for what both hellos have. */
Test(local_config, ech_35_ech_31_other_lists_outside_give_the_same_inner_hello)
{
    check_opens(hello_openssl, ECH_KEY_SHARE_OWN);
    check_opens(hello_openssl_psk, ECH_KEY_SHARE_SHARED);
}

static size_t payload_of(struct bytes message)
{
    struct ech_client_hello outer;
    struct ech_ech_client_hello ech = {.payload = bytes_of(NULL, 0)};
    cr_assert_eq(ech_client_hello_parse(message, &outer), ECH_OK);
    const struct ech_extension *extension =
        ech_client_hello_find(&outer, ECH_EXT_ENCRYPTED_CLIENT_HELLO);
    cr_assert_eq(ech_ech_client_hello_parse(extension->data, &ech), ECH_OK);
    return ech.payload.len;
}

/* Octets of the payload for a host name of that length. */
static size_t payload_for(size_t name_length, uint8_t maximum_name_length)
{
    const struct ech_exchange_options options = {.sizes = {.copied = {192, 0}},
                                                 .key_share_rule = ECH_KEY_SHARE_SHARED};
    struct library library;
    struct octets hello = hello_named(hello_pq, name_length);
    library_init_ordinary(&library, rig_new_with(0, &options, maximum_name_length),
                          ECH_KEY_SHARE_SHARED);
    library_says(&library, octets_view(&hello), false);
    rig_offer(library.rig);
    struct octets message = rig_outer(library.rig);
    size_t length = payload_of(octets_view(&message));
    octets_free(&message);
    octets_free(&hello);
    library_free(&library);
    return length;
}

/* The second hello after a HelloRetryRequest is the library's too. */
Test(local_config, ech_66_the_second_outer_hello_is_the_librarys)
{
    const struct ech_exchange_options options = {.key_share_rule = ECH_KEY_SHARE_SHARED};
    struct library library;
    library_init_ordinary(&library, rig_new_with(0, &options, 0), ECH_KEY_SHARE_SHARED);
    library_says(&library, hello_openssl_hrr1, false);
    rig_offer(library.rig);
    rig_open(library.rig, hello_openssl_hrr1);
    ask_again(library.rig);
    struct octets outer = library_hello(&library, hello_openssl_hrr2, true);
    rig_app_hello(library.rig, octets_view(&outer), 0x0303);
    cr_assert(is_the_librarys(&library));
    octets_free(&outer);
    library_free(&library);
}

/* ---- when it does not serve ---- */

/* May the engine's outer hello be made of this one, when the inner hello is hello_openssl_psk? */
static bool fits(struct bytes outer)
{
    struct ech_client_hello parsed;
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(outer, &parsed), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(hello_openssl_psk, &inner), ECH_OK);
    return ech_library_hello_fits(&parsed, &inner,
                                  (struct ech_outer_plan){.share = ECH_OUTER_SHARE_SHARED});
}

static bool fits_with(struct bytes outer, uint16_t type, struct bytes data)
{
    struct octets changed =
        data.data != NULL ? hello_with(outer, type, data) : hello_without(outer, type);
    bool fit = fits(octets_view(&changed));
    octets_free(&changed);
    return fit;
}

Test(local_config, ech_46_ech_47_ech_50_ech_51_what_an_outer_hello_must_not_show)
{
    const struct bytes none = {NULL, 0};
    struct library library;
    library_init(&library, 0, ECH_KEY_SHARE_SHARED);
    struct octets made = library_hello(&library, hello_openssl_psk, false);
    struct bytes outer = octets_view(&made);
    cr_assert(fits(outer));
    cr_assert_not(fits(hello_openssl_psk), "name and session of the inner hello");
    cr_assert_not(fits_with(outer, ECH_EXT_SERVER_NAME,
                            hello_extension(hello_openssl_psk, ECH_EXT_SERVER_NAME)));
    cr_assert_not(fits_with(outer, ECH_EXT_SERVER_NAME, none));
    cr_assert_not(fits_with(outer, ECH_EXT_PRE_SHARED_KEY,
                            hello_extension(hello_openssl_psk, ECH_EXT_PRE_SHARED_KEY)));
    cr_assert(fits_with(outer, ECH_EXT_PRE_SHARED_KEY, none), "the engine's GREASE PSK is added");
    cr_assert_not(fits_with(outer, ECH_EXT_SESSION_TICKET, BYTES(1, 2, 3)),
                  "the inner hello has one too");
    cr_assert_not(fits_with(outer, ECH_EXT_EARLY_DATA, bytes_of("", 0)), "ech_50");
    cr_assert_not(
        fits_with(outer, ECH_EXT_KEY_SHARE, hello_extension(hello_openssl, ECH_EXT_KEY_SHARE)),
        "another key share");
    /* What the inner hello lacks, but tells nothing. */
    cr_assert(fits_with(outer, ECH_EXT_RENEGOTIATION_INFO, BYTES(0)));
    /* What the mirror leaves out. */
    cr_assert(fits_with(outer, 0x1234, BYTES(0)));
    cr_assert(fits_with(outer, 21, BYTES(0, 0)));
    cr_assert(fits_with(outer, ECH_EXT_SUPPORTED_VERSIONS, BYTES(4, 3, 4, 3, 3)));
    octets_free(&made);
    library_free(&library);
}

/* The outer hello that the engine makes of this one. */
static struct octets made_of(struct library *library, struct bytes outer)
{
    rig_app_hello(library->rig, outer, 0x0301);
    rig_offer(library->rig);
    return rig_outer(library->rig);
}

/* BoringSSL hides its session completely, and its ordinary hello does not. */
Test(local_config, ech_47_a_session_that_the_library_hides_has_a_grease_psk)
{
    struct library library;
    struct ech_library_hello made;
    struct ech_client_hello inner;
    struct ech_client_hello outer;
    struct writer w;
    library_init(&library, 0, ECH_KEY_SHARE_OWN);
    ech_library_hello_init(&made);
    wr_init(&w, 0);
    struct octets without = hello_without(hello_openssl_psk, ECH_EXT_PRE_SHARED_KEY);
    wr_bytes(&made.outer, octets_view(&without));
    cr_assert_eq(ech_client_hello_parse(hello_openssl_psk, &inner), ECH_OK);
    cr_assert_eq(
        ech_offer_first(&library.offer, &inner, &made, &library.choice, &library.options, &w),
        ECH_OK);
    cr_assert_eq(ech_client_hello_parse(wr_view(&w), &outer), ECH_OK);
    const struct ech_extension *last = &outer.extensions[outer.extension_count - 1];
    const struct ech_extension *psk = ech_client_hello_find(&inner, ECH_EXT_PRE_SHARED_KEY);
    cr_assert_eq(last->type, ECH_EXT_PRE_SHARED_KEY);
    cr_assert_eq(last->data.len, psk->data.len);
    cr_assert_not(bytes_equal(last->data, psk->data));
    cr_assert(library.offer.like_library);
    wr_free(&w);
    ech_library_hello_wipe(&made);
    octets_free(&without);
    library_free(&library);
}

/* NSS: 255 octets, where RFC 9849, 6.1.3 recommends 256. Its GREASE has the same. */
Test(local_config, ech_105_the_payload_is_as_long_as_the_librarys)
{
    const struct ech_exchange_options options = {.key_share_rule = ECH_KEY_SHARE_SHARED,
                                                 .sizes = {.library_name_length = 100}};
    for (size_t floor = 200; floor < 300; floor += 9) {
        struct library library;
        library_init_with(&library, rig_new_with(0, &options, 0), ECH_KEY_SHARE_SHARED);
        library.options.sizes.copied.floor = floor;
        struct octets message = library_hello(&library, hello_openssl, false);
        struct octets made = made_of(&library, octets_view(&message));
        cr_assert_eq(payload_of(octets_view(&made)), payload_of(octets_view(&message)));
        octets_free(&made);
        octets_free(&message);
        library_free(&library);
    }
}

/* The library padded for the local config; the payload is as long as the server's config asks. */
Test(local_config, ech_37_ech_39_padding_is_that_of_the_servers_config)
{
    size_t shortest = payload_for(1, 200);
    cr_assert_eq(shortest % 32, ECH_AEAD_TAG);
    cr_assert_gt(shortest, 200);
    for (size_t length = 2; length <= 200; length += 9) {
        cr_assert_eq(payload_for(length, 200), shortest, "a name of %zu octets", length);
    }
    cr_assert_geq(payload_for(1, 0), 192 + ECH_AEAD_TAG);
}
