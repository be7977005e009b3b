/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X25519 by a library that is faster than nettle: which one is taken, and when. */
#include "checks.h"
#include "require.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(fast_x25519, .fini = world_end, .timeout = 120);

enum {
    WARM_UP = 20, /* handshakes that tests/bench/loop.c makes first */
    COUNT = 10,
    SECRETS_TRIED = 2,     /* of RFC 7748, before a library is used */
    HANDSHAKES_BEFORE = 3, /* without one: SHIM_X25519_FROM - 1 */
    FAST = SECRETS_TRIED + WARM_UP + COUNT - HANDSHAKES_BEFORE,
};

static struct run_result loop(struct world *world, enum run_mode mode, const char *library,
                              const char *before, char *const extra[])
{
    char command[400];
    snprintf(command, sizeof command,
             "%s \"$CLIENTS/loop_%s\" " INNER_NAME " 127.0.0.1 443 \"$CA\" %d", before, library,
             COUNT);
    struct run_result result = world_shell(world, mode, extra, command);
    expect_exit(&result, 0, NULL);
    return result;
}

/* How many shared secrets the library made, by what it said at its end. */
static unsigned secrets_in(const struct run_result *result, const char *name)
{
    char begin[40];
    unsigned public_keys = 0;
    unsigned secrets = 0;
    snprintf(begin, sizeof begin, "%s: ", name);
    const char *told = strstr(result->err, begin);
    cr_assert_not_null(told, "%s was not loaded: %s", name, result->err);
    cr_assert_eq(sscanf(told + strlen(begin), "%u public keys, %u shared", &public_keys, &secrets),
                 2);
    return secrets;
}

/* ---- lib25519 ---- */

/*
 * A loop with a library of this kind in place of lib25519, and a server with this AEAD; returns how
 * many shared secrets it made. A preloaded one stands before the lib25519 of another release's
 * root, where that client's own libraries are.
 */
static unsigned secrets_of(const char *kind, const char *library, bool preloaded, const char *aead)
{
    char path[400];
    char preload[400] = "";
    struct world *world =
        world_start(&(struct world_options){.direct = true, .server_arguments = {"--aead", aead}});
    snprintf(path, sizeof path, "%s/loop_%s", world->clients, library);
    if (access(path, X_OK) != 0) {
        cr_skip_test("no such TLS library here");
    }
    if (preloaded) {
        snprintf(preload, sizeof preload,
                 "LD_PRELOAD=\"$LD_PRELOAD:$CLIENTS/lib25519-%s/lib25519.so.1\"", kind);
    }
    snprintf(path, sizeof path, "LD_LIBRARY_PATH=%s/lib25519-%s", world->clients, kind);
    struct run_result result = loop(world, RUN_SHIM, library, preload, (char *[]){path, NULL});
    cr_assert_eq(world_report_count(world, "accepted"), WARM_UP + COUNT);
    return secrets_in(&result, "lib25519");
}

/* The local config of a library with ECH of its own has AES-128-GCM. So the library cannot seal its
 * hello to a server that has another AEAD alone, and the engine seals it. */
#define SEALED_AGAIN "aes256"

/* The number of handshakes before it is loaded is the same for every library. */
static void check_right(const char *library, bool preloaded, const char *aead)
{
    cr_assert_eq(secrets_of("right", library, preloaded, aead), FAST);
}

Test(fast_x25519, lib25519_is_used_by_openssl)
{
    check_right("openssl", false, "aes128");
}

Test(fast_x25519, lib25519_is_used_by_gnutls)
{
    check_right("gnutls", false, "aes128");
}

Test(fast_x25519, lib25519_is_used_by_openssl4)
{
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer's runtime is not of that client's C library");
    }
    check_right("openssl4", true, SEALED_AGAIN);
}

Test(fast_x25519, lib25519_is_used_by_nss)
{
    need_nss();
    check_right("nss", false, "aes128");
}

Test(fast_x25519, lib25519_is_used_by_boringssl)
{
    need_boringssl_with_ech();
    check_right("boringssl", false, SEALED_AGAIN);
}

/* The library's hello goes out as the library has sealed it, and shows its own key_share: the
 * engine multiplies nothing. */
static void check_nothing_multiplied(const char *library, bool preloaded)
{
    cr_assert_eq(secrets_of("right", library, preloaded, "aes128"), SECRETS_TRIED);
}

Test(fast_x25519, boringssl_multiplies_alone)
{
    need_boringssl_with_ech();
    check_nothing_multiplied("boringssl", false);
}

Test(fast_x25519, openssl4_multiplies_alone)
{
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer's runtime is not of that client's C library");
    }
    check_nothing_multiplied("openssl4", true);
}

/* One wrong result is enough, and every handshake goes well. */
Test(fast_x25519, a_lib25519_that_is_wrong_is_not_used)
{
    cr_assert_eq(secrets_of("wrong", "openssl", false, "aes128"), 1);
}

Test(fast_x25519, a_lib25519_without_a_function_is_not_used)
{
    cr_assert_eq(secrets_of("half", "openssl", false, "aes128"), 0);
}

Test(fast_x25519, the_systems_lib25519)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, "ldconfig -p | grep lib25519");
    if (result.exit_code != 0) {
        cr_skip_test("no lib25519 here");
    }
    result = loop(world, RUN_SHIM, "openssl", "", (char *[]){"LD_DEBUG=files", NULL});
    cr_assert_not_null(strstr(result.err, "lib25519.so.1"));
    cr_assert_eq(world_report_count(world, "accepted"), WARM_UP + COUNT);
}

/* ---- libsodium ---- */

/* The lib25519 that stands first has one function only, so the next library is tried. */
static unsigned secrets_of_sodium(const char *kind, const char *library)
{
    char path[900];
    struct world *world = world_start(&(struct world_options){.direct = true});
    snprintf(path, sizeof path, "LD_LIBRARY_PATH=%s/lib25519-half:%s/libsodium-%s", world->clients,
             world->clients, kind);
    struct run_result result = loop(world, RUN_SHIM, library, "", (char *[]){path, NULL});
    cr_assert_eq(world_report_count(world, "accepted"), WARM_UP + COUNT);
    cr_assert_eq(secrets_in(&result, "lib25519"), 0);
    return secrets_in(&result, "libsodium");
}

Test(fast_x25519, libsodium_is_used_by_openssl)
{
    cr_assert_eq(secrets_of_sodium("right", "openssl"), FAST);
}

Test(fast_x25519, libsodium_is_used_by_gnutls)
{
    cr_assert_eq(secrets_of_sodium("right", "gnutls"), FAST);
}

Test(fast_x25519, a_libsodium_that_is_wrong_is_not_used)
{
    cr_assert_eq(secrets_of_sodium("wrong", "openssl"), 1);
}

Test(fast_x25519, a_libsodium_that_fails_is_not_used)
{
    cr_assert_eq(secrets_of_sodium("failed", "openssl"), 1);
}

Test(fast_x25519, a_libsodium_without_a_function_is_not_used)
{
    cr_assert_eq(secrets_of_sodium("half", "openssl"), 0);
}

Test(fast_x25519, the_systems_libsodium)
{
    char path[400];
    struct world *world = world_start(&(struct world_options){.direct = true});
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, "ldconfig -p | grep libsodium");
    if (result.exit_code != 0) {
        cr_skip_test("no libsodium here");
    }
    snprintf(path, sizeof path, "LD_LIBRARY_PATH=%s/lib25519-half", world->clients);
    result = loop(world, RUN_SHIM, "openssl", "", (char *[]){path, "LD_DEBUG=files", NULL});
    cr_assert_not_null(strstr(result.err, "libsodium.so."));
    cr_assert_eq(world_report_count(world, "accepted"), WARM_UP + COUNT);
}
