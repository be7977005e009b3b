/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Go program of our own (tests/tools/go/handshakes.go) under echshim: make check-go, which builds
 * it. Elsewhere these tests are skipped. */
#include "tests/tools/launcher/go_program.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(go_program, .fini = world_end, .timeout = 400);

#define URL "https://" INNER_NAME "/"
#define SECOND_NAME "second.example.org"
#define BACKEND "127.0.0.1:8080"
#define FORWARD "--forward", BACKEND

/* ---- many goroutines ---- */

static void check_many(const char *mode, unsigned workers, unsigned each)
{
    struct world *world = go_program_start(&(struct world_options){.direct = true});
    char text[128];
    if (world == NULL) {
        return;
    }
    world->run_seconds = 380;
    snprintf(text, sizeof text, "many " URL " %u %u", workers, each);
    struct run_result result = launch(world, mode, go_program_command(text));
    go_program_say(text, &result);
    snprintf(text, sizeof text, "done %u accepted %u failed 0 ", workers * each, workers * each);
    expect_exit(&result, 0, text);
}

Test(go_program, goroutines_and_the_collector)
{
    const char *wanted = getenv("ECHSHIM_TEST_GO_HANDSHAKES");
    check_many("-q --strict", 64,
               (unsigned)(wanted != NULL ? strtoul(wanted, NULL, 10) + 63 : 640) / 64);
}

Test(go_program, goroutines_in_opportunistic_mode)
{
    check_many("-q --mode=opportunistic", 16, 20);
}

/* ---- two names over one Transport ---- */

/* Requests to two names at once, in 20 rounds. */
static void check_names(const char *how, const char *protocol, const char *alpn)
{
    struct world *world = go_program_start(
        &(struct world_options){.server_arguments = {FORWARD, alpn != NULL ? "--alpn" : NULL, alpn},
                                .dns_lines = "  local-data: '" SECOND_NAME ". 60 IN A "
                                             "127.0.0.1'\n"});
    char text[2048];
    char expected[128];
    if (world == NULL) {
        return;
    }
    world_spawn(world, "backend", "ready",
                (char *[]){(char *)(size_t)go_program(), "backend", BACKEND, NULL});
    snprintf(text, sizeof text, "-q --strict --report=lines --config-list='*.example.org=%s'",
             world->configs);
    char *options = strdup(text);
    snprintf(text, sizeof text, "%s 20 " URL " https://" SECOND_NAME "/", how);
    struct run_result result = launch(world, options, go_program_command(text));
    go_program_say(how, &result);
    /* Each name has one connection, which is kept. */
    snprintf(expected, sizeof expected,
             "done 40 accepted 40 failed 0 connections 2 protocol %s changed false", protocol);
    expect_exit(&result, 0, expected);
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, SECOND_NAME), 0);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_not_null(strstr(report, "\"host\":\"" INNER_NAME "\""), "%s", report);
    cr_assert_not_null(strstr(report, "\"host\":\"" SECOND_NAME "\""), "%s", report);
    free(options);
}

Test(go_program, two_names_over_one_transport)
{
    check_names("names", "HTTP/1.1", NULL);
}

/* The server's side of the program needs Go 1.24 for that. */
static bool has_http2(void)
{
    struct world *world = go_program_start(NULL);
    if (world == NULL) {
        return true; /* the test says that it is skipped */
    }
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, go_program_command("can-http2"));
    expect_exit(&result, 0, NULL);
    world_end();
    return strstr(result.out, "true") != NULL;
}

Test(go_program, two_names_with_http2)
{
    if (!has_http2()) {
        cr_skip_test("the program is built with Go 1.23");
    }
    check_names("http2", "HTTP/2.0", "h2");
}

/* ---- one Config ---- */

static void check_shared(const char *mode, bool record)
{
    struct world *world = go_program_start(&(struct world_options){.no_https_record = !record});
    if (world == NULL) {
        return;
    }
    struct run_result result =
        launch(world, mode, go_program_command("shared 127.0.0.1:443 " INNER_NAME " 64"));
    go_program_say("shared", &result);
    cr_assert_not_null(
        strstr(result.out, record ? "done 64 accepted 64 failed 0" : "done 0 accepted 0 failed 64"),
        "%s%s", result.out, result.err);
    cr_assert_not_null(strstr(result.out, "changed false"), "%s", result.out);
    world_expect_hidden(world);
}

Test(go_program, a_shared_config_is_not_changed)
{
    check_shared("-q --strict", true);
}

Test(go_program, nor_where_nothing_can_be_given)
{
    check_shared("-q --strict", false);
}

/* ---- where connections go ---- */

#define OTHER_PORT "8443"
#define PROXY "127.0.0.6:3128"

static void check_time(struct world *world, const char *options, const char *how, bool accepted)
{
    char text[256];
    snprintf(text, sizeof text, "%s 127.0.0.1:" OTHER_PORT " " INNER_NAME " 3", how);
    struct run_result result = launch(world, options, go_program_command(text));
    go_program_say(how, &result);
    cr_assert_not_null(
        strstr(result.out, accepted ? "done 4 accepted 4 failed 0" : "done 4 accepted 0 failed 0"),
        "%s %s: %s%s", options, how, result.out, result.err);
}

Test(go_program, another_port)
{
    struct world *world = go_program_start(&(struct world_options){.port = 8443});
    if (world == NULL) {
        return;
    }
    check_time(world, "-q --strict --ports=443," OTHER_PORT, "time", true);
    world_expect_hidden(world);
    check_time(world, "-q --strict", "time", false); /* not watched */
    /* Nobody knows where it goes, so it counts as 443, and there is no record for that. */
    check_time(world, "-q --mode=opportunistic", "wrapped", false);
    struct run_result result =
        launch(world, "-q --strict",
               go_program_command("wrapped 127.0.0.1:" OTHER_PORT " " INNER_NAME " 3"));
    cr_assert_not_null(strstr(result.out, "done 0 accepted 0 failed 4"), "%s", result.out);
}

/* As other programs behave: over plain DNS nobody asks for a name that the proxy hides. */
static void check_proxy(const char *environment, const char *options, unsigned accepted,
                        unsigned failed, unsigned requests)
{
    char program_path[400];
    char log[200];
    char text[512];
    char expected[64];
    struct world *world = go_program_start(NULL);
    if (world == NULL) {
        return;
    }
    snprintf(program_path, sizeof program_path, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    world_spawn(world, "proxy", "listening ",
                (char *[]){program_path, PROXY, RELAY_ADDRESS, log, NULL});
    snprintf(text, sizeof text, "env %s SSL_CERT_FILE=\"$CA\" '%s' many " URL " 2 2", environment,
             go_program());
    snprintf(expected, sizeof expected, "done %u accepted %u failed %u ", 4 - failed, accepted,
             failed);
    struct run_result result = launch(world, options, text);
    cr_assert_not_null(strstr(result.out, expected), "%s %s: %s%s", environment, options,
                       result.out, result.err);
    const char *asked = world_read(world, "proxy.log", NULL);
    unsigned lines = 0;
    while ((asked = strstr(asked, INNER_NAME ":443")) != NULL) {
        asked++;
        lines++;
    }
    cr_assert_eq(lines, requests, "%s %s: %u", environment, options, lines);
    if (accepted > 0) {
        world_expect_hidden(world);
        /* The server is asked before the first handshake, but not past a proxy. */
        cr_assert_eq(world_wire_count(world, PUBLIC_NAME), requests > 0 ? 4 : 5);
    }
    world_end();
}

#define ENCRYPTED " --resolver=" DNS_TLS

Test(go_program, proxies_of_the_environment)
{
    static const char *const proxies[] = {"HTTPS_PROXY=http://" PROXY,
                                          "HTTPS_PROXY=socks5://" PROXY,
                                          "https_proxy=http://" PROXY " NO_PROXY=other.example"};
    for (size_t i = 0; go_program() != NULL && i < sizeof proxies / sizeof *proxies; i++) {
        check_proxy(proxies[i], "-q --strict" ENCRYPTED, 4, 0, 4);
        check_proxy(proxies[i], "-q --strict", 0, 4, 4);
        check_proxy(proxies[i], "-q --mode=opportunistic" ENCRYPTED, 4, 0, 4);
        check_proxy(proxies[i], "-q --mode=opportunistic", 0, 0, 4);
    }
}

/* As golang.org/x/net/proxy makes them, for ALL_PROXY. */
Test(go_program, a_tunnel_below_another_type)
{
    char program_path[400];
    char log[200];
    struct world *world = go_program_start(NULL);
    if (world == NULL) {
        return;
    }
    snprintf(program_path, sizeof program_path, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    world_spawn(world, "proxy", "listening ",
                (char *[]){program_path, PROXY, RELAY_ADDRESS, log, NULL});
    struct run_result result =
        launch(world, "-q --strict", go_program_command("tunnel " PROXY " " INNER_NAME " 3"));
    cr_assert_not_null(strstr(result.out, "done 0 accepted 0 failed 4"), "%s%s", result.out,
                       result.err);
    result = launch(world, "-q --strict" ENCRYPTED,
                    go_program_command("tunnel " PROXY " " INNER_NAME " 3"));
    cr_assert_not_null(strstr(result.out, "done 4 accepted 4 failed 0"), "%s%s", result.out,
                       result.err);
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 4); /* nobody asks past the proxy */
}

/* The connections that go past the proxy are as any other. Go's net/http knows no ALL_PROXY. */
Test(go_program, past_a_proxy_of_the_environment)
{
    check_proxy("HTTPS_PROXY=http://" PROXY " NO_PROXY=.example.org", "-q --strict", 4, 0, 0);
    check_proxy("HTTPS_PROXY=http://" PROXY " NO_PROXY='*'", "-q --strict" ENCRYPTED, 4, 0, 0);
    check_proxy("ALL_PROXY=socks5://" PROXY, "-q --strict", 4, 0, 0);
}

/* ---- FIPS 140 ---- */

/* Go's ECH would panic or fail for want of X25519. So the program is as without us: held in strict
 * mode, and plain in the other. */
Test(go_program, only_fips_140)
{
    struct world *world = go_program_start(NULL);
    char text[1024];
    for (int below = 0; world != NULL && below < 2; below++) {
        snprintf(text, sizeof text,
                 "env GODEBUG=fips140=only SSL_CERT_FILE=\"$CA\" '%s' %s%s%stime "
                 "127.0.0.1:443 " INNER_NAME " 1",
                 go_program(), below ? "run '" : "", below ? go_program() : "", below ? "' " : "");
        struct run_result result = launch(world, "-q --mode=opportunistic", text);
        cr_assert_not_null(strstr(result.out, "done 2 accepted 0 failed 0 "), "%s%s", result.out,
                           result.err);
        result = launch(world, "-q --strict", text);
        cr_assert_not_null(strstr(result.out, "done 0 accepted 0 failed 2 "), "%s%s", result.out,
                           result.err);
    }
}

static void check_built(struct world *world, const char *environment, bool below,
                        const char *options, const char *expected)
{
    char *text;
    cr_assert_gt(
        asprintf(&text,
                 "env %s SSL_CERT_FILE=\"$CA\" %s%s%s'%s-fips' time 127.0.0.1:443 " INNER_NAME " 1",
                 environment, below ? "'" : "", below ? go_program() : "", below ? "' run " : "",
                 go_program()),
        0);
    struct run_result result = launch(world, options, text);
    cr_assert_not_null(strstr(result.out, expected), "%s: %s%s", text, result.out, result.err);
    free(text);
}

/* The same, if the program was built so. Its environment comes first. */
Test(go_program, built_for_only_fips_140)
{
    struct world *world = go_program_start(NULL);
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s-fips", world != NULL ? go_program() : "");
    if (world != NULL && access(file, X_OK) != 0) {
        cr_skip_test("the program is built with Go 1.23, which does not know that setting");
    }
    for (int below = 0; world != NULL && below < 2; below++) {
        check_built(world, "A=1", below, "-q --mode=opportunistic", "done 2 accepted 0 failed 0 ");
        check_built(world, "A=1", below, "-q --strict", "done 0 accepted 0 failed 2 ");
        check_built(world, "GODEBUG=fips140=off", below, "-q --strict",
                    "done 2 accepted 2 failed 0 ");
    }
}
