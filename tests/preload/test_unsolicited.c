/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extensions that nobody asked for, in HelloRetryRequest and in a ServerHello of TLS 1.2: the
 * server gets unsupported_extension, also where key shares are only copied. encrypted_client_hello
 * is one of them in TLS 1.2, which knows no answer to it, with GREASE too.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(unsolicited, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"
#define GREASE "ECHSHIM_MODE=grease"
#define UNSUPPORTED "listening\nalert 110\n"
#define ILLEGAL "listening\nalert 47\n"
#define UNEXPECTED "listening\nalert 10\n"
#define MALFORMED "listening\nalert 50\n" /* whether it rejects ECH is not known then */

#define UNKNOWN "abcd0000"
#define PRE_SHARED_KEY "002900020000"
#define ECH_LIST "fe0d00070005fe0a000109"
#define ECH_CONFIRMATION "fe0d00080011223344556677"

/* What the server says, once the only connection has ended. */
static void expect_said(struct world *world, const char *expected)
{
    char *said = NULL;
    for (int tries = 0; tries < 400; tries++) {
        free(said);
        said = world_read(world, "odd.out", NULL);
        if (strlen(said) > strlen("listening\n")) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    cr_assert_str_eq(said, expected);
    free(said);
}

static void check(const char *command, char *mode, char *kind, char *extension,
                  const char *expected)
{
    char script[300];
    char setting[1200];
    struct world *world = world_start(NULL);
    snprintf(script, sizeof script, "%s/../../tests/preload/odd_hello.py", world->pki);
    world_spawn(world, "odd", "listening",
                (char *[]){"python3", script, "127.0.0.3", "443", kind, extension, NULL});
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){mode, setting, NULL}, command);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_not(result.timed_out);
    expect_said(world, expected);
    cr_assert_eq(world_report_count(world, strcmp(mode, STRICT) != 0          ? "grease"
                                           : strcmp(expected, MALFORMED) != 0 ? "rejected"
                                                                              : "failed"),
                 1u, "%s", world_read(world, "report", NULL));
    if (strcmp(mode, STRICT) == 0) {
        world_expect_hidden(world);
    }
}

#define OPENSSL                                                                                    \
    "openssl s_client -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME                \
    " -connect 127.0.0.3:443 -groups X25519:P-384 </dev/null"
/* The engine has no share of this group, so key_share is copied. */
#define COPIED                                                                                     \
    "KEYS=hide openssl s_client -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME      \
    " -connect 127.0.0.3:443 -groups ffdhe2048:P-384 </dev/null"
#define GNUTLS                                                                                     \
    "gnutls-cli --x509cafile \"$CA\" --sni-hostname " INNER_NAME " --verify-hostname " INNER_NAME  \
    " 127.0.0.3 </dev/null"

#define ODD(name, mode, kind, extension, expected)                                                 \
    Test(unsolicited, ech_111_##name##_openssl)                                                    \
    {                                                                                              \
        check(OPENSSL, mode, kind, extension, expected);                                           \
    }                                                                                              \
    Test(unsolicited, ech_111_##name##_gnutls)                                                     \
    {                                                                                              \
        check(GNUTLS, mode, kind, extension, expected);                                            \
    }                                                                                              \
    struct world

ODD(tls12_unknown, STRICT, "server12", UNKNOWN, UNSUPPORTED);
ODD(tls12_list, STRICT, "server12", ECH_LIST, UNSUPPORTED);
ODD(tls12_confirmation, STRICT, "server12", ECH_CONFIRMATION, UNSUPPORTED);
ODD(tls12_list_grease, GREASE, "server12", ECH_LIST, UNSUPPORTED);
ODD(tls12_confirmation_grease, GREASE, "server12", ECH_CONFIRMATION, UNSUPPORTED);
ODD(retry_unknown, STRICT, "retry", UNKNOWN, UNSUPPORTED);
ODD(retry_unknown_and_confirmation, STRICT, "retry", ECH_CONFIRMATION UNKNOWN, UNSUPPORTED);
ODD(retry_unknown_first, STRICT, "retry", "-" UNKNOWN, UNSUPPORTED);
ODD(cookie_alone_and_unknown, STRICT, "cookie", UNKNOWN, UNSUPPORTED);
ODD(retry_psk, STRICT, "retry", PRE_SHARED_KEY, UNSUPPORTED);
/* The client knows this one, but not here: RFC 8446, 4.2. */
ODD(server_hello_confirmation, STRICT, "server13", ECH_CONFIRMATION, ILLEGAL);
ODD(server_hello_unknown, STRICT, "server13", UNKNOWN, UNSUPPORTED);
ODD(retry_short_confirmation, STRICT, "retry", "fe0d000411223344", MALFORMED);
ODD(retry_again, STRICT, "twice", "", UNEXPECTED);
ODD(retry_again_and_unknown, STRICT, "twice", UNKNOWN, UNEXPECTED);

Test(unsolicited, ech_111_retry_unknown_where_the_share_is_copied)
{
    check(COPIED, STRICT, "retry", UNKNOWN, UNSUPPORTED);
}
