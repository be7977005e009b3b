/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outer hello has the program's own key_share, and a rejection is finished on the same
 * connection with the library's private key: RFC 9849, 6.1.6, asks for ech_required there.
 */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(key_shares, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define OPENSSL_GROUPS(groups)                                                                     \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME         \
    " -groups " groups " -connect " INNER_NAME ":443"
#define GNUTLS_GROUPS(groups)                                                                      \
    "gnutls-cli --x509cafile \"$CA\" --priority NORMAL:-GROUP-ALL:" groups " " INNER_NAME          \
    " </dev/null"
#define GIT                                                                                        \
    "git -c http.sslCAInfo=\"$CA\" ls-remote " URL "nothing.git; test $? -eq 128 && echo " HELLO
#define KEYS(what, order) EXTRA("KEYS=" what, preload(world, "libkeys_interposer.so", order))

/* ---- accepted ---- */

static const char *const programs[] = {CURL, WGET, URLLIB, S_CLIENT, GNUTLS_CLI, GIT};
enum { PROGRAMS = sizeof programs / sizeof *programs };

Test(key_shares, the_outer_hello_has_the_programs_own)
{
    struct world *world = world_start(NULL);
    unsigned handshakes = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, programs[i]);
        cr_assert_eq(result.exit_code, 0, "%s: %s", programs[i], result.err);
        unsigned copied = world_log_count(world, "same_share", handshakes + 1);
        cr_assert_gt(copied, handshakes, "%s", programs[i]);
        handshakes = copied;
    }
    world_expect_accepted(world, handshakes);
}

/* The library was opened by nobody then. */
Test(key_shares, a_key_before_any_handshake)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, NULL,
        "certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile /dev/stdout");
    expect_exit(&result, 0, "END EC PRIVATE KEY");
}

Test(key_shares, an_own_one_where_no_key_is_seen)
{
    struct world *world = world_start(NULL);
    unsigned count = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        if (!FACT_OPENSSL_POST_QUANTUM || !fact_is_of_openssl(programs[i])) {
            struct run_result result = world_shell(world, RUN_SHIM, HIDE_KEYS(world), programs[i]);
            cr_assert_eq(result.exit_code, 0, "%s: %s", programs[i], result.err);
            count++;
        }
    }
    cr_assert_geq(world_log_count(world, "accepted", count), count);
    cr_assert_eq(world_log_count(world, "same_share", 0), 0);
    world_expect_hidden(world);
}

/* ---- rejected ---- */

/* Each program is rejected once, is told so on its first connection, and retries on another. */
static void check_rejected(const char *const commands[], size_t count, const char *groups)
{
    struct world *world = world_start(&(struct world_options){
        .stale_config = true, .server_arguments = {groups != NULL ? "--groups" : NULL, groups}});
    for (unsigned i = 0; i < count; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, commands[i]);
        cr_assert_eq(result.exit_code, 0, "%s: %s", commands[i], result.err);
        cr_assert_eq(world_log_count(world, "ech_required", i + 1), i + 1, "%s", commands[i]);
        cr_assert_eq(connections_ended(world), 2 * (i + 1), "%s", commands[i]);
    }
    world_expect_accepted(world, (unsigned)count);
}

#define REJECTED(name, groups, ...)                                                                \
    Test(key_shares, ech_79_##name)                                                                \
    {                                                                                              \
        static const char *const commands[] = {__VA_ARGS__};                                       \
        check_rejected(commands, sizeof commands / sizeof *commands, groups);                      \
    }                                                                                              \
    struct program

/* clang-format off */
REJECTED(programs, NULL, CURL, WGET, URLLIB, S_CLIENT, GNUTLS_CLI);
REJECTED(x25519, NULL, OPENSSL_GROUPS("X25519"), GNUTLS_GROUPS("+GROUP-X25519"));
REJECTED(p_256, "P-256", OPENSSL_GROUPS("P-256"), GNUTLS_GROUPS("+GROUP-SECP256R1"));
REJECTED(p_384, "P-384", OPENSSL_GROUPS("P-384"), GNUTLS_GROUPS("+GROUP-SECP384R1"));
REJECTED(p_521, "P-521", OPENSSL_GROUPS("P-521"), GNUTLS_GROUPS("+GROUP-SECP521R1"));
/* A HelloRetryRequest: the second hello has a share of the engine's. */
REJECTED(x448_and_hello_retry_request, NULL,
         OPENSSL_GROUPS("X448:X25519"), GNUTLS_GROUPS("+GROUP-X448:+GROUP-X25519"));
REJECTED(finite_field_and_hello_retry_request, NULL, OPENSSL_GROUPS("ffdhe2048:X25519:P-384"));
/* Two shares, of which the server takes the second. GnuTLS's finite field shares are not seen. */
REJECTED(the_second_of_two, NULL, GNUTLS_GROUPS("+GROUP-FFDHE2048:+GROUP-FFDHE3072:+GROUP-X25519"));
/* clang-format on */

/* ---- other code makes keys too ---- */

Test(key_shares, only_what_stands_in_key_share_counts)
{
    static const char *const commands[] = {CURL, WGET};
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    for (unsigned i = 0; i < 2; i++) {
        struct run_result result =
            world_shell(world, RUN_SHIM, KEYS("decoys", BEFORE), commands[i]);
        expect_exit(&result, 0, HELLO);
        cr_assert_eq(world_log_count(world, "ech_required", i + 1), i + 1, "%s", commands[i]);
    }
    world_expect_accepted(world, 2);
    cr_assert_eq(world_log_count(world, "same_share", 2), 2);
}

/* Another preload stays in the way of the calls, before us and after us. */
Test(key_shares, interposers_stay)
{
    static const char *const commands[] = {CURL, WGET};
    struct world *world = world_start(NULL);
    unsigned count = 0;
    for (enum preload_order order = BEFORE; order <= AFTER; order++) {
        for (unsigned i = 0; i < 2; i++) {
            struct run_result result =
                world_shell(world, RUN_SHIM, KEYS("next", order), commands[i]);
            expect_exit(&result, 0, HELLO);
            cr_assert_not_null(strstr(result.err, "was interposed\n"), "%s", commands[i]);
            count++;
        }
    }
    world_expect_accepted(world, count);
}

/* ---- memory ---- */

/* Runs under valgrind, where it is installed; a sanitized library cannot. */
Test(key_shares, by_valgrind)
{
    static const char *const commands[] = {OWN_OPENSSL("direct"), OWN_GNUTLS("default")};
    char line[1024];
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    for (unsigned i = 0; i < 2; i++) {
        snprintf(line, sizeof line,
                 "valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
                 "--errors-for-leak-kinds=definite %s",
                 commands[i]);
        struct run_result result = world_shell(world, RUN_SHIM, KEYS("decoys", BEFORE), line);
        expect_exit(&result, 0, "all is well");
        cr_assert_eq(world_log_count(world, "ech_required", i + 1), i + 1, "%s", commands[i]);
    }
    world_expect_accepted(world, 2);
}
