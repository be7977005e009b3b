/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handshake may cost, and what is done to make it cheap. tests/bench has the figures. */
#include "checks.h"
#include "require.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(cost, .fini = world_end, .timeout = 120);

enum {
    WARM_UP = 20, /* handshakes that tests/bench/loop.c makes first */
    COUNT = 10,
    SECRETS_TRIED = 2,     /* of RFC 7748, before lib25519 is used */
    HANDSHAKES_BEFORE = 3, /* without lib25519: SHIM_X25519_FROM - 1 */
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

/* ---- lib25519 ---- */

/* A loop with a library of this kind in place of lib25519; returns how many shared secrets it
 * made. */
static unsigned secrets_of(const char *kind, const char *library)
{
    char path[400];
    unsigned public_keys = 0;
    unsigned secrets = 0;
    struct world *world = world_start(&(struct world_options){.direct = true});
    snprintf(path, sizeof path, "LD_LIBRARY_PATH=%s/lib25519-%s", world->clients, kind);
    struct run_result result = loop(world, RUN_SHIM, library, "", (char *[]){path, NULL});
    cr_assert_eq(world_report_count(world, "accepted"), WARM_UP + COUNT);
    const char *told = strstr(result.err, "lib25519: ");
    cr_assert_not_null(told, "it was not loaded: %s", result.err);
    cr_assert_eq(sscanf(told, "lib25519: %u public keys, %u shared", &public_keys, &secrets), 2);
    return secrets;
}

static void check_right(const char *library)
{
    cr_assert_eq(secrets_of("right", library), SECRETS_TRIED + WARM_UP + COUNT - HANDSHAKES_BEFORE);
}

Test(cost, lib25519_is_used_by_openssl)
{
    check_right("openssl");
}

Test(cost, lib25519_is_used_by_gnutls)
{
    check_right("gnutls");
}

/* One wrong result is enough, and every handshake goes well. */
Test(cost, a_lib25519_that_is_wrong_is_not_used)
{
    cr_assert_eq(secrets_of("wrong", "openssl"), 1);
}

Test(cost, a_lib25519_without_a_function_is_not_used)
{
    cr_assert_eq(secrets_of("half", "openssl"), 0);
}

Test(cost, the_systems_lib25519)
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
