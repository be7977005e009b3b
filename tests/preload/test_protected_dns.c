/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a failed look-up means where an attacker cannot forge it (RFC 9460, 3.1; RFC 9848, 8). An
 * observer who cannot read the questions may still make them fail. */
#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(protected_dns, .fini = world_end, .timeout = 120);

#define DOT "tls://127.0.0.57:853#dns.example"

/* Starts a server over TLS that gives addresses, and does `how` when asked for an HTTPS record. */
static void start_dot(struct world *world, const char *how, const char *certificate)
{
    char script[400];
    char identity[400];
    snprintf(script, sizeof script, "%s/../../tests/preload/hostile.py", world->pki);
    snprintf(identity, sizeof identity, "%s/%s", world->pki, certificate);
    char *const argv[] = {"python3",           script,   "127.0.0.57", "853",
                          (char *)(size_t)how, identity, NULL};
    world_spawn(world, "dot", "listening", argv);
}

/* The shim gives up before the program makes a hello, even outside strict mode. */
static void check_given_up(const char *how, const char *certificate, const char *reason,
                           const struct program *program)
{
    struct world *world = world_start(NULL);
    start_dot(world, how, certificate);
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    (char *[]){"ECHSHIM_RESOLVER=" DOT, "ECHSHIM_MODE=opportunistic",
                               "ECHSHIM_TIMEOUT_MS=500", NULL},
                    program->command);
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    if (reason != NULL) {
        expect_report(world, 1, "refused", reason);
    }
    expect_silence(world);
}

#define GIVEN_UP(name, how, certificate, reason)                                                   \
    Test(protected_dns, svcb_33_svcb_59_##name##_wget)                                             \
    {                                                                                              \
        check_given_up(how, certificate, reason, &a_wget);                                         \
    }                                                                                              \
    Test(protected_dns, svcb_33_svcb_59_##name##_curl)                                             \
    {                                                                                              \
        check_given_up(how, certificate, reason, &a_curl);                                         \
    }                                                                                              \
    struct world

GIVEN_UP(servfail, "dot-servfail", "resolver", "servfail");
GIVEN_UP(silence, "dot-silent", "resolver", "timeout");
/* The program's own question for the address fails the same way, so it makes no hello. */
GIVEN_UP(a_connection_that_ends, "dot-close", "resolver", NULL);
GIVEN_UP(a_certificate_of_another, "dot-servfail", "other", NULL);

/* The same over plain DNS proves nothing: go on with GREASE. */
Test(protected_dns, svcb_34_servfail_over_plain_dns)
{
    struct world *world = world_start(NULL);
    start_bad_dns(world, "servfail");
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    (char *[]){"ECHSHIM_RESOLVER=" BAD_DNS, "ECHSHIM_MODE=opportunistic", NULL},
                    WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 2, "grease", "servfail");
}

/* "There is no record" is an answer. */
Test(protected_dns, svcb_29_no_record)
{
    struct world *world = world_start(NULL);
    zone_start(world, (const char *const[]){INNER_NAME " 60 IN A 127.0.0.1", NULL}, NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    (char *[]){"ECHSHIM_RESOLVER=" ZONE_TLS, "ECHSHIM_MODE=opportunistic", NULL},
                    WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 2, "grease", "nodata");
}
