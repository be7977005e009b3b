/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECHSHIM_MODE, and what each mode does with connections that cannot have ECH. */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(modes, .fini = world_end, .timeout = 120);
TestSuite(strict, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define CURL_TLS12 "curl -sS --tls-max 1.2 --cacert \"$CA\" " URL
#define GNUTLS_CLI_TLS12                                                                           \
    "gnutls-cli --priority NORMAL:-VERS-TLS1.3 --x509cafile \"$CA\" " INNER_NAME " </dev/null"
#define URLLIB_TLS12                                                                               \
    "/usr/bin/python3 -c 'import ssl, urllib.request as r\n"                                       \
    "c = ssl.create_default_context()\n"                                                           \
    "c.maximum_version = ssl.TLSVersion.TLSv1_2\n"                                                 \
    "print(r.urlopen(\"" URL "\", context=c).read().decode())'"

/* ---- off ---- */

static void check_off(const char *command)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_MODE=off"), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_str_empty(result.err);
    world_expect_visible(world, 1);
    cr_assert_str_empty(world_read(world, "report", NULL));
    cr_assert_str_empty(world_read(world, "shim.log", NULL));
}

Test(modes, off_is_plain_for_wget)
{
    check_off("wget -q -O - --tries=1 --ca-certificate=\"$CA\" " URL);
}

Test(modes, off_is_plain_for_curl)
{
    check_off(CURL);
}

/* Prints which of our files a program has mapped after its handshake. */
#define MAPS                                                                                       \
    "/usr/bin/python3 -c 'import urllib.request as r\n"                                            \
    "try: print(r.urlopen(\"" URL "\").read().decode())\n"                                         \
    "except OSError as e: print(e)\n"                                                              \
    "print(open(\"/proc/self/maps\").read())'"

static void check_maps(char *mode, const char *there, const char *missing)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(mode), MAPS);
    expect_exit(&result, 0, HELLO);
    cr_assert_not_null(strstr(result.out, there), "%s is not mapped", there);
    cr_assert(missing == NULL || strstr(result.out, missing) == NULL, "%s is mapped", missing);
}

Test(modes, off_maps_no_engine)
{
    check_maps("ECHSHIM_MODE=off", "libechshim.so", "libechshim-engine");
}

Test(modes, on_maps_the_engine)
{
    check_maps("ECHSHIM_MODE=opportunistic", "libechshim-engine", NULL);
}

/* ---- opportunistic, without GREASE: as without the shim ---- */

enum { SHAPE = 4096, LINE = 16, EXTENSIONS = 64 };

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The ClientHello of a run without its random parts: type, suites, and extensions with their
 * lengths. */
static char *shape_of_hello(struct world *world, unsigned connection, bool sorted)
{
    static char shapes[2][SHAPE];
    static unsigned next;
    char *shape = shapes[next++ % 2];
    char name[32];
    size_t len;
    (void)connections_ended(world);
    snprintf(name, sizeof name, "wire/%04u.c2s", connection);
    const unsigned char *octets = (const unsigned char *)world_read(world, name, &len);
    cr_assert_gt(len, 100);
    size_t at = 5 + 4 + 2 + 32;
    size_t used =
        (size_t)snprintf(shape, SHAPE, "%02x%02x session %u", octets[9], octets[10], octets[at]);
    at += 1 + octets[at];
    size_t suites = (size_t)octets[at] << 8 | octets[at + 1];
    for (size_t i = 0; i < suites + 4; i++) {
        used += (size_t)snprintf(shape + used, SHAPE - used, " %02x", octets[at++]);
    }
    size_t end = at + ((size_t)octets[at] << 8 | octets[at + 1]) + 2;
    char(*lines)[LINE] = (char(*)[LINE])calloc(EXTENSIONS, LINE);
    size_t count = 0;
    for (at += 2; at + 4 <= end && count < EXTENSIONS; count++) {
        size_t size = (size_t)octets[at + 2] << 8 | octets[at + 3];
        snprintf(lines[count], LINE, "\n%02x%02x %zu", octets[at], octets[at + 1], size);
        at += 4 + size;
    }
    if (sorted) {
        qsort(lines, count, LINE, compare_lines);
    }
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(shape + used, SHAPE - used, "%s", lines[i]);
    }
    free(lines);
    return shape;
}

static void check_plain(const struct world_options *options, const char *command,
                        const char *reason)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_GREASE=off"), command);
    expect_exit(&result, 0, HELLO);
    world_expect_visible(world, 1);
    expect_report(world, 1, "plain", reason);
    expect_report_text(world, "host", INNER_NAME);
    expect_report_text(world, "port", "443");
    expect_report_text(world, "mode", "opportunistic");
    cr_assert_null(strstr(shape_of_hello(world, 1, false), "\nfe0d "), "the hello speaks of ECH");
}

#define PLAIN(name, command)                                                                       \
    Test(modes, no_record_##name)                                                                  \
    {                                                                                              \
        check_plain(&(struct world_options){.no_https_record = true}, command, "nodata");          \
    }                                                                                              \
    Test(modes, no_record_tls12_##name)                                                            \
    {                                                                                              \
        check_plain(&(struct world_options){.no_https_record = true, .tls12 = true}, command,      \
                    "nodata");                                                                     \
    }                                                                                              \
    struct world

PLAIN(wget, WGET);
PLAIN(curl, CURL);
PLAIN(urllib, URLLIB);
PLAIN(asyncio, ASYNCIO);
PLAIN(gnutls_cli, SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME);

/* A program that accepts no TLS 1.3 has no ECH, even where there is a config. */
Test(modes, tls12_curl_is_left_alone)
{
    check_plain(NULL, CURL_TLS12, "no_tls13");
}

Test(modes, tls12_urllib_is_left_alone)
{
    check_plain(NULL, URLLIB_TLS12, "no_tls13");
}

static void check_shape(const char *command)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result without = world_shell(world, RUN_PLAIN, NULL, command);
    struct run_result with = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_GREASE=off"), command);
    expect_exit(&without, 0, HELLO);
    expect_exit(&with, 0, HELLO);
    bool sorted = FACT_GNUTLS_SHUFFLES && !fact_is_of_openssl(command);
    const char *first = shape_of_hello(world, 1, sorted);
    cr_assert_str_eq(shape_of_hello(world, 2, sorted), first);
    cr_assert_not_null(strstr(first, "c0 2f"), "no suite of TLS 1.2 is offered: %s", first);
}

Test(modes, the_hello_of_curl_is_its_own)
{
    check_shape(CURL);
}

Test(modes, the_hello_of_wget_is_its_own)
{
    check_shape(WGET);
}

Test(modes, opportunistic_goes_on_without_dns)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    EXTRA("ECHSHIM_RESOLVER=udp://127.0.0.55:53", "ECHSHIM_TIMEOUT_MS=300"), CURL);
    expect_exit(&result, 0, HELLO);
    expect_report_text(world, "outcome", "grease");
    expect_report_text(world, "resolver", "udp://127.0.0.55:53");
}

/* A program waits for a silent resolver no longer than the user said. */
Test(modes, a_silent_resolver_is_waited_for_only_so_long)
{
    struct world *world = world_start(NULL);
    start_bad_dns(world, "silent");
    world->run_seconds = 20;
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_RESOLVER=" BAD_DNS, "ECHSHIM_TIMEOUT_MS=200"),
                    "curl -sS -o /dev/null -w '%{time_total}' --cacert \"$CA\" " URL);
    expect_exit(&result, 0, NULL);
    double seconds = atof(result.out);
    cr_assert(seconds >= 0.19 && seconds < 3.0, "%s seconds", result.out);
    expect_report(world, 1, "grease", "timeout");
}

/* ---- strict: refused before any octet ---- */

static void check_refused(struct world *world, const struct program *program, char *extra,
                          const char *reason)
{
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(STRICT, extra, "ECHSHIM_TIMEOUT_MS=300"), program->command);
    expect_exit(&result, program->failure_exit, program->failure_text);
    cr_assert_null(strstr(result.out, HELLO));
    expect_silence(world);
    world_expect_hidden(world);
    expect_report(world, 1, "refused", reason);
    expect_report_text(world, "mode", "strict");
}

#define NOTHING "NOTHING="
#define WITHOUT_RECORD (&(struct world_options){.no_https_record = true})
/* A list with one config of an unknown version: no config is usable. */
#define UNUSABLE "ECHSHIM_CONFIG_LIST=AAj+CgAEAAAAAA=="

#define REFUSED(name, program)                                                                     \
    Test(strict, no_record_##name)                                                                 \
    {                                                                                              \
        check_refused(world_start(WITHOUT_RECORD), &(program), NOTHING, "nodata");                 \
    }                                                                                              \
    Test(strict, dead_resolver_##name)                                                             \
    {                                                                                              \
        check_refused(world_start(NULL), &(program), "ECHSHIM_RESOLVER=tcp://127.0.0.55:53",       \
                      "network");                                                                  \
    }                                                                                              \
    Test(strict, servfail_##name)                                                                  \
    {                                                                                              \
        struct world *world = world_start(NULL);                                                   \
        start_bad_dns(world, "servfail");                                                          \
        check_refused(world, &(program), "ECHSHIM_RESOLVER=" BAD_DNS, "servfail");                 \
    }                                                                                              \
    Test(strict, unusable_config_##name)                                                           \
    {                                                                                              \
        check_refused(world_start(NULL), &(program), UNUSABLE, "no_usable_config");                \
    }                                                                                              \
    Test(strict, resolver_that_cannot_be_used_##name)                                              \
    {                                                                                              \
        check_refused(world_start(NULL), &(program), "ECHSHIM_RESOLVER=udp://dns", "settings");    \
    }                                                                                              \
    struct world

REFUSED(wget, a_wget);
REFUSED(curl, a_curl);
REFUSED(s_client, an_s_client);
REFUSED(gnutls_cli, a_gnutls_cli);
REFUSED(urllib, a_urllib);
REFUSED(asyncio, an_asyncio);
REFUSED(epoll, an_openssl_epoll);
REFUSED(gnutls_nonblocking, a_gnutls_nonblocking);

static const struct program curl_tls12 = {CURL_TLS12, 35, "curl: (35)"};
static const struct program gnutls_cli_tls12 = {GNUTLS_CLI_TLS12, 1, "*** Fatal error"};
static const struct program urllib_tls12 = {URLLIB_TLS12, 1, "urlopen error"};
static const struct program curl_address = {"curl -sSk https://127.0.0.1/", 35, "curl: (35)"};
static const struct program wget_address = {
    "wget -nv -O - --tries=1 --no-check-certificate https://127.0.0.1/", 4,
    "Unable to establish SSL connection"};
static const struct program s_client_no_name = {
    "openssl s_client -quiet -noservername -connect " INNER_NAME ":443 </dev/null", 1, NULL};
static const struct program gnutls_cli_no_name = {
    "gnutls-cli --disable-sni --insecure " INNER_NAME " </dev/null", 1, "*** Fatal error"};

Test(strict, tls12_curl)
{
    check_refused(world_start(NULL), &curl_tls12, NOTHING, "no_tls13");
}

Test(strict, tls12_gnutls_cli)
{
    check_refused(world_start(NULL), &gnutls_cli_tls12, NOTHING, "no_tls13");
}

Test(strict, tls12_urllib)
{
    check_refused(world_start(NULL), &urllib_tls12, NOTHING, "no_tls13");
}

Test(strict, address_curl)
{
    check_refused(world_start(NULL), &curl_address, NOTHING, "no_name");
}

Test(strict, address_wget)
{
    check_refused(world_start(NULL), &wget_address, NOTHING, "no_name");
}

Test(strict, no_name_s_client)
{
    check_refused(world_start(NULL), &s_client_no_name, NOTHING, "no_name");
}

Test(strict, no_name_gnutls_cli)
{
    check_refused(world_start(NULL), &gnutls_cli_no_name, NOTHING, "no_name");
}

/* With a record strict mode does not get in the way. */
Test(strict, accepted_is_no_hindrance)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 2);
}

/* We cannot protect DTLS: strict mode refuses it on a watched port, and ignores it on others. */
Test(strict, dtls_on_a_watched_port)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), OWN_OPENSSL("dtls"));
    expect_exit(&result, 1, "failed");
    expect_silence(world);
    expect_report(world, 1, "refused", "quic");
}

Test(strict, dtls_on_another_port)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT),
                    "\"$CLIENTS/openssl_client\" " INNER_NAME " 8443 \"$CA\" dtls-only \"$PKI\"");
    expect_exit(&result, 0, "all is well");
    expect_report(world, 0, NULL, NULL);
}
