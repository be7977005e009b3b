/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X25519 by another library: what is believed of it, and what it is used for. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <nettle/curve25519.h>
#include <string.h>

#include "ech/grease.h"
#include "ech/hpke.h"
#include "hello_tools.h"
#include "shim/engine/base/x25519.h"
#include "sizes.h"

static unsigned public_keys;
static unsigned shared_secrets;

static void good_public(uint8_t *public_key, const uint8_t *private_key)
{
    public_keys++;
    curve25519_mul_g(public_key, private_key);
}

static void good_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    shared_secrets++;
    curve25519_mul(shared, private_key, peer);
}

static void zero_public(uint8_t *public_key, const uint8_t *private_key)
{
    (void)private_key;
    memset(public_key, 0, CURVE25519_SIZE);
}

static void zero_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    (void)peer;
    zero_public(shared, private_key);
}

static void one_bit_public(uint8_t *public_key, const uint8_t *private_key)
{
    curve25519_mul_g(public_key, private_key);
    public_key[31] ^= 1;
}

static void one_bit_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    curve25519_mul(shared, private_key, peer);
    shared[31] ^= 1;
}

/* Writes nothing. */
static void idle_public(uint8_t *public_key, const uint8_t *private_key)
{
    (void)public_key;
    (void)private_key;
}

static void idle_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    (void)peer;
    idle_public(shared, private_key);
}

/* Right for points below 2^255 alone: it takes the top bit for a part of the number. */
static void top_bit_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    curve25519_mul(shared, private_key, peer);
    shared[0] ^= peer[31] >> 7;
}

/* Right for clamped private keys alone. */
static void clamped_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    curve25519_mul(shared, private_key, peer);
    shared[0] ^= private_key[0] & 7;
}

/* The point and the scalar in the other order, as in lib25519_dh_x25519. */
static void swapped_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    curve25519_mul(shared, peer, private_key);
}

static const struct ech_x25519 good = {good_public, good_shared};

Test(x25519, only_right_functions_are_believed)
{
    static const struct ech_x25519 wrong[] = {
        {zero_public, good_shared},    {one_bit_public, good_shared}, {idle_public, good_shared},
        {good_public, zero_shared},    {good_public, one_bit_shared}, {good_public, idle_shared},
        {good_public, top_bit_shared}, {good_public, clamped_shared}, {good_public, swapped_shared},
    };
    cr_assert(ech_x25519_is_right(&good));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_not(ech_x25519_is_right(&wrong[i]), "functions %zu", i);
    }
}

/* The only file that may be loaded. */
static const char *loadable;

static void *open_loadable(const char *file, int mode)
{
    return strncmp(file, loadable, strlen(loadable)) == 0 ? dlopen(file, mode) : NULL;
}

/* The functions that the engine takes from that library of this machine. */
static const struct ech_x25519 *functions_of(const char *file)
{
    const struct ech_x25519 *chosen = NULL;
    loadable = file;
    shim_x25519_start(open_loadable, dlsym);
    for (int i = 0; i < SHIM_X25519_FROM; i++) {
        cr_assert_null(chosen, "handshake %d", i);
        chosen = shim_x25519();
    }
    return chosen;
}

/* With input of every kind: neither clamped nor below 2^255. */
static void check_library(const char *file)
{
    struct test_source source = {.state = 7};
    struct ech_random random = test_random(&source);
    uint8_t input[2][CURVE25519_SIZE];
    uint8_t theirs[CURVE25519_SIZE];
    uint8_t ours[CURVE25519_SIZE];
    const struct ech_x25519 *functions = functions_of(file);
    if (functions == NULL) {
        cr_skip_test("no such library here");
    }
    cr_assert_eq(functions, shim_x25519_chosen());
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(ech_random_fill(&random, input[0], sizeof input), ECH_OK);
        functions->public_key(theirs, input[0]);
        curve25519_mul_g(ours, input[0]);
        cr_assert_arr_eq(theirs, ours, sizeof ours);
        functions->shared(theirs, input[0], input[1]);
        curve25519_mul(ours, input[0], input[1]);
        cr_assert_arr_eq(theirs, ours, sizeof ours);
    }
}

/* RFC 7748, 6.1: points of small order give zero, whatever was in the room for the product. */
static void check_small_order(const char *file)
{
    static const uint8_t points[][CURVE25519_SIZE] = {
        {0},
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    };
    static const uint8_t zero[CURVE25519_SIZE];
    const struct ech_x25519 *functions = functions_of(file);
    if (functions == NULL) {
        cr_skip_test("no such library here");
    }
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        uint8_t scalar[CURVE25519_SIZE] = {0x51, 7};
        uint8_t shared[CURVE25519_SIZE];
        memset(shared, 0xaa, sizeof shared);
        functions->shared(shared, scalar, points[i]);
        cr_assert_arr_eq(shared, zero, sizeof zero, "point %zu", i);
    }
}

#define CHECK_LIBRARY(name, file)                                                                  \
    Test(x25519, name##_agrees_with_nettle)                                                        \
    {                                                                                              \
        check_library(file);                                                                       \
    }                                                                                              \
    Test(x25519, name##_gives_zero_for_small_orders)                                               \
    {                                                                                              \
        check_small_order(file);                                                                   \
    }

CHECK_LIBRARY(lib25519, "lib25519.so.")
CHECK_LIBRARY(libsodium, "libsodium.so.")

Test(x25519, without_a_library_nettle_is_used)
{
    cr_assert_null(functions_of("none"));
    cr_assert_null(shim_x25519());
}

/* The sender's context as the receiver's, with these functions or without. */
static void check_hpke(uint16_t kem_id, const struct ech_x25519 *x25519, bool used)
{
    const struct ech_hpke_suite suite = {kem_id, ECH_KDF_SHA256, ECH_AEAD_AES_128_GCM};
    const struct bytes info = bytes_of("info", 4);
    struct test_source source = {.state = 7};
    struct ech_random random = test_random(&source);
    struct ech_hpke sender = {.sequence = 0};
    struct ech_hpke receiver = {.sequence = 0};
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    uint8_t enc[ECH_HPKE_ENC_MAX];
    uint16_t group = ech_hpke_kem_group(kem_id);
    cr_assert_eq(ech_dh_generate(group, &random, private_key, public_key), ECH_OK);
    random.x25519 = x25519;
    public_keys = 0;
    shared_secrets = 0;
    cr_assert_eq(ech_hpke_setup_sender(&sender, suite,
                                       bytes_of(public_key, ech_dh_public_size(group)), info, NULL,
                                       &random, enc),
                 ECH_OK);
    cr_assert_eq(public_keys, used);
    cr_assert_eq(shared_secrets, used);
    cr_assert_eq(ech_hpke_setup_receiver(&receiver, suite,
                                         bytes_of(private_key, ech_dh_private_size(group)),
                                         bytes_of(enc, ech_hpke_enc_size(kem_id)), info),
                 ECH_OK);
    cr_assert_arr_eq(sender.key, receiver.key, sizeof sender.key);
}

Test(x25519, a_sender_uses_it_for_x25519_alone)
{
    check_hpke(ECH_KEM_X25519_SHA256, &good, true);
    check_hpke(ECH_KEM_X25519_SHA256, NULL, false);
    check_hpke(ECH_KEM_P256_SHA256, &good, false);
}

Test(x25519, an_all_zero_secret_is_refused)
{
    const struct ech_x25519 zero = {good_public, zero_shared};
    struct test_source source = {.state = 7};
    struct ech_random random = test_random(&source);
    struct ech_hpke sender = {.sequence = 0};
    const struct ech_hpke_suite suite = {ECH_KEM_X25519_SHA256, ECH_KDF_SHA256,
                                         ECH_AEAD_AES_128_GCM};
    uint8_t public_key[CURVE25519_SIZE] = {9};
    uint8_t enc[ECH_HPKE_ENC_MAX];
    random.x25519 = &zero;
    cr_assert_eq(ech_hpke_setup_sender(&sender, suite, bytes_of(public_key, sizeof public_key),
                                       bytes_of("", 0), NULL, &random, enc),
                 ECH_ERR_CRYPTO);
}

Test(x25519, grease_uses_it)
{
    const struct ech_grease_shape shape = {.sizes = OPENSSL_SIZES, .parts.host_name = 10};
    struct writer with;
    struct writer without;
    struct test_source source = {.state = 7};
    struct ech_random random = test_random(&source);
    wr_init(&with, 0);
    wr_init(&without, 0);
    cr_assert_eq(ech_grease_make(&shape, &random, &without), ECH_OK);
    source.state = 7;
    random.x25519 = &good;
    public_keys = 0;
    cr_assert_eq(ech_grease_make(&shape, &random, &with), ECH_OK);
    cr_assert_eq(public_keys, 1);
    cr_assert(bytes_equal(wr_view(&with), wr_view(&without)));
    wr_free(&with);
    wr_free(&without);
}
