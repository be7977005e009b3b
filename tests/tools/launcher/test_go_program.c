/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Go program of our own (tests/tools/go/handshakes.go) under echshim: make check-go, which builds
 * it. Elsewhere these tests are skipped. */
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

TestSuite(go_program, .fini = world_end, .timeout = 400);

#define URL "https://" INNER_NAME "/"
#define SECOND_NAME "second.example.org"
#define BACKEND "127.0.0.1:8080"
#define FORWARD "--forward", BACKEND

static const char *program(void)
{
    return getenv("ECHSHIM_TEST_GO_OWN");
}

static struct world *start(const struct world_options *options)
{
    if (program() == NULL) {
        fprintf(stderr, "go_program: skipped: make check-go builds the program\n");
        return NULL;
    }
    return world_start(options);
}

static char *command(const char *arguments)
{
    char *line;
    cr_assert_gt(asprintf(&line, "env SSL_CERT_FILE=\"$CA\" '%s' %s", program(), arguments), 0);
    return line;
}

static void say(const char *what, const struct run_result *result)
{
    fprintf(stderr, "go_program: %s: %s: %.*s\n", strrchr(program(), '/') + 1, what,
            (int)strcspn(result->out, "\n"), result->out);
}

/* ---- many goroutines ---- */

static void check_many(const char *mode, unsigned workers, unsigned each)
{
    struct world *world = start(&(struct world_options){.direct = true});
    char text[128];
    if (world == NULL) {
        return;
    }
    world->run_seconds = 380;
    snprintf(text, sizeof text, "many " URL " %u %u", workers, each);
    struct run_result result = launch(world, mode, command(text));
    say(text, &result);
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
    struct world *world = start(
        &(struct world_options){.server_arguments = {FORWARD, alpn != NULL ? "--alpn" : NULL, alpn},
                                .dns_lines = "  local-data: '" SECOND_NAME ". 60 IN A "
                                             "127.0.0.1'\n"});
    char text[2048];
    char expected[128];
    if (world == NULL) {
        return;
    }
    world_spawn(world, "backend", "ready",
                (char *[]){(char *)(size_t)program(), "backend", BACKEND, NULL});
    snprintf(text, sizeof text, "-q --strict --report=lines --config-list='*.example.org=%s'",
             world->configs);
    char *options = strdup(text);
    snprintf(text, sizeof text, "%s 20 " URL " https://" SECOND_NAME "/", how);
    struct run_result result = launch(world, options, command(text));
    say(how, &result);
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
    struct world *world = start(NULL);
    if (world == NULL) {
        return true; /* the test says that it is skipped */
    }
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, command("can-http2"));
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
    struct world *world = start(&(struct world_options){.no_https_record = !record});
    if (world == NULL) {
        return;
    }
    struct run_result result =
        launch(world, mode, command("shared 127.0.0.1:443 " INNER_NAME " 64"));
    say("shared", &result);
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
    struct run_result result = launch(world, options, command(text));
    say(how, &result);
    cr_assert_not_null(
        strstr(result.out, accepted ? "done 4 accepted 4 failed 0" : "done 4 accepted 0 failed 0"),
        "%s %s: %s%s", options, how, result.out, result.err);
}

Test(go_program, another_port)
{
    struct world *world = start(&(struct world_options){.port = 8443});
    if (world == NULL) {
        return;
    }
    check_time(world, "-q --strict --ports=443," OTHER_PORT, "time", true);
    world_expect_hidden(world);
    check_time(world, "-q --strict", "time", false); /* not watched */
    /* Nobody knows where it goes, so it counts as 443, and there is no record for that. */
    check_time(world, "-q --mode=opportunistic", "wrapped", false);
    struct run_result result =
        launch(world, "-q --strict", command("wrapped 127.0.0.1:" OTHER_PORT " " INNER_NAME " 3"));
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
    struct world *world = start(NULL);
    if (world == NULL) {
        return;
    }
    snprintf(program_path, sizeof program_path, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    world_spawn(world, "proxy", "listening ",
                (char *[]){program_path, PROXY, RELAY_ADDRESS, log, NULL});
    snprintf(text, sizeof text, "env %s SSL_CERT_FILE=\"$CA\" '%s' many " URL " 2 2", environment,
             program());
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
    for (size_t i = 0; program() != NULL && i < sizeof proxies / sizeof *proxies; i++) {
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
    struct world *world = start(NULL);
    if (world == NULL) {
        return;
    }
    snprintf(program_path, sizeof program_path, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    world_spawn(world, "proxy", "listening ",
                (char *[]){program_path, PROXY, RELAY_ADDRESS, log, NULL});
    struct run_result result =
        launch(world, "-q --strict", command("tunnel " PROXY " " INNER_NAME " 3"));
    cr_assert_not_null(strstr(result.out, "done 0 accepted 0 failed 4"), "%s%s", result.out,
                       result.err);
    result = launch(world, "-q --strict" ENCRYPTED, command("tunnel " PROXY " " INNER_NAME " 3"));
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
    struct world *world = start(NULL);
    char text[1024];
    for (int below = 0; world != NULL && below < 2; below++) {
        snprintf(text, sizeof text,
                 "env GODEBUG=fips140=only SSL_CERT_FILE=\"$CA\" '%s' %s%s%stime "
                 "127.0.0.1:443 " INNER_NAME " 1",
                 program(), below ? "run '" : "", below ? program() : "", below ? "' " : "");
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
                 environment, below ? "'" : "", below ? program() : "", below ? "' run " : "",
                 program()),
        0);
    struct run_result result = launch(world, options, text);
    cr_assert_not_null(strstr(result.out, expected), "%s: %s%s", text, result.out, result.err);
    free(text);
}

/* The same, if the program was built so. Its environment comes first. */
Test(go_program, built_for_only_fips_140)
{
    struct world *world = start(NULL);
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s-fips", world != NULL ? program() : "");
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

/* ---- what it executes ---- */

/* The supervisor leads a Go program that a Go program executes, at its first connection. The shim
 * is in other programs as ever. */
static void check_executed(const char *options, const char *how)
{
    struct world *world = start(NULL);
    char text[512];
    if (world == NULL) {
        return;
    }
    snprintf(text, sizeof text, "%s '%s' time 127.0.0.1:443 " INNER_NAME " 3", how, program());
    struct run_result result = launch(world, options, command(text));
    say(how, &result);
    cr_assert_not_null(strstr(result.out, "done 4 accepted 4 failed 0 "), "%s%s", result.out,
                       result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
    snprintf(text, sizeof text, "%s /usr/bin/curl -sS --cacert \"$CA\" " URL, how);
    result = launch(world, options, command(text));
    expect_exit(&result, 0, "hello from " INNER_NAME);
    world_expect_hidden(world);
}

Test(go_program, a_child_with_go)
{
    check_executed("-q --strict", "run");
    check_executed("-q --mode=opportunistic", "run");
}

Test(go_program, another_program_in_its_place)
{
    check_executed("-q --strict", "exec");
    check_executed("-q --mode=opportunistic", "exec");
}

/* All threads of the program are stopped for a moment, while the collector and many goroutines run.
 */
Test(go_program, a_child_with_many_goroutines)
{
    struct world *world = start(&(struct world_options){.direct = true});
    char text[512];
    for (int i = 0; world != NULL && i < 5; i++) {
        snprintf(text, sizeof text, "run '%s' many " URL " 64 2", program());
        struct run_result result = launch(world, "-q --strict", command(text));
        say("run many", &result);
        expect_exit(&result, 0, "done 128 accepted 128 failed 0 ");
    }
}

Test(go_program, an_echshim_below_a_go_program)
{
    static const char *const modes[] = {"--mode=opportunistic", "--strict"};
    struct world *world = start(NULL);
    char text[1024];
    for (size_t i = 0; world != NULL && i < sizeof modes / sizeof *modes; i++) {
        bool same = i == 0;
        snprintf(text, sizeof text, "run '%s' %s '%s' time 127.0.0.1:443 " INNER_NAME " 1",
                 tool_path("echshim"), modes[i], program());
        struct run_result result = launch(world, "--mode=opportunistic -q", command(text));
        cr_assert_not_null(strstr(result.out, same ? "done 2 accepted 2" : "exit status 121"),
                           "%s%s", result.out, result.err);
        cr_assert_not_null(
            strstr(result.err, same ? "is held by the supervisor of another echshim already"
                                    : "another echshim around it has a supervisor with other"),
            "%s", result.err);
        world_expect_hidden(world);
    }
}

/* By each way, and with an environment that says nothing to the program. */
static void check_ways(const char *parent, const char *options)
{
    /* fexecve makes the system call execveat. */
    static const char *const ways[] = {"execve", "fexecve", "vfork", "posix_spawn", "posix_spawnp"};
    static const char *const environments[] = {"kept", "no-settings"};
    struct world *world = start(NULL);
    char text[2048];
    for (size_t i = 0; world != NULL && i < 2 * (sizeof ways / sizeof *ways); i++) {
        snprintf(text, sizeof text,
                 "env SSL_CERT_FILE=\"$CA\" '%s' %s %s '%s' time 127.0.0.1:443 " INNER_NAME " 1",
                 tool_program(parent), ways[i / 2], environments[i % 2], program());
        struct run_result result = launch(world, options, text);
        expect_exit(&result, 0, NULL);
        cr_assert_not_null(strstr(result.out, "done 2 accepted 2 failed 0 "), "%s: %s%s",
                           ways[i / 2], result.out, result.err);
        cr_assert_null(strstr(result.err, "refuses its TLS: "), "%s: %s", ways[i / 2], result.err);
        world_expect_hidden(world);
    }
}

Test(go_program, children_of_a_static_program)
{
    check_ways("execs-static", "-q --strict");
}

Test(go_program, children_of_a_program_with_the_shim)
{
    check_ways("execs", "--strict");
}

/* ---- what it costs ---- */

/* The way to the server takes 20 ms, so that its round trips show. */
static void say_first(const char *what, const char *options, const struct world_options *given)
{
    struct world_options far = *given;
    far.delay_ms = 20;
    struct world *world = start(&far);
    if (world == NULL) {
        return;
    }
    char *line = command("time 127.0.0.1:443 " INNER_NAME " 10");
    struct run_result result =
        options == NULL ? world_shell(world, RUN_PLAIN, NULL, line) : launch(world, options, line);
    say(what, &result);
    cr_assert_not_null(strstr(result.out, "done 11 "), "%s: %s%s", what, result.out, result.err);
    world_end();
}

Test(go_program, time_of_the_first_handshake)
{
    const struct world_options right = {.delay_ms = 0};
    const struct world_options stale = {.stale_config = true};
    say_first("far, without echshim", NULL, &right);
    say_first("far, --strict", "-q --strict", &right);
    say_first("far, --strict --no-retry: the server is not asked before", "-q --strict --no-retry",
              &right);
    say_first("far, --strict, a stale key", "-q --strict", &stale);
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/* The median, with the shell that begins it. */
static double time_of_start(struct world *world, const char *options)
{
    enum { STARTS = 21 };
    double times[STARTS];
    for (int i = 0; i < STARTS; i++) {
        double begin = milliseconds();
        struct run_result result = options == NULL
                                       ? world_shell(world, RUN_PLAIN, NULL, command("start"))
                                       : launch(world, options, command("start"));
        times[i] = milliseconds() - begin;
        expect_exit(&result, 0, NULL);
    }
    qsort(times, STARTS, sizeof *times, compare);
    return times[STARTS / 2];
}

Test(go_program, time)
{
    struct world *world = start(&(struct world_options){.direct = true});
    if (world == NULL) {
        return;
    }
    char *line = command("time 127.0.0.1:443 " INNER_NAME " 300");
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, line);
    say("a handshake without echshim", &result);
    result = launch(world, "-q --strict", line);
    say("a handshake with ECH, --strict", &result);
    cr_assert_not_null(strstr(result.out, "accepted 301 failed 0"), "%s", result.out);
    result = launch(world, "-q --mode=opportunistic", line);
    say("a handshake with ECH, opportunistic", &result);
    fprintf(stderr,
            "go_program: %s: a start: %.1f ms; under echshim with --go=off %.1f, opportunistic "
            "%.1f, strict %.1f\n",
            strrchr(program(), '/') + 1, time_of_start(world, NULL),
            time_of_start(world, "-q --mode=opportunistic --go=off"),
            time_of_start(world, "-q --mode=opportunistic"), time_of_start(world, "-q --strict"));
}
