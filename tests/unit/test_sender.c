/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Senders of HPKE that are prepared before there is a hello: each serves one. */
#include <criterion/criterion.h>
#include <nettle/curve25519.h>
#include <string.h>

#include "ech/sender.h"
#include "tests/unit/hello_tools.h"

static struct test_server server;
static struct test_source source;
static struct ech_random source_of_random;
static struct ech_prepared_sender prepared;
static unsigned multiplications;

static void count_public(uint8_t *public_key, const uint8_t *private_key)
{
    multiplications++;
    curve25519_mul_g(public_key, private_key);
}

static void count_shared(uint8_t *shared, const uint8_t *private_key, const uint8_t *peer)
{
    multiplications++;
    curve25519_mul(shared, private_key, peer);
}

static const struct ech_x25519 counting = {count_public, count_shared};

static void set_up(void)
{
    test_server_init(&server, 0);
    source.state = 7;
    source_of_random = test_random(&source);
    source_of_random.x25519 = &counting;
    server.choice.prepared = &prepared;
}

static void tear_down(void)
{
    test_server_free(&server);
}

TestSuite(sender, .init = set_up, .fini = tear_down);

struct sender {
    struct ech_hpke hpke;
    uint8_t enc[ECH_HPKE_ENC_MAX];
};

static struct sender sender_for_hello(const struct ech_config_choice *choice)
{
    struct sender sender = {.enc = {0}};
    cr_assert_eq(ech_sender_set_up(&sender.hpke, choice, &source_of_random, sender.enc), ECH_OK);
    return sender;
}

static void prepare(void)
{
    cr_assert_eq(ech_sender_prepare(&prepared, &server.choice, &source_of_random), ECH_OK);
    cr_assert(prepared.ready);
    multiplications = 0;
}

static bool is_wiped(void)
{
    static const struct ech_prepared_sender none;
    return memcmp(&prepared, &none, sizeof none) == 0;
}

/* The server opens what it seals. */
static void expect_opens(struct sender *sender)
{
    static const uint8_t prefix[] = {'t', 'l', 's', ' ', 'e', 'c', 'h', 0};
    struct ech_hpke receiver;
    struct writer info;
    uint8_t sealed[3 + ECH_AEAD_TAG];
    uint8_t opened[3];
    wr_init(&info, 0);
    wr_bytes(&info, bytes_of(prefix, sizeof prefix));
    wr_bytes(&info, server.choice.config.raw);
    cr_assert_eq(ech_hpke_setup_receiver(&receiver, server.choice.suite,
                                         octets_view(&server.private_key),
                                         bytes_of(sender->enc, 32), wr_view(&info)),
                 ECH_OK);
    cr_assert_eq(ech_hpke_seal(&sender->hpke, BYTES(1), BYTES(5, 6, 7), sealed), ECH_OK);
    cr_assert_eq(ech_hpke_open(&receiver, BYTES(1), bytes_of(sealed, sizeof sealed), opened),
                 ECH_OK);
    assert_octets(bytes_of(opened, sizeof opened), BYTES(5, 6, 7), "what was sealed");
    wr_free(&info);
}

Test(sender, a_prepared_one_saves_both_multiplications)
{
    prepare();
    struct sender sender = sender_for_hello(&server.choice);
    cr_assert_eq(multiplications, 0);
    expect_opens(&sender);
    struct sender next = sender_for_hello(&server.choice);
    cr_assert_eq(multiplications, 2);
    expect_opens(&next);
}

/* Two hellos of one sender would have the same key and nonce. */
Test(sender, ech_20_serves_one_hello_and_is_wiped)
{
    prepare();
    struct sender sender = sender_for_hello(&server.choice);
    cr_assert(is_wiped());
    struct sender next = sender_for_hello(&server.choice);
    cr_assert_neq(memcmp(sender.enc, next.enc, 32), 0);
    cr_assert_neq(memcmp(sender.hpke.key, next.hpke.key, sizeof next.hpke.key), 0);
}

Test(sender, each_that_is_prepared_is_another)
{
    uint8_t enc[32];
    prepare();
    memcpy(enc, prepared.enc, sizeof enc);
    prepare();
    cr_assert_neq(memcmp(enc, prepared.enc, sizeof enc), 0);
}

/* Any octet of the config counts: it is in the key schedule. */
Test(sender, ech_18_is_never_taken_for_another_config)
{
    prepare();
    struct octets other = octets_copy(server.choice.config.raw);
    struct ech_config_choice choice = server.choice;
    for (size_t i = 0; i < other.len; i++) {
        other.data[i] ^= 1;
        choice.config.raw = octets_view(&other);
        (void)sender_for_hello(&choice);
        cr_assert_eq(multiplications, 2 * (i + 1));
        other.data[i] ^= 1;
    }
    choice.config.raw = bytes_of(other.data, other.len - 1);
    (void)sender_for_hello(&choice);
    cr_assert(prepared.ready, "a sender for another config stays");
    octets_free(&other);
}

Test(sender, is_never_taken_for_another_suite)
{
    prepare();
    struct ech_config_choice choice = server.choice;
    choice.suite.aead_id = ECH_AEAD_CHACHA20_POLY1305;
    struct sender sender = sender_for_hello(&choice);
    cr_assert_eq(sender.hpke.suite.aead_id, ECH_AEAD_CHACHA20_POLY1305);
    choice = server.choice;
    choice.suite.kdf_id = ECH_KDF_SHA512;
    (void)sender_for_hello(&choice);
    cr_assert_eq(multiplications, 4);
    cr_assert(prepared.ready);
}

/* The kernel wipes its memory in the child of a fork. */
Test(sender, one_that_was_wiped_is_not_taken)
{
    prepare();
    memset(&prepared, 0, sizeof prepared);
    struct sender sender = sender_for_hello(&server.choice);
    cr_assert_eq(multiplications, 2);
    expect_opens(&sender);
}

Test(sender, one_that_is_half_made_is_not_taken)
{
    prepare();
    prepared.ready = false;
    (void)sender_for_hello(&server.choice);
    cr_assert_eq(multiplications, 2);
}

static enum ech_status fail(void *context, uint8_t *out, size_t len)
{
    (void)context, (void)out, (void)len;
    return ECH_ERR_CRYPTO;
}

Test(sender, failures_leave_none)
{
    const struct ech_random none = {.fill = fail};
    struct octets longer = octets_new(ECH_PREPARED_CONFIG_MAX + 1);
    struct ech_config_choice choice = server.choice;
    prepare();
    cr_assert_eq(ech_sender_prepare(&prepared, &server.choice, &none), ECH_ERR_CRYPTO);
    cr_assert(is_wiped());
    prepare();
    choice.config.raw = octets_view(&longer);
    cr_assert_eq(ech_sender_prepare(&prepared, &choice, &source_of_random), ECH_ERR_SPACE);
    cr_assert(is_wiped());
    prepare();
    choice = server.choice;
    choice.suite.kem_id = 0x7777;
    cr_assert_eq(ech_sender_prepare(&prepared, &choice, &source_of_random), ECH_ERR_UNSUPPORTED);
    cr_assert(is_wiped());
    octets_free(&longer);
}
