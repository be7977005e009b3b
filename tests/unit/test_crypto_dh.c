/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

static const uint16_t all_groups[] = {ECH_GROUP_P256, ECH_GROUP_P384, ECH_GROUP_P521,
                                      ECH_GROUP_X25519, ECH_GROUP_X448};
enum { ALL_GROUPS = sizeof all_groups / sizeof all_groups[0], NIST_GROUPS = 3 };

/* The hexadecimal number of dh.json that belongs to a NIST curve. */
static struct octets curve_number(const json_t *root, const char *what, uint16_t group)
{
    char key[8];
    snprintf(key, sizeof key, "%u", group);
    return octets_get(vectors_get(root, what), key);
}

static void check_side(uint16_t group, const json_t *vector, const char *private_name,
                       const char *public_name, const char *peer_name)
{
    struct octets private_key = octets_get(vector, private_name);
    struct octets peer = octets_get(vector, peer_name);
    struct octets public_key = octets_new(ech_dh_public_size(group));
    struct octets shared = octets_new(ech_dh_shared_size(group));
    cr_assert_eq(ech_dh_public(group, octets_view(&private_key), public_key.data), ECH_OK);
    assert_hex(octets_view(&public_key), vectors_text(vector, public_name), public_name);
    cr_assert_eq(ech_dh(group, octets_view(&private_key), octets_view(&peer), shared.data), ECH_OK);
    assert_hex(octets_view(&shared), vectors_text(vector, "shared"), "shared");
    cr_assert_eq(ech_dh_check_public(group, octets_view(&peer)), ECH_OK);
    octets_free(&private_key);
    octets_free(&peer);
    octets_free(&public_key);
    octets_free(&shared);
}

Test(crypto_dh, rfc_7748_and_rfc_5903_vectors)
{
    json_t *root = vectors_load("dh");
    size_t i;
    json_t *vector;
    json_array_foreach(vectors_get(root, "vectors"), i, vector)
    {
        uint16_t group = (uint16_t)vectors_number(vector, "group");
        check_side(group, vector, "a", "a_public", "b_public");
        check_side(group, vector, "b", "b_public", "a_public");
    }
    cr_assert_eq(i, ALL_GROUPS);
    json_decref(root);
}

Test(crypto_dh, x25519_rfc_7748_5_2_thousand_iterations)
{
    struct octets k =
        octets_of_hex("0900000000000000000000000000000000000000000000000000000000000000");
    struct octets u = octets_copy(octets_view(&k));
    for (int i = 0; i < 1000; i++) {
        uint8_t out[32];
        cr_assert_eq(ech_dh(ECH_GROUP_X25519, octets_view(&k), octets_view(&u), out), ECH_OK);
        memcpy(u.data, k.data, sizeof out);
        memcpy(k.data, out, sizeof out);
    }
    assert_hex(octets_view(&k), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
               "after 1,000");
    octets_free(&k);
    octets_free(&u);
}

/* A good public key, which a test then damages. */
static struct octets some_public_key(uint16_t group, struct octets *private_key)
{
    *private_key = octets_new(ech_dh_private_size(group));
    memset(private_key->data + 1, 0x42, private_key->len - 1);
    struct octets public_key = octets_new(ech_dh_public_size(group));
    cr_assert_eq(ech_dh_public(group, octets_view(private_key), public_key.data), ECH_OK);
    return public_key;
}

static void assert_refused(uint16_t group, struct bytes private_key, struct bytes peer)
{
    uint8_t shared[ECH_DH_SHARED_MAX];
    cr_assert_eq(ech_dh(group, private_key, peer, shared), ECH_ERR_CRYPTO);
    cr_assert_eq(ech_dh_check_public(group, peer), ECH_ERR_CRYPTO);
}

Test(crypto_dh, ech_19_wrong_lengths_are_refused)
{
    for (size_t i = 0; i < ALL_GROUPS; i++) {
        uint16_t group = all_groups[i];
        struct octets private_key;
        struct octets public_key = some_public_key(group, &private_key);
        struct octets longer = octets_new(public_key.len + 1);
        memcpy(longer.data, public_key.data, public_key.len);
        for (size_t len = 0; len <= longer.len; len++) {
            struct octets cut = octets_copy(bytes_of(longer.data, len));
            if (len != public_key.len) {
                assert_refused(group, octets_view(&private_key), octets_view(&cut));
            }
            octets_free(&cut);
        }
        uint8_t out[ECH_DH_PUBLIC_MAX];
        struct bytes cut_private = bytes_of(private_key.data, private_key.len - 1);
        cr_assert_eq(ech_dh(group, cut_private, octets_view(&public_key), out), ECH_ERR_CRYPTO);
        cr_assert_eq(ech_dh_public(group, cut_private, out), ECH_ERR_CRYPTO);
        octets_free(&longer);
        octets_free(&private_key);
        octets_free(&public_key);
    }
}

Test(crypto_dh, ech_19_points_off_the_curve_and_other_forms_are_refused)
{
    json_t *root = vectors_load("dh");
    for (size_t i = 0; i < NIST_GROUPS; i++) {
        uint16_t group = all_groups[i];
        struct octets private_key;
        struct octets public_key = some_public_key(group, &private_key);
        struct bytes private_view = octets_view(&private_key);
        struct bytes public_view = octets_view(&public_key);

        public_key.data[public_key.len - 1] ^= 1;
        assert_refused(group, private_view, public_view);
        public_key.data[public_key.len - 1] ^= 1;
        for (unsigned form = 0; form < 256; form++) {
            public_key.data[0] = (uint8_t)form;
            if (form != 4) {
                assert_refused(group, private_view, public_view);
            }
        }
        public_key.data[0] = 4;
        cr_assert_eq(ech_dh_check_public(group, public_view), ECH_OK);

        /* A coordinate equal to the prime stands for zero, but not in its one valid form. */
        struct octets prime = curve_number(root, "primes", group);
        memcpy(public_key.data + 1, prime.data, prime.len);
        assert_refused(group, private_view, public_view);
        memset(public_key.data + 1, 0, public_key.len - 1);
        assert_refused(group, private_view, public_view);
        memset(public_key.data + 1, 0xff, public_key.len - 1);
        assert_refused(group, private_view, public_view);
        octets_free(&prime);
        octets_free(&private_key);
        octets_free(&public_key);
    }
    json_decref(root);
}

Test(crypto_dh, ech_19_low_order_points_are_refused_with_any_private_key)
{
    json_t *root = vectors_load("dh");
    static const uint16_t montgomery[] = {ECH_GROUP_X25519, ECH_GROUP_X448};
    for (size_t i = 0; i < 2; i++) {
        char key[8];
        snprintf(key, sizeof key, "%u", montgomery[i]);
        struct octets private_key = octets_new(ech_dh_private_size(montgomery[i]));
        size_t j;
        json_t *point;
        json_array_foreach(vectors_get(vectors_get(root, "low_order"), key), j, point)
        {
            struct octets peer = octets_of_hex(json_string_value(point));
            for (unsigned fill = 0; fill < 256; fill += 51) {
                memset(private_key.data, (int)fill, private_key.len);
                assert_refused(montgomery[i], octets_view(&private_key), octets_view(&peer));
            }
            octets_free(&peer);
        }
        octets_free(&private_key);
    }
    json_decref(root);
}

Test(crypto_dh, private_keys_of_nist_curves_lie_between_zero_and_the_order)
{
    json_t *root = vectors_load("dh");
    for (size_t i = 0; i < NIST_GROUPS; i++) {
        uint16_t group = all_groups[i];
        struct octets private_key;
        struct octets public_key = some_public_key(group, &private_key);
        uint8_t out[ECH_DH_PUBLIC_MAX];
        struct octets order = curve_number(root, "orders", group);
        struct octets zero = octets_new(order.len);
        cr_assert_eq(ech_dh_public(group, octets_view(&order), out), ECH_ERR_CRYPTO);
        cr_assert_eq(ech_dh(group, octets_view(&order), octets_view(&public_key), out),
                     ECH_ERR_CRYPTO);
        cr_assert_eq(ech_dh_public(group, octets_view(&zero), out), ECH_ERR_CRYPTO);
        cr_assert_eq(ech_dh(group, octets_view(&zero), octets_view(&public_key), out),
                     ECH_ERR_CRYPTO);
        order.data[order.len - 1]--;
        cr_assert_eq(ech_dh_public(group, octets_view(&order), out), ECH_OK);
        octets_free(&order);
        octets_free(&zero);
        octets_free(&private_key);
        octets_free(&public_key);
    }
    json_decref(root);
}

/* ---- key generation ---- */

Test(crypto_dh, generated_pairs_agree)
{
    for (size_t i = 0; i < ALL_GROUPS; i++) {
        uint16_t group = all_groups[i];
        size_t size = ech_dh_private_size(group);
        struct octets source = octets_new(2 * size);
        memset(source.data, 0x11, size);
        memset(source.data + size, 0x77, size);
        struct fixed_random fixed;
        fixed_random_init(&fixed, octets_view(&source));
        struct octets keys[2] = {octets_new(size), octets_new(size)};
        struct octets publics[2] = {octets_new(ech_dh_public_size(group)),
                                    octets_new(ech_dh_public_size(group))};
        struct octets shared[2] = {octets_new(ech_dh_shared_size(group)),
                                   octets_new(ech_dh_shared_size(group))};
        for (size_t j = 0; j < 2; j++) {
            cr_assert_eq(ech_dh_generate(group, &fixed.random, keys[j].data, publics[j].data),
                         ECH_OK);
        }
        for (size_t j = 0; j < 2; j++) {
            cr_assert_eq(
                ech_dh(group, octets_view(&keys[j]), octets_view(&publics[1 - j]), shared[j].data),
                ECH_OK);
        }
        assert_octets(octets_view(&shared[0]), octets_view(&shared[1]), "shared");
        for (size_t j = 0; j < 2; j++) {
            octets_free(&keys[j]);
            octets_free(&publics[j]);
            octets_free(&shared[j]);
        }
        octets_free(&source);
    }
}

Test(crypto_dh, generate_draws_again_for_zero_and_for_the_order)
{
    json_t *root = vectors_load("dh");
    for (size_t i = 0; i < NIST_GROUPS; i++) {
        uint16_t group = all_groups[i];
        struct octets order = curve_number(root, "orders", group);
        size_t size = order.len;
        /* zero, the order, all ones, and at last one */
        struct octets source = octets_new(4 * size);
        memcpy(source.data + size, order.data, size);
        memset(source.data + 2 * size, 0xff, size);
        source.data[4 * size - 1] = 1;
        struct fixed_random fixed;
        fixed_random_init(&fixed, octets_view(&source));
        struct octets private_key = octets_new(size);
        struct octets public_key = octets_new(ech_dh_public_size(group));
        cr_assert_eq(ech_dh_generate(group, &fixed.random, private_key.data, public_key.data),
                     ECH_OK);
        cr_assert_eq(fixed.calls, 4);
        assert_octets(octets_view(&private_key), bytes_of(source.data + 3 * size, size), "key");
        octets_free(&order);
        octets_free(&source);
        octets_free(&private_key);
        octets_free(&public_key);
    }
    json_decref(root);
}

Test(crypto_dh, generate_gives_up_after_64_draws)
{
    struct octets source = octets_new(65 * 32);
    struct fixed_random fixed;
    fixed_random_init(&fixed, octets_view(&source));
    uint8_t private_key[32];
    uint8_t public_key[65];
    cr_assert_eq(ech_dh_generate(ECH_GROUP_P256, &fixed.random, private_key, public_key),
                 ECH_ERR_CRYPTO);
    cr_assert_eq(fixed.calls, 64);
    octets_free(&source);
}

Test(crypto_dh, generate_fails_with_its_random_source)
{
    for (size_t i = 0; i < ALL_GROUPS; i++) {
        struct fixed_random fixed;
        fixed_random_init(&fixed, bytes_of("short", 5));
        uint8_t private_key[ECH_DH_PRIVATE_MAX];
        uint8_t public_key[ECH_DH_PUBLIC_MAX];
        cr_assert_eq(ech_dh_generate(all_groups[i], &fixed.random, private_key, public_key),
                     ECH_ERR_CRYPTO);
        cr_assert_eq(fixed.calls, 1);
    }
}

Test(crypto_dh, unknown_groups_are_unsupported)
{
    static const uint16_t unknown[] = {0, 0x0016, 0x0100, 0x11ec, 0xffff};
    uint8_t octets[ECH_DH_PUBLIC_MAX] = {0};
    struct bytes view = bytes_of(octets, 32);
    struct fixed_random fixed;
    fixed_random_init(&fixed, view);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        cr_assert_eq(ech_dh_private_size(unknown[i]), 0);
        cr_assert_eq(ech_dh_public_size(unknown[i]), 0);
        cr_assert_eq(ech_dh_shared_size(unknown[i]), 0);
        cr_assert_eq(ech_dh(unknown[i], view, view, octets), ECH_ERR_UNSUPPORTED);
        cr_assert_eq(ech_dh_public(unknown[i], view, octets), ECH_ERR_UNSUPPORTED);
        cr_assert_eq(ech_dh_check_public(unknown[i], view), ECH_ERR_UNSUPPORTED);
        cr_assert_eq(ech_dh_generate(unknown[i], &fixed.random, octets, octets),
                     ECH_ERR_UNSUPPORTED);
    }
}
