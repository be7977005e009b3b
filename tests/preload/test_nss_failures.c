/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mozilla's NSS, shown by tests/preload/clients/nss_client.c: failures, and ECH that is securely
 * disabled. */
#include "../facts.h"
#include "checks.h"
#include "nss_ways.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(nss_failures, .init = need_nss, .fini = world_end, .timeout = 300);

/* The programs notice nothing of the retry. */
static void check_retry(bool hello_retry)
{
    struct world *world =
        world_start(&(struct world_options){.stale_config = true, .hello_retry = hello_retry});
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, ways[i]);
        expect_exit(&result, 0, WELL);
        unsigned ended = connections_ended(world);
        unsigned least = 2 * (i + 1);
        cr_assert(ended == least || (ended > least && fact_nss_other_share()), "%s: %u connections",
                  ways[i], ended);
    }
    world_expect_accepted(world, WAYS);
}

Test(nss_failures, ech_83_stale_config)
{
    check_retry(false);
}

Test(nss_failures, ech_83_stale_config_and_second_hello)
{
    check_retry(true);
}

Test(nss_failures, ech_83_stale_config_and_a_resumed_session)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("resume"));
    expect_exit(&result, 0, "reused");
    world_expect_accepted(world, 2);
}

/* Every way fails, tells this error, and shows no name. */
static void check_failure(struct world *world, char *extra, const char *outcome, const char *reason,
                          const char *error)
{
    bool judged = strcmp(reason, "outer_certificate") == 0 || strcmp(reason, "retry_off") == 0;
    if (judged && fact_nss_other_share()) {
        cr_skip_test("only a probe learns what the server says (nss_sid)");
    }
    world->run_seconds = 20;
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA(extra), ways[i]);
        expect_exit(&result, 1, error);
        expect_report(world, i + 1, outcome, reason);
    }
    world_expect_hidden(world);
}

#define REQUIRED "SSL_ERROR_ECH_REQUIRED_ALERT"

#define FAILS(name, extra, outcome, reason, error, ...)                                            \
    Test(nss_failures, name)                                                                       \
    {                                                                                              \
        check_failure(world_start(&(struct world_options){__VA_ARGS__}), extra, outcome, reason,   \
                      error);                                                                      \
    }                                                                                              \
    struct world

/* The server is told on the connection that it rejected, and sees no other one. */
static void check_retry_off(bool hello_retry)
{
    struct world *world =
        world_start(&(struct world_options){.stale_config = true, .hello_retry = hello_retry});
    check_failure(world, "ECHSHIM_RETRY=off", "rejected", "retry_off", REQUIRED);
    cr_assert_eq(world_log_count(world, "ech_required", WAYS), WAYS);
    cr_assert_eq(connections_ended(world), WAYS);
}

Test(nss_failures, ech_79_retry_switched_off)
{
    check_retry_off(false);
}

Test(nss_failures, ech_79_retry_switched_off_after_second_hello)
{
    check_retry_off(true);
}

FAILS(server_without_tls13, "ECHSHIM_MODE=opportunistic", "failed", "alert", "SSL_ERROR_",
      .tls12 = true);
FAILS(ech_72_expired_impostor, STRICT, "rejected", "outer_certificate", REQUIRED,
      .stale_config = true, .public_certificate = "public-expired");
FAILS(ech_72_impostor_without_ech, STRICT, "rejected", "outer_certificate", REQUIRED,
      .server_without_ech = true, .public_certificate = "public-stranger");
FAILS(strict_without_record, STRICT, "refused", "nodata", REQUIRED, .no_https_record = true);

static void check_hostile(char *how, const char *reason, const char *error)
{
    struct world *world = world_start(NULL);
    start_hostile_server(world, how);
    check_failure(world, STRICT, "failed", reason, error);
}

Test(nss_failures, server_closes)
{
    check_hostile("close", "closed", REQUIRED);
}

Test(nss_failures, server_resets)
{
    check_hostile("reset", "closed", "_ERROR");
}

Test(nss_failures, server_sends_garbage)
{
    check_hostile("garbage", "unexpected", "SSL_ERROR_");
}

Test(nss_failures, server_sends_half_a_hello)
{
    check_hostile("half", "closed", REQUIRED);
}

Test(nss_failures, server_sends_an_alert)
{
    check_hostile("alert", "alert", "SSL_ERROR_");
}

/* ---- ECH is securely disabled ---- */

TestSuite(nss_disabled, .init = need_nss, .fini = world_end, .timeout = 120);

#define ATTEMPTS CLIENT("attempts")

/* An ECHConfigList with public.example, and a key that no server has. */
#define SOME_CONFIGS                                                                               \
    "AEH+DQA9CQAgACAJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAEAAQAOcHVibGljLmV4YW1wbGUAAA=="

/* OpenSSL, which does not know ECH. BoringSSL without keys confirms an inner hello. */
static void start_s_server(struct world *world, const struct world_options *options)
{
    char certificate[300];
    char key[300];
    (void)options;
    snprintf(certificate, sizeof certificate, "%s/public.pem", world->pki);
    snprintf(key, sizeof key, "%s/public.key", world->pki);
    char inner[300];
    char inner_key[300];
    snprintf(inner, sizeof inner, "%s/inner.pem", world->pki);
    snprintf(inner_key, sizeof inner_key, "%s/inner.key", world->pki);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.1:4433");
    world_spawn(world, "s_server", "ACCEPT",
                (char *[]){"openssl", "s_server", "-accept", world->server_address, "-cert",
                           certificate, "-key", key, "-servername", INNER_NAME, "-cert2", inner,
                           "-key2", inner_key, NULL});
    snprintf(world->configs, sizeof world->configs, "%s", SOME_CONFIGS);
}

/* NSS takes the missing confirmation for a rejection: so the first attempt fails, by one proper
 * error, and the next one is without ECH. */
static void check_disabled(const struct world_options *options)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, ATTEMPTS);
    expect_exit(&result, 0, REQUIRED "\ndone\n");
    cr_assert_eq(world_report_count(world, "rejected"), 1, "%s", world_read(world, "report", NULL));
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1, "only the last hello is a plain one");
    cr_assert_geq(world_wire_count(world, PUBLIC_NAME), 1); /* 2 with a probe */
}

Test(nss_disabled, ech_86_next_attempt_is_without_ech)
{
    check_disabled(&(struct world_options){.server_without_ech = true});
}

Test(nss_disabled, ech_86_server_of_openssl)
{
    check_disabled(&(struct world_options){.start_server = start_s_server});
}

Test(nss_disabled, strict_refuses_both)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), ATTEMPTS);
    expect_exit(&result, 0, REQUIRED "\n" REQUIRED "\n");
    world_expect_hidden(world);
}
