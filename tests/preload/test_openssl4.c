/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenSSL 4, which has an ECH client of its own, in programs that know nothing of it. These tests
 * run in make check-openssl4 only, with that library; what it has in common with earlier versions
 * is tested there by the suites of those.
 */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(openssl4, .fini = world_end, .timeout = 120);

#define NATIVE(mode) "\"$CLIENTS/openssl_native\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define STRICT "ECHSHIM_MODE=strict"
#define WELL "all is well"
#define REQUIRED "tlsv13 alert ech required"

static struct world *start(const struct world_options *options)
{
    if (!fact_openssl4()) {
        cr_skip_test("make check-openssl4 runs it");
    }
    return world_start(options);
}

static struct run_result run(struct world *world, const char *setting, const char *command)
{
    return world_shell(world, RUN_SHIM, (char *[]){(char *)(size_t)setting, NULL}, command);
}

/* ---- an SSL that makes a second handshake ---- */

static void check_reused(const char *setting, const char *command)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, setting, command);
    expect_exit(&result, 0, "first: well\nsecond: " REQUIRED);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"reused\""));
    /* Only the first connection carried anything. */
    size_t octets;
    (void)connections_ended(world);
    (void)world_read(world, "wire/0002.c2s", &octets);
    cr_assert_eq(octets, 0u, "%zu octets of the second hello", octets);
    world_expect_hidden(world);
}

Test(openssl4, a_reused_ssl_is_refused)
{
    check_reused(OPPORTUNISTIC, NATIVE("reuse"));
}

Test(openssl4, a_reused_ssl_is_refused_in_strict_mode)
{
    check_reused(STRICT, NATIVE("reuse"));
}

/* Without ECH, and with GREASE alone, an SSL is as good as new. */
Test(openssl4, an_ssl_that_was_greased_can_be_reused)
{
    struct world *world = start(&(struct world_options){.no_https_record = true});
    struct run_result result = run(world, OPPORTUNISTIC, NATIVE("reuse"));
    expect_exit(&result, 0, "first: well\nsecond: well");
    cr_assert_eq(world_report_count(world, "grease"), 2u);
    world_expect_visible(world, 2);
}

Test(openssl4, an_ssl_without_ech_can_be_reused)
{
    struct world *world = start(&(struct world_options){.no_https_record = true});
    struct run_result result = run(world, "ECHSHIM_GREASE=off", NATIVE("reuse"));
    expect_exit(&result, 0, "first: well\nsecond: well");
    cr_assert_eq(world_report_count(world, "plain"), 2u);
    world_expect_visible(world, 2);
}

/* ---- ECH securely disabled ---- */

/* One error, and the next attempt goes without ECH. */
Test(openssl4, ech_86_the_attempt_after_the_error_is_without_ech)
{
    struct world *world = start(&(struct world_options){.server_without_ech = true});
    struct run_result result = run(world, OPPORTUNISTIC, NATIVE("twice"));
    expect_exit(&result, 0, "first: " REQUIRED "\nsecond: well");
    cr_assert_eq(world_report_count(world, "rejected"), 1u);
    cr_assert_eq(world_report_count(world, "grease"), 1u);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"disabled\""));
    world_expect_visible(world, 1);
}

/* A server that knows nothing of ECH. What a server of BoringSSL does without keys is another
 * matter: it would confirm an inner hello. */
Test(openssl4, ech_86_openssl_3_as_server)
{
    char certificates[1200];
    char configs[1100];
    struct world *world = start(NULL);
    snprintf(certificates, sizeof certificates,
             "exec /usr/bin/openssl s_server -www -accept 127.0.0.1:8443 -cert %s/public.pem "
             "-key %s/public.key -servername " INNER_NAME " -cert2 %s/inner.pem -key2 %s/inner.key",
             world->pki, world->pki, world->pki, world->pki);
    char *const server[] = {"sh", "-c", certificates, NULL};
    world_spawn(world, "s_server", "ACCEPT", server);
    snprintf(configs, sizeof configs, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){configs, "ECHSHIM_PORTS=8443", NULL},
        "\"$CLIENTS/openssl_native\" " INNER_NAME " 8443 \"$CA\" twice-connect \"$PKI\"");
    expect_exit(&result, 0, "first: " REQUIRED "\nsecond: well");
    cr_assert_eq(world_report_count(world, "rejected"), 1u);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"disabled\""));
}

Test(openssl4, ech_86_strict_refuses_the_next_attempt_too)
{
    struct world *world = start(&(struct world_options){.server_without_ech = true});
    struct run_result result = run(world, STRICT, NATIVE("twice"));
    expect_exit(&result, 0, "first: " REQUIRED "\nsecond: " REQUIRED);
    world_expect_hidden(world);
}

/* ---- extensions of the program ---- */

static void check_extension(const char *command)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, OPPORTUNISTIC, command);
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", "own_extension");
    world_expect_visible(world, 1);
}

static void check_extension_in_strict_mode(const char *command)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, STRICT, command);
    expect_exit(&result, 1, REQUIRED);
    expect_report(world, 1, "refused", "own_extension");
    expect_silence(world);
}

Test(openssl4, own_extension)
{
    check_extension(NATIVE("extension"));
}

Test(openssl4, own_extension_with_two_hellos)
{
    struct world *world = start(&(struct world_options){.hello_retry = true});
    struct run_result result = run(world, OPPORTUNISTIC, NATIVE("client-extension"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", "own_extension");
}

Test(openssl4, own_client_extension)
{
    check_extension(NATIVE("client-extension"));
}

Test(openssl4, own_extension_in_strict_mode)
{
    check_extension_in_strict_mode(NATIVE("extension"));
}

Test(openssl4, own_client_extension_in_strict_mode)
{
    check_extension_in_strict_mode(NATIVE("client-extension"));
}

static void check_accepted(const char *setting, bool hello_retry, const char *command,
                           const char *says, unsigned connections)
{
    struct world *world = start(&(struct world_options){.hello_retry = hello_retry});
    struct run_result result = run(world, setting, command);
    expect_exit(&result, 0, says);
    world_expect_accepted(world, connections);
}

#define ACCEPTED(name, mode, says, connections)                                                    \
    Test(openssl4, name)                                                                           \
    {                                                                                              \
        check_accepted(OPPORTUNISTIC, false, NATIVE(mode), says, connections);                     \
    }                                                                                              \
    Test(openssl4, name##_with_two_hellos)                                                         \
    {                                                                                              \
        check_accepted(OPPORTUNISTIC, true, NATIVE(mode), says, connections);                      \
    }                                                                                              \
    Test(openssl4, name##_in_strict_mode)                                                          \
    {                                                                                              \
        check_accepted(STRICT, false, NATIVE(mode), says, connections);                            \
    }                                                                                              \
    struct world

ACCEPTED(an_extension_in_no_hello, "certificate-extension", WELL, 1);
ACCEPTED(an_extension_of_another_context, "extension-elsewhere", WELL, 1);
ACCEPTED(info_callbacks_are_the_programs, "callbacks", WELL, 6);
/* SSL_dup makes a new one of it. */
ACCEPTED(a_copy_of_a_used_ssl, "reuse-copy", "first: well\nsecond: well", 2);
/* The outer name is the one that was on the wire. */
ACCEPTED(what_the_program_sees, "view", "status 1, inner " INNER_NAME ", outer " PUBLIC_NAME, 1);

#define PROTOCOLS(count) "PROTOCOLS=" count " " NATIVE("protocols")

Test(openssl4, many_protocols)
{
    check_accepted(STRICT, false, PROTOCOLS("100"), WELL, 1);
}

/* The library does not compress ALPN, and its payload has at most 1,500 octets. */
Test(openssl4, too_many_protocols)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, OPPORTUNISTIC, PROTOCOLS("200"));
    expect_exit(&result, 1, "SSL_connect failed");
    expect_report(world, 1, "failed", "unsealed");
    world_expect_hidden(world); /* its alert alone goes out */
}

/* ---- a real program: it speaks to a database, and has libssl.so.3 beside libssl.so.4 ---- */

#define OVN_NBCTL                                                                                  \
    "ovn-nbctl --timeout=5 --db=ssl:" INNER_NAME                                                   \
    ":443 -p \"$PKI/inner.key\" -c \"$PKI/inner.pem\" "                                            \
    "-C \"$CA\" show"

static struct world *start_ovn(const struct world_options *options)
{
    struct world *world = start(options);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, "ovn-nbctl --version");
    if (result.exit_code != 0) {
        cr_skip_test("no ovn-nbctl in the root with OpenSSL 4");
    }
    return world;
}

static void check_ovn(const char *setting, const struct world_options *options)
{
    struct world *world = start_ovn(options);
    /* The server is no database: the program gives up after the handshake. */
    struct run_result result = run(world, setting, OVN_NBCTL);
    cr_assert_neq(result.exit_code, 0, "%s%s", result.out, result.err);
    world_expect_hidden(world);
    cr_assert_geq(world_log_count(world, "accepted", 1), 1u, "%s%s%s", result.out, result.err,
                  world_read(world, "report", NULL));
    cr_assert_geq(world_report_count(world, "accepted"), 1u);
}

Test(openssl4, ovn_nbctl)
{
    check_ovn(OPPORTUNISTIC, NULL);
}

Test(openssl4, ovn_nbctl_with_a_stale_key)
{
    check_ovn(OPPORTUNISTIC, &(struct world_options){.stale_config = true});
}

Test(openssl4, ovn_nbctl_in_strict_mode)
{
    check_ovn(STRICT, &(struct world_options){.hello_retry = true});
}

/* ---- what the program asks of the library itself ---- */

Test(openssl4, own_grease_is_left_alone)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, OPPORTUNISTIC, NATIVE("own-grease"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", "own_grease");
    world_expect_visible(world, 1);
}

Test(openssl4, own_grease_is_refused_in_strict_mode)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, STRICT, NATIVE("own-grease"));
    expect_exit(&result, 1, REQUIRED);
    expect_report(world, 1, "refused", "own_grease");
    expect_silence(world);
}

Test(openssl4, no_list_without_tls13)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, OPPORTUNISTIC, NATIVE("old-versions"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", "no_tls13");
}

Test(openssl4, no_list_without_tls13_in_strict_mode)
{
    struct world *world = start(NULL);
    struct run_result result = run(world, STRICT, NATIVE("old-versions"));
    expect_exit(&result, 1, "SSL_connect failed");
    expect_report(world, 1, "refused", "no_tls13");
    expect_silence(world);
}
