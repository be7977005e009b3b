/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mozilla's NSS, shown by tests/preload/clients/nss_client.c. */
#include "../facts.h"
#include "checks.h"
#include "matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT(mode) "\"$CLIENTS/nss_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define WELL "all is well"

TestSuite(nss, .init = need_nss, .fini = world_end, .timeout = 120);
TestSuite(baseline_nss, .init = need_nss, .fini = world_end, .timeout = 120);

/* ---- an NSS that is too old ---- */

static void need_old_nss(void)
{
    need_nss_client();
    if (nss_knows_ech()) {
        cr_skip_test("the NSS here knows the ECH of RFC 9849");
    }
}

TestSuite(nss_old, .init = need_old_nss, .fini = world_end, .timeout = 120);

Test(nss_old, plain)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("force"));
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_report_count(world, "plain"), 1u);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"library\""));
}

Test(nss_old, strict)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL}, CLIENT("force"));
    cr_assert_neq(result.exit_code, 0);
    cr_assert_geq(world_report_count(world, "refused"), 1u);
    world_expect_hidden(world);
}

/* ---- an NSS that knows it ---- */

/* Ways to begin a handshake. */
MATRIX(nss, send, 1, WELL, CLIENT("send"));
MATRIX(nss, write, 1, WELL, CLIENT("write"));
MATRIX(nss, writev, 1, WELL, CLIENT("writev"));
MATRIX(nss, force, 1, WELL, CLIENT("force"));
MATRIX(nss, force_timeout, 1, WELL, CLIENT("force-timeout"));
MATRIX(nss, read_first, 1, WELL, CLIENT("read-first"));
MATRIX(nss, poll, 1, WELL, CLIENT("poll"));
MATRIX(nss, force_poll, 1, WELL, CLIENT("force-poll"));
MATRIX(nss, own_poll, 1, WELL, CLIENT("own-poll"));
MATRIX(nss, connect_tls, 1, WELL, CLIENT("connect-tls"));
MATRIX(nss, peer_first, 1, WELL, CLIENT("peer-first"));
MATRIX(nss, late_name, 1, WELL, CLIENT("late-name"));
MATRIX(nss, late_security, 1, WELL, CLIENT("late-security"));
MATRIX(nss, tls13_only, 1, WELL, CLIENT("tls13-only"));

/* Several handshakes. */
MATRIX(nss, resume, 2, "reused", CLIENT("resume"));
MATRIX(nss, threads, 400, WELL, CLIENT("threads"));
MATRIX(nss, fork, 3, WELL, CLIENT("fork"));
MATRIX(nss, reset, 1, WELL, CLIENT("reset"));

/* Stacks of layers, and other sockets. */
MATRIX(nss, own_layer, 1, WELL, CLIENT("own-layer"));
MATRIX(nss, dribble, 1, WELL, CLIENT("dribble"));
MATRIX(nss, stutter, 1, WELL, CLIENT("stutter"));
MATRIX(nss, stack_head, 1, WELL, CLIENT("stack-head"));
MATRIX(nss, layer_above, 1, WELL, CLIENT("layer-above"));
MATRIX(nss, model, 2, WELL, CLIENT("model"));
MATRIX(nss, model_after_use, 2, WELL, CLIENT("model-after-use"));
MATRIX(nss, reconfigured, 1, WELL, CLIENT("reconfigured"));
MATRIX(nss, copied_descriptor, 1, WELL, CLIENT("copied-descriptor"));
MATRIX(nss, datagrams_are_left_alone, 1, WELL, CLIENT("datagrams"));

/* NSS by itself makes no ECH then. */
Test(nss, the_host_is_the_public_name)
{
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--public-name", INNER_NAME}});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("send"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "accepted", NULL);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
}

/* ---- failures ---- */

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"

TestSuite(nss_failures, .init = need_nss, .fini = world_end, .timeout = 300);

/* One for each way to begin and to wait. */
static const char *const ways[] = {CLIENT("send"),       CLIENT("write"),    CLIENT("force"),
                                   CLIENT("poll"),       CLIENT("own-poll"), CLIENT("own-layer"),
                                   CLIENT("force-poll"), CLIENT("dribble"),  CLIENT("stutter")};
enum { WAYS = sizeof ways / sizeof *ways };

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

/* ---- strict mode ---- */

TestSuite(nss_strict, .init = need_nss, .fini = world_end, .timeout = 120);

Test(nss_strict, accepted)
{
    struct world *world = world_start(NULL);
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), ways[i]);
        expect_exit(&result, 0, WELL);
    }
    world_expect_accepted(world, WAYS);
}

static void check_refused(const char *command, const char *reason, unsigned reports)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    cr_assert_not(result.timed_out);
    expect_report(world, reports, "refused", reason);
    expect_silence(world);
}

Test(nss_strict, without_tls13)
{
    check_refused(CLIENT("tls12"), "no_tls13", 1);
}

Test(nss_strict, without_a_name)
{
    check_refused(CLIENT("no-name"), "no_name", 1);
}

/* ---- what passes without ECH ---- */

TestSuite(nss_plain, .init = need_nss, .fini = world_end, .timeout = 120);

static void check_plain(const char *command, const char *reason)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_GREASE=off"), command);
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", reason);
}

Test(nss_plain, without_tls13)
{
    check_plain(CLIENT("tls12"), "no_tls13");
}

Test(nss_plain, without_a_name)
{
    check_plain(CLIENT("no-name"), "no_name");
}

Test(nss_plain, off)
{
    struct world *world = world_start(NULL);
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_MODE=off"), ways[i]);
        expect_exit(&result, 0, WELL);
    }
    world_expect_visible(world, WAYS);
    cr_assert_str_empty(world_read(world, "report", NULL));
}

/* NSS's own GREASE, with the true name next to it. */
Test(nss_plain, ech_96_grease)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    for (unsigned i = 0; i < WAYS; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, ways[i]);
        expect_exit(&result, 0, WELL);
        expect_report(world, i + 1, "grease", "nodata");
    }
    world_expect_visible(world, WAYS);
}

/* libcurl on NSS, which Debian 12 has. */
#define LIBCURL                                                                                    \
    "/usr/bin/python3 -c 'import ctypes\n"                                                         \
    "c = ctypes.CDLL(\"libcurl-nss.so.4\")\n"                                                      \
    "c.curl_easy_init.restype = ctypes.c_void_p\n"                                                 \
    "h = ctypes.c_void_p(c.curl_easy_init())\n"                                                    \
    "c.curl_easy_setopt(h, 10002, b\"" URL "\")\n"                                                 \
    "c.curl_easy_setopt(h, 64, ctypes.c_long(0))\n"                                                \
    "print(c.curl_easy_perform(h))'"

static void check_libcurl(bool stale, bool hello_retry)
{
    if (system("ls /usr/lib/*/libcurl-nss.so.4 >/dev/null 2>&1") != 0) {
        cr_skip_test("no libcurl-nss here");
    }
    struct world *world =
        world_start(&(struct world_options){.stale_config = stale, .hello_retry = hello_retry});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), LIBCURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
}

Test(nss, libcurl)
{
    check_libcurl(false, false);
}

Test(nss, libcurl_stale_config_and_second_hello)
{
    check_libcurl(true, true);
}

Test(nss, valgrind)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(
        world, RUN_SHIM, NULL, "valgrind -q --error-exitcode=9 " CLIENT("model-after-use"));
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 2);
}

/* ---- programs that are no clients ---- */

#define DATABASE                                                                                   \
    "mkdir db && certutil -N -d db --empty-password && openssl pkcs12 -export -name inner "        \
    "-in \"$PKI/inner.pem\" -inkey \"$PKI/inner.key\" -passout pass:x -out inner.p12 && "          \
    "pk12util -i inner.p12 -d db -W x && "

static void need_nss_tools(void)
{
    if (system("command -v selfserv certutil pk12util >/dev/null") != 0) {
        cr_skip_test("no selfserv here (libnss3-tools)");
    }
}

Test(nss_plain, server_in_strict_mode)
{
    need_nss_tools();
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(STRICT),
        DATABASE "{ selfserv -d db -n inner -p 8443 -V tls1.2:tls1.3 >served 2>&1 & } && "
                 "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.3; LD_PRELOAD= curl -sS --cacert \"$CA\" "
                 "--connect-to " INNER_NAME ":443:127.0.0.1:8443 " URL " && break; done; kill $!");
    cr_assert_not_null(strstr(result.out, "GET / HTTP"), "%s%s", result.out, result.err);
    cr_assert_eq(world_report_count(world, "refused"), 0u);
}

Test(nss_plain, cryptography_alone_in_strict_mode)
{
    need_nss_tools();
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), DATABASE "certutil -L -d db");
    expect_exit(&result, 0, "inner");
    cr_assert_str_empty(world_read(world, "report", NULL));
}

/* ---- early data ---- */

TestSuite(nss_early_data, .init = need_nss, .fini = world_end, .timeout = 120);

static void check_early(const struct world_options *options, const char *says, unsigned early)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("early"));
    expect_exit(&result, 0, says);
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_log_count(world, "early", early), early);
    world_expect_accepted(world, 2);
}

#define EARLY .server_arguments = {"--early-data"}

Test(nss_early_data, ech_50_goes_with_an_accepted_hello)
{
    check_early(&(struct world_options){EARLY}, "early data accepted", 1);
}

Test(nss_early_data, ech_50_is_sent_again_after_a_rejection)
{
    check_early(&(struct world_options){.stale_config = true, EARLY}, "early data accepted", 1);
}

Test(nss_early_data, ech_50_is_refused_by_a_hello_retry_request)
{
    check_early(&(struct world_options){.hello_retry = true, EARLY}, "early data refused", 0);
}

Test(nss_early_data, ech_50_is_refused_after_a_rejection_and_a_hello_retry_request)
{
    check_early(&(struct world_options){.stale_config = true, .hello_retry = true, EARLY},
                "early data refused", 0);
}

Test(nss_early_data, without_the_shim)
{
    struct world *world = world_start(&(struct world_options){EARLY});
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, CLIENT("early"));
    expect_exit(&result, 0, "early data accepted");
    cr_assert_eq(world_log_count(world, "early", 1), 1);
}

/* ---- memory ---- */

TestSuite(nss_endurance, .init = need_nss, .fini = world_end, .timeout = 300);

Test(nss_endurance, accepted)
{
    struct world *world = world_start(NULL);
    world->run_seconds = 200;
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CLIENT("endurance"));
    expect_exit(&result, 0, WELL);
}
