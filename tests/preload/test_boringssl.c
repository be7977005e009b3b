/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BoringSSL as a shared library, shown by tests/preload/clients/boringssl_client.c. */
#include "checks.h"
#include "matrix.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT(mode) "\"$CLIENTS/boringssl_client\" " INNER_NAME " 443 \"$CA\" " mode
#define WELL "all is well"
#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define KEYS(what, order) EXTRA(what, preload(world, "libkeys_interposer.so", order))

TestSuite(boringssl_client, .init = need_boringssl_with_ech, .fini = world_end, .timeout = 120);
TestSuite(baseline_boringssl_client, .init = need_boringssl_with_ech, .fini = world_end,
          .timeout = 120);
TestSuite(boringssl_failures, .init = need_boringssl_with_ech, .fini = world_end, .timeout = 300);

MATRIX(boringssl_client, direct, 1, WELL, CLIENT("direct"));
MATRIX(boringssl_client, implicit, 1, WELL, CLIENT("implicit"));
MATRIX(boringssl_client, do_handshake, 1, WELL, CLIENT("do-handshake"));
MATRIX(boringssl_client, polling, 1, WELL, CLIENT("polling"));
MATRIX(boringssl_client, memory, 1, WELL, CLIENT("memory"));
MATRIX(boringssl_client, set_fd_again, 1, WELL, CLIENT("set-fd-again"));
MATRIX(boringssl_client, clear, 2, WELL, CLIENT("clear"));
MATRIX(boringssl_client, resume, 2, "reused", CLIENT("resume"));
MATRIX(boringssl_client, threads, 400, WELL, CLIENT("threads"));
MATRIX(boringssl_client, fork, 3, WELL, CLIENT("fork"));

static const char *const ways[] = {CLIENT("direct"), CLIENT("implicit"), CLIENT("do-handshake"),
                                   CLIENT("polling"), CLIENT("memory")};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- rejections ---- */

static void check_retry(bool hello_retry)
{
    struct world *world =
        world_start(&(struct world_options){.stale_config = true, .hello_retry = hello_retry});
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), ways[i]);
        expect_exit(&result, 0, WELL);
        cr_assert_eq(connections_ended(world), 2 * (i + 1), "%s", ways[i]);
    }
    world_expect_accepted(world, WAYS);
}

Test(boringssl_failures, the_report_names_the_library)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("direct"));
    expect_exit(&result, 0, WELL);
    char *report = world_read(world, "report", NULL);
    cr_assert(strstr(report, "\"library\":\"boringssl\"") != NULL, "%s", report);
    free(report);
}

Test(boringssl_failures, ech_83_stale_config)
{
    check_retry(false);
}

Test(boringssl_failures, ech_83_stale_config_and_second_hello)
{
    check_retry(true);
}

Test(boringssl_failures, ech_83_stale_config_and_a_resumed_session)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT("resume"));
    expect_exit(&result, 0, "reused");
    world_expect_accepted(world, 2);
}

static void check_failure(struct world *world, char *extra, const char *outcome, const char *reason)
{
    world->run_seconds = 20;
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA(extra), ways[i]);
        expect_exit(&result, 1, "failed");
        expect_report(world, i + 1, outcome, reason);
    }
    world_expect_hidden(world);
}

#define FAILS(name, extra, outcome, reason, ...)                                                   \
    Test(boringssl_failures, name)                                                                 \
    {                                                                                              \
        check_failure(world_start(&(struct world_options){__VA_ARGS__}), extra, outcome, reason);  \
    }                                                                                              \
    struct world

FAILS(server_without_tls13, "ECHSHIM_MODE=opportunistic", "failed", "alert", .tls12 = true);
FAILS(ech_72_impostor, STRICT, "rejected", "outer_certificate", .stale_config = true,
      .public_certificate = "public-stranger");
FAILS(strict_without_record, STRICT, "refused", "nodata", .no_https_record = true);

/* The key of the local config is one for each process: in a child it is a new one. config_id has
 * one octet, so one child of four may have the parent's by chance. For a server with another AEAD
 * than the local config it is not the server's config_id. */
Test(boringssl_failures, no_key_outlives_a_fork)
{
    enum { FORKS = 4, HANDSHAKES = 3 * FORKS };
    unsigned seen[256] = {0};
    unsigned most = 0;
    unsigned count = 0;
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--aead", "aes256"}});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("keys-after-fork"));
    expect_exit(&result, 0, WELL);
    for (const char *at = result.out; (at = strstr(at, "config_id ")) != NULL; count++) {
        at += strlen("config_id ");
        unsigned id = (unsigned)strtoul(at, NULL, 10) % 256;
        seen[id]++;
        most = seen[id] > most ? seen[id] : most;
    }
    cr_assert_eq(count, HANDSHAKES, "%s", result.out);
    cr_assert(most >= HANDSHAKES - FORKS && most < HANDSHAKES, "%s", result.out);
}

/* The server is told on the connection that it rejected, and sees no other one. */
static void check_retry_off(bool hello_retry)
{
    struct world *world =
        world_start(&(struct world_options){.stale_config = true, .hello_retry = hello_retry});
    check_failure(world, "ECHSHIM_RETRY=off", "rejected", "retry_off");
    cr_assert_eq(world_log_count(world, "ech_required", WAYS), WAYS);
    cr_assert_eq(connections_ended(world), WAYS);
}

Test(boringssl_failures, ech_79_retry_switched_off)
{
    check_retry_off(false);
}

Test(boringssl_failures, ech_79_retry_switched_off_after_second_hello)
{
    check_retry_off(true);
}

Test(boringssl_failures, strict_without_tls13)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT("tls12"));
    expect_exit(&result, 1, "failed");
    expect_report(world, 1, "refused", "no_tls13");
    expect_silence(world);
}

Test(boringssl_failures, ech_86_disabled)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("attempts"));
    expect_exit(&result, 0, "\ndone\n");
    cr_assert_eq(world_report_count(world, "rejected"), 1);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1, "only the last hello is a plain one");
}

Test(boringssl_failures, strict_disabled)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT("attempts"));
    expect_exit(&result, 0, NULL);
    cr_assert_null(strstr(result.out, "done"));
    world_expect_hidden(world);
}

/* ---- the key share ---- */

/* The outer hello has the inner one's, whose key was seen. After a rejection the engine finishes
 * the outer handshake with that key, on the same connection. Only a key that stands in key_share
 * counts.
 */
static void check_share_seen(char *keys)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, KEYS(keys, BEFORE), ways[i]);
        expect_exit(&result, 0, WELL);
        cr_assert_eq(world_log_count(world, "ech_required", i + 1), i + 1, "%s", ways[i]);
        cr_assert_eq(connections_ended(world), 2 * (i + 1), "%s", ways[i]);
    }
    cr_assert_eq(world_log_count(world, "same_share", WAYS), WAYS);
    world_expect_accepted(world, WAYS);
}

Test(boringssl_failures, ech_79_the_programs_own_share)
{
    check_share_seen("KEYS=");
}

Test(boringssl_failures, ech_79_keys_that_stand_in_no_share)
{
    check_share_seen("KEYS=decoys");
}

Test(boringssl_failures, ech_79_an_own_share_where_no_key_is_seen)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, HIDE_KEYS(world), ways[i]);
        expect_exit(&result, 0, WELL);
        cr_assert_eq(world_log_count(world, "ech_required", i + 1), i + 1, "%s", ways[i]);
    }
    cr_assert_eq(world_log_count(world, "same_share", 0), 0);
    world_expect_accepted(world, WAYS);
}

/* ---- what the library seals ---- */

/* If no hook sees the library's HPKE, it seals to the local config. */
Test(boringssl_client, ech_66_sealed_where_no_hook_sees_it)
{
    struct world *world = world_start(&(struct world_options){.hello_retry = true});
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, HIDE_KEYS(world), ways[i]);
        expect_exit(&result, 0, WELL);
    }
    world_expect_accepted(world, WAYS);
}

/* If the sender is set up for the server, and what it seals is not seen, nothing leaves. */
Test(boringssl_failures, sealed_for_the_server_unseen)
{
    struct world *world = world_start(NULL);
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result =
            world_shell(world, RUN_SHIM, KEYS("KEYS=blind", BEFORE), ways[i]);
        expect_exit(&result, 1, "failed");
        expect_report(world, i + 1, "failed", "inner");
    }
    expect_silence(world);
}

/* ---- certificates that the server compresses ---- */

static struct world *reject_with(char *compression)
{
    struct world *world = world_start(&(struct world_options){
        .stale_config = true, .server_arguments = {"--compress-certificate", compression}});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT("compressed"));
    expect_exit(&result, strcmp(compression, "good") == 0 ? 0 : 1, NULL);
    world_expect_hidden(world);
    return world;
}

/* The outer handshake is finished on the same connection: no probe. */
Test(boringssl_failures, cert_5_cert_6_ech_83_stale_config_and_a_compressed_certificate)
{
    struct world *world = reject_with("good");
    cr_assert_eq(connections_ended(world), 2);
    world_expect_accepted(world, 1);
}

Test(boringssl_failures, cert_2_a_compressed_certificate_that_does_not_open)
{
    expect_report(reject_with("garbage"), 1, "rejected", "outer_protocol");
}

Test(boringssl_failures, cert_3_a_compressed_certificate_of_another_length)
{
    expect_report(reject_with("more"), 1, "rejected", "outer_protocol");
}

/* ---- strict, early data, memory ---- */

Test(boringssl_client, strict)
{
    struct world *world = world_start(NULL);
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), ways[i]);
        expect_exit(&result, 0, WELL);
    }
    world_expect_accepted(world, WAYS);
}

static void check_early(const struct world_options *options, const char *says)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("early"));
    expect_exit(&result, 0, says);
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 2);
}

#define EARLY .server_arguments = {"--early-data"}

Test(boringssl_client, ech_50_early_data)
{
    check_early(&(struct world_options){EARLY}, "early data accepted");
}

Test(boringssl_client, ech_50_early_data_after_a_rejection)
{
    check_early(&(struct world_options){.stale_config = true, EARLY}, "early data accepted");
}

Test(boringssl_client, ech_50_early_data_and_second_hello)
{
    check_early(&(struct world_options){.hello_retry = true, EARLY}, "early data refused");
}

Test(boringssl_client, endurance)
{
    struct world *world = world_start(NULL);
    world->run_seconds = 100;
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("endurance"));
    expect_exit(&result, 0, WELL);
}

/* BoringSSL's own GREASE. */
Test(boringssl_client, ech_96_grease)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("direct"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "grease", "nodata");
}

/* Runs under valgrind, where it is installed; a sanitized library cannot. */
static void check_by_valgrind(const struct world_options *options)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    struct world *world = world_start(options);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT),
                    "valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
                    "--errors-for-leak-kinds=definite " CLIENT("direct"));
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 1);
}

Test(boringssl_client, by_valgrind)
{
    check_by_valgrind(&(struct world_options){.hello_retry = true});
}

Test(boringssl_client, a_rejection_by_valgrind)
{
    check_by_valgrind(&(struct world_options){.stale_config = true});
}
