/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many handshakes of every outcome in one process: accepted, with a HelloRetryRequest, by a retry,
 * disabled, rejected by an impostor, reset, GREASE and plain. Nothing may be left behind.
 * ECHSHIM_SOAK_HANDSHAKES gives the number (1,000; `make soak`: 10,000).
 */
#include "../facts.h"
#include "checks.h"
#include "clients/soak.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(soak, .fini = world_end, .timeout = 1200);

enum {
    HANDSHAKES = 1000,
    SOAK_SECONDS = 1000,
    PARALLEL_THREADS = 8,
    PARALLEL_HANDSHAKES = 80, /* per thread */
    ARGUMENTS = 4,
};

/* Starts an ECH server like the world's own; the arguments may ask for the same key. */
static void start_server(struct world *world, const struct soak_way *way, const char *public,
                         const char *const arguments[ARGUMENTS])
{
    char program[300];
    char listen[64];
    char inner[700];
    char outer[700];
    char log[160];
    char name[32];
    snprintf(program, sizeof program, "%s/../peers/ech_server", world->pki);
    snprintf(listen, sizeof listen, "%s:443", way->address);
    snprintf(inner, sizeof inner, "%s=%s/soak.pem=%s/soak.key", SOAK_CERTIFIED, world->pki,
             world->pki);
    snprintf(outer, sizeof outer, "%s=%s/%s.pem=%s/%s.key", PUBLIC_NAME, world->pki, public,
             world->pki, public);
    snprintf(log, sizeof log, "%s/server.log", world->folder);
    snprintf(name, sizeof name, "server-%s", way->address);
    char *argv[10 + ARGUMENTS] = {program,  "--listen", listen,  "--cert", inner,
                                  "--cert", outer,      "--log", log};
    for (size_t i = 0, at = 9; i < ARGUMENTS && arguments[i] != NULL; i++) {
        argv[at++] = (char *)(size_t)arguments[i];
    }
    world_spawn(world, name, "listening", argv);
}

static struct world *start(void)
{
    char key[160];
    char log[160];
    char script[400];
    struct world *world =
        world_start(&(struct world_options){.direct = true, .dns_zone = SOAK_ZONE});
    snprintf(key, sizeof key, "%s/ech_key", world->folder);
    snprintf(log, sizeof log, "%s/server.log", world->folder);
    snprintf(script, sizeof script, "%s/../../tests/preload/hostile.py", world->pki);
    start_server(world, &soak_ways[0], "public", (const char *[ARGUMENTS]){"--load-key", key});
    start_server(world, &soak_ways[1], "public",
                 (const char *[ARGUMENTS]){"--load-key", key, "--groups", "P-384"});
    start_server(world, &soak_ways[2], "public", (const char *[ARGUMENTS]){NULL});
    start_server(world, &soak_ways[3], "public", (const char *[ARGUMENTS]){"--no-ech"});
    start_server(world, &soak_ways[4], "public-stranger", (const char *[ARGUMENTS]){NULL});
    char *const hostile[] = {
        "python3", script, (char *)(size_t)soak_ways[5].address, "443", "reset", log, NULL};
    world_spawn(world, "hostile", "listening", hostile);
    world->run_seconds = SOAK_SECONDS;
    return world;
}

static void check_reported(struct world *world, const char *outcome, unsigned at_least)
{
    unsigned count = world_report_count(world, outcome);
    cr_assert_geq(count, at_least, "%u are reported as %s, not %u: %s", count, outcome, at_least,
                  world_report_summary(world));
}

static void check(const char *program)
{
    char command[256];
    const char *asked = getenv("ECHSHIM_SOAK_HANDSHAKES");
    unsigned handshakes = asked != NULL ? (unsigned)atoi(asked) : (unsigned)HANDSHAKES;
    struct world *world = start();
    snprintf(command, sizeof command, "\"$CLIENTS/%s\" \"$CA\" %u", program, handshakes);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_LOG=off", NULL}, command);
    expect_exit(&result, 0, "all is well");
    unsigned share = handshakes / SOAK_WAYS;
    check_reported(world, "accepted", 3 * share);
    /* The shim remembers for the record's TTL that ECH is disabled: few connections have this line.
     */
    if (!fact_openssl4()) {
        check_reported(world, "disabled", share / 10);
    }
    check_reported(world, "rejected", share);
    check_reported(world, "failed", share);
    check_reported(world, "grease", share);
    check_reported(world, "plain", share);
    fprintf(stderr, "soak: %s, %u handshakes: %.*s\n", program, handshakes,
            (int)strcspn(result.out, "\n"), result.out);
}

Test(soak, openssl)
{
    check("soak_openssl");
}

Test(soak, gnutls)
{
    check("soak_gnutls");
}

/* Eight threads, all outcomes at the same time. An engine that watches its own accesses (`make
 * check-threads`) ends the program with an error when it sees a race. */
static void check_in_parallel(const char *program, const char *resolver)
{
    char command[256];
    struct world *world = start();
    snprintf(command, sizeof command, "\"$CLIENTS/%s\" \"$CA\" %d %d", program, PARALLEL_HANDSHAKES,
             PARALLEL_THREADS);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_LOG=off", (char *)(size_t)resolver, NULL}, command);
    expect_exit(&result, 0, "all is well");
    unsigned share = PARALLEL_THREADS * PARALLEL_HANDSHAKES / SOAK_WAYS;
    check_reported(world, "accepted", 3 * share);
    check_reported(world, "rejected", share);
    check_reported(world, "failed", share);
}

Test(soak, openssl_in_threads)
{
    check_in_parallel("soak_openssl", "ECHSHIM_RESOLVER=system");
}

Test(soak, gnutls_in_threads)
{
    check_in_parallel("soak_gnutls", "ECHSHIM_RESOLVER=system");
}

/* All threads share one connection to the resolver. */
Test(soak, openssl_over_tls_in_threads)
{
    check_in_parallel("soak_openssl", "ECHSHIM_RESOLVER=" DNS_TLS);
}

Test(soak, gnutls_over_https_in_threads)
{
    check_in_parallel("soak_gnutls", "ECHSHIM_RESOLVER=" DNS_HTTPS);
}
