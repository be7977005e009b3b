/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mozilla's NSS, shown by tests/preload/clients/nss_client.c. */
#include "checks.h"
#include "matrix.h"
#include "nss_ways.h"

#include <stdlib.h>
#include <string.h>

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
