/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RFC 8446, 4.1.2, to the letter: the second ClientHello of a handshake equals the first except for
 * what that section lists, on the wire and inside, whatever starts the handshake. Every test of
 * accepted handshakes compares the hellos; the tests here also count them. */
#include "checks.h"
#include "second_hello.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

TestSuite(second_hello, .fini = world_end, .timeout = 120);

#define S_CLIENT_PLUS                                                                              \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME         \
    " -connect " INNER_NAME ":443 "
#define GNUTLS_CLI_PLUS SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME " "
/* The engine cannot make a share of any of these groups: both hellos have the program's own. */
#define SHARED "-groups ffdhe2048:X25519:P-384"
#define WELL "all is well"

static void expect_pairs(const struct world *world, unsigned outer, unsigned inner)
{
    struct second_hellos seen = world_compare_hellos(world);
    cr_assert_eq(seen.outer, outer, "%u pairs on the wire, not %u", seen.outer, outer);
    cr_assert_eq(seen.inner, inner, "%u pairs decrypted, not %u", seen.inner, inner);
}

static struct world *run(const struct world_options *options, const char *command, const char *text)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, text);
    return world;
}

static void check_accepted(unsigned handshakes, const char *text, const char *command)
{
    struct world *world = run(&(struct world_options){.hello_retry = true}, command, text);
    world_expect_accepted(world, handshakes);
    expect_pairs(world, handshakes, handshakes);
}

#define ACCEPTED(name, count, text, sh)                                                            \
    Test(second_hello, ech_64_ech_65_rfc_8446_4_1_2_##name)                                        \
    {                                                                                              \
        check_accepted(count, text, sh);                                                           \
    }                                                                                              \
    struct world

/* clang-format off */
ACCEPTED(curl, 1, HELLO, CURL);
ACCEPTED(wget, 1, HELLO, WGET);
ACCEPTED(gnutls_cli, 1, HELLO, GNUTLS_CLI_PLUS);
ACCEPTED(urllib, 1, HELLO, URLLIB);
ACCEPTED(asyncio, 1, HELLO, ASYNCIO);
ACCEPTED(s_client, 1, HELLO, S_CLIENT_PLUS);
ACCEPTED(s_client_shared_key_share, 1, HELLO, S_CLIENT_PLUS SHARED);
ACCEPTED(s_client_psk, 2, HELLO,
         S_CLIENT_PLUS "-sess_out session && " S_CLIENT_PLUS "-sess_in session");
ACCEPTED(s_client_psk_shared_key_share, 2, HELLO,
         S_CLIENT_PLUS SHARED " -sess_out session && " S_CLIENT_PLUS SHARED " -sess_in session");

/* Other calls than SSL_connect begin the handshake, or libssl itself; "unseen" means: past every
 * hook. */
ACCEPTED(openssl_unseen, 1, WELL, OWN_OPENSSL("unseen"));
ACCEPTED(openssl_unseen_write, 1, WELL, OWN_OPENSSL("unseen-write"));
ACCEPTED(openssl_unseen_psk, 2, WELL, OWN_OPENSSL("unseen-resume"));
ACCEPTED(openssl_write_first, 1, WELL, OWN_OPENSSL("implicit"));
ACCEPTED(openssl_write_ex_first, 1, WELL, OWN_OPENSSL("ex-calls"));
ACCEPTED(openssl_bio_do_handshake, 1, WELL, OWN_OPENSSL("bio-ssl"));
ACCEPTED(openssl_bio_connect, 1, WELL, OWN_OPENSSL("bio-connect"));
ACCEPTED(openssl_connect, 1, WELL, OWN_OPENSSL("direct"));
ACCEPTED(openssl_do_handshake, 1, WELL, OWN_OPENSSL("do-handshake"));
ACCEPTED(openssl_memory, 1, WELL, OWN_OPENSSL("memory"));
ACCEPTED(openssl_dribble, 1, WELL, OWN_OPENSSL("dribble"));
ACCEPTED(openssl_psk, 2, "reused", OWN_OPENSSL("resume"));
ACCEPTED(gnutls_default, 1, WELL, OWN_GNUTLS("default"));
ACCEPTED(gnutls_priority_string, 1, WELL, OWN_GNUTLS("priority-string"));
ACCEPTED(gnutls_dribble, 1, WELL, OWN_GNUTLS("dribble"));
ACCEPTED(gnutls_psk, 2, "reused", OWN_GNUTLS("resume"));
/* clang-format on */

/* After the HelloRetryRequest neither hello, outer or inner, has early_data. */
Test(second_hello, ech_64_ech_65_rfc_8446_4_1_2_s_client_early_data)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    struct world *world =
        run(&(struct world_options){.hello_retry = true, .server_arguments = {"--early-data"}},
            S_CLIENT_PLUS "-sess_out session && printf early >early && " S_CLIENT_PLUS
                          "-sess_in session -early_data early",
            HELLO);
    world_expect_accepted(world, 2);
    expect_pairs(world, 2, 2);
    cr_assert_eq(wire_hellos(world, hellos), 4u);
    cr_assert(wire_has_extension(&hellos[2], 42), "no early data was offered");
    cr_assert_not(wire_has_extension(&hellos[3], 42));
}

/* ---- hellos that a server rejects, and hellos without ECH ---- */

/* The engine answers the HelloRetryRequest of the rejecting server; the program answers the next.
 */
static void check_rejected(const char *text, const char *command)
{
    struct world *world =
        run(&(struct world_options){.hello_retry = true, .stale_config = true}, command, text);
    world_expect_accepted(world, 1);
    expect_pairs(world, 2, 1);
}

/* In the end the inner hello goes out in the clear, and then its second hello. */
static void check_disabled(const char *text, const char *command)
{
    struct world *world = run(
        &(struct world_options){.hello_retry = true, .server_without_ech = true}, command, text);
    cr_assert_eq(world_report_count(world, "disabled"), 1);
    expect_pairs(world, 2, 0);
}

static void check_greased(const char *text, const char *command)
{
    struct world *world =
        run(&(struct world_options){.hello_retry = true, .no_https_record = true}, command, text);
    cr_assert_eq(world_report_count(world, "grease"), 1);
    expect_pairs(world, 1, 0);
}

#define OTHERS(name, text, sh)                                                                     \
    Test(second_hello, ech_65_rfc_8446_4_1_2_##name##_rejected)                                    \
    {                                                                                              \
        check_rejected(text, sh);                                                                  \
    }                                                                                              \
    Test(second_hello, rfc_8446_4_1_2_##name##_disabled)                                           \
    {                                                                                              \
        check_disabled(text, sh);                                                                  \
    }                                                                                              \
    Test(second_hello, ech_101_rfc_8446_4_1_2_##name##_greased)                                    \
    {                                                                                              \
        check_greased(text, sh);                                                                   \
    }                                                                                              \
    struct world

/* clang-format off */
OTHERS(curl, HELLO, CURL);
OTHERS(wget, HELLO, WGET);
OTHERS(s_client_shared_key_share, HELLO, S_CLIENT_PLUS SHARED);
OTHERS(openssl_write_first, WELL, OWN_OPENSSL("implicit"));
OTHERS(openssl_unseen, WELL, OWN_OPENSSL("unseen"));
OTHERS(openssl_unseen_write, WELL, OWN_OPENSSL("unseen-write"));
OTHERS(openssl_bio_do_handshake, WELL, OWN_OPENSSL("bio-ssl"));
OTHERS(gnutls_default, WELL, OWN_GNUTLS("default"));
/* clang-format on */

/* ---- the instrument ---- */

enum { HELLO_MAX = 256 };

struct made_hello {
    uint8_t octets[HELLO_MAX];
    size_t length;
};

/* A message of that type: random, session id, suites and extensions in hexadecimal. */
static struct made_hello make(unsigned type, const char *head, const char *extensions)
{
    struct made_hello hello = {{(uint8_t)type, 0}, 4};
    const char *const parts[] = {head, extensions};
    size_t start = 0;
    for (size_t i = 0; i < 2; i++) {
        start = hello.length;
        hello.length += i == 1 ? 2 : 0;
        for (const char *text = parts[i]; *text != '\0'; text += strspn(text, " ")) {
            unsigned octet = 0;
            cr_assert_eq(sscanf(text, "%2x", &octet), 1);
            hello.octets[hello.length++] = (uint8_t)octet;
            text += 2;
        }
    }
    size_t list = hello.length - start - 2;
    hello.octets[start] = (uint8_t)(list >> 8);
    hello.octets[start + 1] = (uint8_t)list;
    hello.octets[3] = (uint8_t)(hello.length - 4);
    return hello;
}

#define RANDOM_8 "41 41 41 41 41 41 41 41 "
#define RANDOM_32 RANDOM_8 RANDOM_8 RANDOM_8 RANDOM_8
#define HEAD "03 03 " RANDOM_32 "01 07 00 02 13 01 01 00"
#define SHARE_P256 "00 33 00 07 00 05 00 17 00 01 aa "
#define SHARE_P384 "00 33 00 07 00 05 00 18 00 01 bb "
#define ALPN "00 10 00 05 00 03 02 68 32 "
#define VERSIONS "00 2b 00 03 02 03 04 "
#define ECH_FIRST "fe 0d 00 0e 00 00 01 00 01 09 00 02 11 11 00 02 22 22 "
#define ECH_SECOND "fe 0d 00 0c 00 00 01 00 01 09 00 00 00 02 33 33 "
#define EARLY "00 2a 00 00 "
#define COOKIE_GIVEN "00 2c 00 04 00 02 63 6f "
/* Two identities, and one of them. */
#define PSKS "00 29 00 16 00 0e 00 01 61 00 00 00 01 00 01 62 00 00 00 02 00 04 01 f1 01 f2 "
#define PSK_ONE "00 29 00 0d 00 07 00 01 62 00 00 00 03 00 02 01 f3 "
#define FIRST ECH_FIRST ALPN SHARE_P256 VERSIONS EARLY PSKS

static const struct pair {
    const char *second_head;
    const char *first;
    const char *second;
    bool fault;
} pairs[] = {
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, false},
    {HEAD, FIRST, ECH_FIRST ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSK_ONE, false},
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P384 COOKIE_GIVEN VERSIONS, false},
    /* the head */
    {"03 03 " RANDOM_32 "01 07 00 02 13 02 01 00", FIRST,
     ECH_SECOND ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, true},
    {"03 03 " RANDOM_32 "00 00 02 13 01 01 00", FIRST,
     ECH_SECOND ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, true},
    /* order, content, presence */
    {HEAD, FIRST, ECH_SECOND SHARE_P384 ALPN VERSIONS COOKIE_GIVEN PSKS, true},
    {HEAD, FIRST, ECH_SECOND "00 10 00 05 00 03 02 68 33 " SHARE_P384 VERSIONS COOKIE_GIVEN PSKS,
     true},
    {HEAD, FIRST, ECH_SECOND SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, true},
    {HEAD, FIRST, ECH_SECOND ALPN "00 17 00 00 " SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, true},
    {HEAD, FIRST, ECH_SECOND ALPN ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, true},
    /* key_share */
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P256 VERSIONS COOKIE_GIVEN PSKS, true},
    {HEAD, FIRST,
     ECH_SECOND ALPN "00 33 00 0c 00 0a 00 18 00 01 bb 00 17 00 01 aa " VERSIONS COOKIE_GIVEN PSKS,
     true},
    /* early_data, cookie */
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P384 VERSIONS EARLY COOKIE_GIVEN PSKS, true},
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P384 VERSIONS PSKS, true},
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P384 VERSIONS "00 2c 00 04 00 02 63 6e " PSKS, true},
    /* pre_shared_key */
    {HEAD, FIRST, ECH_SECOND ALPN SHARE_P384 VERSIONS PSKS COOKIE_GIVEN, true},
    {HEAD, FIRST,
     ECH_SECOND ALPN SHARE_P384 VERSIONS COOKIE_GIVEN
     "00 29 00 0d 00 07 00 01 63 00 00 00 03 00 02 01 f3 ",
     true},
    {HEAD, FIRST,
     ECH_SECOND ALPN SHARE_P384 VERSIONS COOKIE_GIVEN
     "00 29 00 0f 00 07 00 01 62 00 00 00 03 00 04 01 f3 01 f4 ",
     true},
    {HEAD, ECH_FIRST ALPN SHARE_P256 VERSIONS,
     ECH_SECOND ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS, true},
    /* encrypted_client_hello: enc, config_id, suite, type */
    {HEAD, FIRST,
     "fe 0d 00 0e 00 00 01 00 01 09 00 02 44 44 00 02 33 33 " ALPN SHARE_P384 VERSIONS COOKIE_GIVEN
         PSKS,
     true},
    {HEAD, FIRST,
     "fe 0d 00 0c 00 00 01 00 01 0a 00 00 00 02 33 33 " ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS,
     true},
    {HEAD, FIRST,
     "fe 0d 00 0c 00 00 01 00 02 09 00 00 00 02 33 33 " ALPN SHARE_P384 VERSIONS COOKIE_GIVEN PSKS,
     true},
    {HEAD, "fe 0d 00 01 01 " ALPN SHARE_P256 VERSIONS,
     "fe 0d 00 01 01 " ALPN SHARE_P384 VERSIONS COOKIE_GIVEN, false},
};

static struct cursor cursor_of(const struct made_hello *hello)
{
    return (struct cursor){hello->octets, hello->length};
}

Test(harness, second_hello_fault_sees_every_change)
{
    enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };
    struct made_hello request = make(SERVER_HELLO, "03 03 " RANDOM_32 "01 07 13 01 00",
                                     "00 33 00 02 00 18 " VERSIONS COOKIE_GIVEN);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct made_hello first = make(CLIENT_HELLO, HEAD, pairs[i].first);
        struct made_hello second = make(CLIENT_HELLO, pairs[i].second_head, pairs[i].second);
        const char *fault =
            second_hello_fault(cursor_of(&first), cursor_of(&second), cursor_of(&request));
        cr_assert_eq(fault != NULL, pairs[i].fault, "pair %zu: %s", i,
                     fault != NULL ? fault : "no fault");
    }
}
