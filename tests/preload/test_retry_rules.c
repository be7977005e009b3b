/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a retry may use, what must not follow a failure, and what is kept (RFC 9849, 6.1.6 to 6.1.8
 * and 8.1.1). The retry is on, unlike in test_reject.c. */
#include "../facts.h"
#include "checks.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

TestSuite(retry_rules, .fini = world_end, .timeout = 120);

enum { PRE_SHARED_KEY = 41, STALE_ID = 9, SERVED_ID = 7 };

static unsigned recorded(const struct world *world, const char *folder)
{
    char pattern[192];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/%s/*.c2s", world->folder, folder);
    glob(pattern, 0, NULL, &found);
    unsigned count = (unsigned)found.gl_pathc;
    globfree(&found);
    return count;
}

static const struct program *const programs[] = {&a_wget, &a_curl, &an_openssl_epoll,
                                                 &a_gnutls_nonblocking};
enum { PROGRAMS = sizeof programs / sizeof *programs };

/* ---- how often, and with what ---- */

/* The server rejects every connection, each time with configs for a key that it has just made. */
static void check_rejected_again(const struct program *program)
{
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--renew", "99"}});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, program->command);
    expect_exit(&result, program->failure_exit, program->failure_text);
    expect_report(world, 1, "rejected", "rejected_again");
    expect_report_text(world, "retries", "1");
    expect_outer_hellos(world, 2);
}

/* The server rejects with configs, and the new connection without: the limit does not apply to
 * that. */
static void check_disabled_later(const struct program *program)
{
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--renew", "1", "--forget", "1"}});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, program->command);
    expect_exit(&result, 0, NULL);
    expect_report(world, 1, "disabled", NULL);
    cr_assert_eq(connections_ended(world), 3);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1u, "only the last hello is a plain one");
}

#define RULES(name, program)                                                                       \
    Test(retry_rules, ech_87_##name)                                                               \
    {                                                                                              \
        check_rejected_again(&(program));                                                          \
    }                                                                                              \
    Test(retry_rules, ech_88_##name)                                                               \
    {                                                                                              \
        check_disabled_later(&(program));                                                          \
    }                                                                                              \
    struct world

RULES(wget, a_wget);
RULES(curl, a_curl);
RULES(epoll, an_openssl_epoll);
RULES(gnutls_nonblocking, a_gnutls_nonblocking);

/* The program makes two connections, the second with the session of the first. The next hello would
 * show a ticket of the rejected connection. The third hello would show configs that outlive their
 * retry: it has to use those of DNS again. */
static void check_later_connection(const char *command)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, "reused");
    world_expect_accepted(world, 2);
    /* For each connection of the program: its hello, perhaps a probe, and the retry. */
    size_t each = 2;
    cr_assert_eq(wire_hellos(world, hellos), 2 * each);
    for (size_t i = 0; i < 2 * each; i++) {
        bool is_retry = i % each == each - 1;
        cr_assert_eq(wire_outer_ech(&hellos[i]).config_id, is_retry ? SERVED_ID : STALE_ID);
        if (is_retry || i % each == 0) {
            cr_assert_eq(wire_has_extension(&hellos[i], PRE_SHARED_KEY), i >= each, "hello %zu", i);
        }
    }
}

Test(retry_rules, ech_82_ech_85_openssl)
{
    check_later_connection(OWN_OPENSSL("resume"));
}

Test(retry_rules, ech_82_ech_85_gnutls)
{
    check_later_connection(OWN_GNUTLS("resume"));
}

/* ---- the address ---- */

/* DNS no longer gives the address that the program has: the retry goes to it, not to the one that
 * DNS gives now. */
static void check_same_address(const char *command)
{
    char program[300];
    char record[160];
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    snprintf(record, sizeof record, "%s/old", world->folder);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, "mkdir old");
    expect_exit(&result, 0, NULL);
    char *const relay[] = {
        program, "--listen", "127.0.0.3:443", "--to", world->server_address, "--record",
        record,  NULL};
    world_spawn(world, "old-relay", "listening ", relay);
    result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(recorded(world, "old"), 2);
    cr_assert_eq(recorded(world, "wire"), 0u, "the address of a new answer");
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
}

Test(retry_rules, ech_84_openssl)
{
    check_same_address(
        "openssl s_client -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME
        " -connect 127.0.0.3:443 </dev/null");
}

Test(retry_rules, ech_84_gnutls)
{
    check_same_address("gnutls-cli --x509cafile \"$CA\" --sni-hostname " INNER_NAME
                       " --verify-hostname " INNER_NAME " 127.0.0.3 </dev/null");
}

/* ---- never in the clear ---- */

/* No hello in the clear, whatever ends the exchange, even when the program itself tries again. */
static void check_never_in_clear(const char *how)
{
    static const char *const persistent[] = {
        "wget -nv -O - --tries=2 --waitretry=0 --retry-connrefused --timeout=2 "
        "--ca-certificate=\"$CA\" " URL,
        "curl -sS --cacert \"$CA\" --retry 2 --retry-delay 1 --retry-all-errors --max-time 2 " URL,
        "/usr/bin/python3 -c 'import socket, ssl\n"
        "for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):\n"
        "    context = ssl.create_default_context()\n"
        "    context.maximum_version = version\n"
        "    s = socket.create_connection((\"" INNER_NAME "\", 443), 2)\n"
        "    try:\n"
        "        context.wrap_socket(s, server_hostname=\"" INNER_NAME "\")\n"
        "    except OSError as e: error = e\n"
        "raise error'",
    };
    struct world *world = world_start(NULL);
    start_hostile_server(world, how);
    world->run_seconds = 30;
    for (size_t i = 0; i < sizeof persistent / sizeof *persistent; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, persistent[i]);
        cr_assert_neq(result.exit_code, 0);
        cr_assert_not(result.timed_out);
    }
    cr_assert_geq(recorded(world, "wire"), 3u);
    cr_assert_geq(world_wire_count(world, PUBLIC_NAME), 3u);
    world_expect_hidden(world);
}

#define NEVER(how)                                                                                 \
    Test(retry_rules, ech_74_ech_90_##how)                                                         \
    {                                                                                              \
        check_never_in_clear(#how);                                                                \
    }                                                                                              \
    struct world

NEVER(close);
NEVER(reset);
NEVER(alert);
NEVER(warning);
NEVER(garbage);
NEVER(random);
NEVER(half);
NEVER(stall);

/* ---- what the shim keeps ---- */

/* One program makes two connections. It holds a second descriptor of the first one, so the shim
 * cannot put another connection in its place. */
#define KEEPS                                                                                      \
    "/usr/bin/python3 -c 'import os, socket, ssl\n"                                                \
    "for attempt in (1, 2):\n"                                                                     \
    "    s = socket.create_connection((\"" INNER_NAME "\", 443))\n"                                \
    "    other = os.dup(s.fileno()) if attempt == 1 else None\n"                                   \
    "    try:\n"                                                                                   \
    "        ssl.create_default_context().wrap_socket(s, server_hostname=\"" INNER_NAME "\")\n"    \
    "        print(attempt, \"well\")\n"                                                           \
    "    except ssl.SSLError:\n"                                                                   \
    "        print(attempt, \"error\")'"

static void check_kept(const char *renewals, unsigned connections)
{
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--renew", renewals}});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, KEEPS);
    expect_exit(&result, 0, "1 error\n2 well");
    cr_assert_eq(world_report_count(world, "rejected"), 1u);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
    cr_assert_eq(connections_ended(world), connections);
    world_expect_hidden(world);
}

Test(retry_rules, ech_89_ech_92_kept_for_the_next_attempt)
{
    check_kept("1", 2);
}

/* The server rejects the kept configs too: that counts as a first rejection, and the shim retries.
 */
Test(retry_rules, ech_91_a_later_rejection_is_a_first_one)
{
    check_kept("2", 3);
}

/* ---- side traffic ---- */

/* The certificate names places for OCSP, CRLs and issuers, all on this address. */
Test(retry_rules, ech_106_nobody_is_asked_about_certificates)
{
    char program[300];
    char record[160];
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    snprintf(record, sizeof record, "%s/side", world->folder);
    struct run_result result = world_shell(
        world, RUN_PLAIN, NULL,
        "mkdir side; certtool -i --infile \"$PKI/public.pem\" | grep -c http://127.0.0.66/");
    expect_exit(&result, 0, FACT_CERTTOOL_WRITES_CRL_PLACES ? "3" : "2");
    char *const relay[] = {
        program, "--listen", "127.0.0.66:80", "--to", world->server_address, "--record",
        record,  NULL};
    world_spawn(world, "side", "listening ", relay);
    for (size_t i = 0; i < PROGRAMS; i++) {
        result = world_shell(world, RUN_SHIM, NULL, programs[i]->command);
        expect_exit(&result, 0, NULL);
    }
    world_expect_accepted(world, PROGRAMS);
    cr_assert_eq(recorded(world, "side"), 0u);
}
