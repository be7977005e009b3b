/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS library tells a program the same with the shim as without: results, errors, errno, the
 * order of callbacks, all that the program can ask before, within and after a handshake. The
 * clients print all of it.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(api, .fini = world_end, .timeout = 120);

/* Shows the first line that differs, from both outputs. */
static void expect_same(const char *with, const char *without)
{
    const char *start = with;
    const char *other = without;
    for (const char *a = with, *b = without; *a == *b && *a != '\0'; a++, b++) {
        if (*a == '\n') {
            start = a + 1;
            other = b + 1;
        }
    }
    cr_assert_str_eq(start, other, "with the shim: %.*s\nwithout it: %.*s\nof\n%s",
                     (int)strcspn(start, "\n"), start, (int)strcspn(other, "\n"), other, without);
}

static struct world *check_same(const struct world_options *options, char *const extra[],
                                const char *command)
{
    struct world *world = world_start(options);
    struct run_result without = world_shell(world, RUN_PLAIN, NULL, command);
    struct run_result with = world_shell(world, RUN_SHIM, extra, command);
    cr_assert_gt(strlen(without.out), 20, "%s", without.err);
    expect_same(with.out, without.out);
    expect_same(with.err, without.err);
    cr_assert_eq(with.exit_code, without.exit_code);
    return world;
}

#define STRICT ((char *[]){"ECHSHIM_MODE=strict", NULL})

/* The server is far away: a program that does not block sees every state. */
enum { FAR_MS = 150 };

/* Without ECH: no record, or only TLS 1.2. */
#define SAME_WITHOUT_ECH(name, far, command)                                                       \
    Test(api, name##_without_a_record)                                                             \
    {                                                                                              \
        check_same(&(struct world_options){.no_https_record = true, .delay_ms = (far)}, NULL,      \
                   command);                                                                       \
    }                                                                                              \
    Test(api, name##_with_tls12)                                                                   \
    {                                                                                              \
        check_same(                                                                                \
            &(struct world_options){.no_https_record = true, .tls12 = true, .delay_ms = (far)},    \
            NULL, command);                                                                        \
    }                                                                                              \
    struct world

/* With a record: in opportunistic and in strict mode, and with a second hello. */
#define SAME(name, far, command)                                                                   \
    SAME_WITHOUT_ECH(name, far, command);                                                          \
    Test(api, name##_with_ech)                                                                     \
    {                                                                                              \
        check_same(&(struct world_options){.delay_ms = (far)}, NULL, command);                     \
    }                                                                                              \
    Test(api, name##_with_ech_in_strict_mode)                                                      \
    {                                                                                              \
        check_same(&(struct world_options){.delay_ms = (far)}, STRICT, command);                   \
    }                                                                                              \
    Test(api, name##_with_ech_and_two_hellos)                                                      \
    {                                                                                              \
        check_same(&(struct world_options){.hello_retry = true, .delay_ms = (far)}, NULL,          \
                   command);                                                                       \
    }                                                                                              \
    struct world

#define GNUTLS(mode) "\"$CLIENTS/gnutls_api\" " INNER_NAME " 443 \"$CA\" " mode

SAME(gnutls, 0, GNUTLS("whole"));
SAME(gnutls_unknown_authority, 0, GNUTLS("unknown-authority"));
SAME(gnutls_refused_by_the_program, 0, GNUTLS("refused-by-program"));
SAME(gnutls_without_waiting, 0, GNUTLS("without-waiting"));
SAME(gnutls_without_a_connection, 0, GNUTLS("no-connection"));
/* A hello without TLS 1.3 cannot have ECH. */
SAME_WITHOUT_ECH(gnutls_without_credentials, 0, GNUTLS("without-credentials"));

#define OPENSSL(mode) "\"$CLIENTS/openssl_api\" " INNER_NAME " 443 \"$CA\" " mode

SAME(openssl, 0, OPENSSL("whole"));
SAME(openssl_non_blocking, FAR_MS, OPENSSL("non-blocking"));
SAME(openssl_unknown_authority, 0, OPENSSL("unknown-authority"));
SAME(openssl_bad_versions, 0, OPENSSL("bad-versions"));
SAME(openssl_without_a_bio, 0, OPENSSL("no-bio"));
SAME(openssl_with_half_a_transport, 0, OPENSSL("half-bio"));
