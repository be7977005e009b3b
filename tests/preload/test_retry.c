/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After a rejection: the hidden retry, secure disablement, and what must not follow (RFC 9849,
 * 6.1.6). The programs and clients of the matrix notice nothing. */
#include "checks.h"
#include "matrix.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define URL "https://" INNER_NAME "/"
#define HELLO "hello from " INNER_NAME
#define OPENSSL(mode) "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define GNUTLS(mode) "\"$CLIENTS/gnutls_client\" " INNER_NAME " 443 \"$CA\" " mode
#define WELL "all is well"

TestSuite(retry, .fini = world_end, .timeout = 120);
TestSuite(disabled, .fini = world_end, .timeout = 120);
TestSuite(impostor, .fini = world_end, .timeout = 120);

/* The number of connections that the relay saw. */
static unsigned connections(const struct world *world)
{
    char pattern[192];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/wire/*.c2s", world->folder);
    glob(pattern, 0, NULL, &found);
    unsigned count = (unsigned)found.gl_pathc;
    globfree(&found);
    return count;
}

/* Also with a post-quantum key share: the hello, and the retry. */
enum { CONNECTIONS_OF_ONE = 2 };

static void check_retry(const struct matrix_row *row, bool hello_retry)
{
    struct world *world =
        world_start(&(struct world_options){.stale_config = true, .hello_retry = hello_retry});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, row->command);
    expect_exit(&result, 0, row->says);
    world_expect_accepted(world, row->connections);
    unsigned expected = CONNECTIONS_OF_ONE * row->connections;
    cr_assert_eq(connections(world), expected, "rejections cost %u connections, not %u", expected,
                 connections(world));
}

#define RETRY(name, count, text, sh)                                                               \
    static const struct matrix_row retry_##name = {(sh), (text), (count)};                         \
    Test(retry, ech_83_##name)                                                                     \
    {                                                                                              \
        check_retry(&retry_##name, false);                                                         \
    }                                                                                              \
    Test(retry, ech_83_##name##_hello_retry)                                                       \
    {                                                                                              \
        check_retry(&retry_##name, true);                                                          \
    }                                                                                              \
    struct matrix_row

/* clang-format off */
RETRY(wget, 1, HELLO, "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL);
RETRY(curl, 1, HELLO, "curl -sS --cacert \"$CA\" " URL);
RETRY(curl_parallel, 3, HELLO,
      "curl -sS --http1.1 -Z --cacert \"$CA\" -H 'Connection: close' " URL "a " URL "b " URL "c");
RETRY(curl_bulk, 1, "20000000", "curl -sS --cacert \"$CA\" " URL "bulk/20000000 | wc -c");
RETRY(gnutls_cli, 1, HELLO, SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME);
RETRY(s_client, 1, HELLO,
      SEND_REQUEST "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -verify_hostname "
      INNER_NAME " -servername " INNER_NAME " -connect " INNER_NAME ":443");
RETRY(s_client_nbio, 1, HELLO,
      SEND_REQUEST "openssl s_client -quiet -nbio -verify_return_error -CAfile \"$CA\" "
      "-servername " INNER_NAME " -connect " INNER_NAME ":443");
RETRY(python_urllib, 1, HELLO,
      "/usr/bin/python3 -c 'import urllib.request as r; "
      "print(r.urlopen(\"" URL "\").read().decode())'");
RETRY(python_asyncio, 1, HELLO,
      "/usr/bin/python3 -c 'import asyncio\n"
      "async def main():\n"
      "    r, w = await asyncio.open_connection(\"" INNER_NAME "\", 443, ssl=True)\n"
      "    w.write(b\"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n\")\n"
      "    print((await r.read()).decode())\n"
      "    w.close()\n"
      "asyncio.run(main())'");
RETRY(perl_lwp, 1, HELLO,
      "perl -MLWP::UserAgent -e 'my $r = LWP::UserAgent->new->get(\"" URL "\"); "
      "print $r->status_line, \"\\n\", $r->content; exit !$r->is_success'");

RETRY(openssl_direct, 1, WELL, OPENSSL("direct"));
RETRY(openssl_implicit, 1, WELL, OPENSSL("implicit"));
RETRY(openssl_bio_connect, 1, WELL, OPENSSL("bio-connect"));
RETRY(openssl_bio_ssl, 1, WELL, OPENSSL("bio-ssl"));
RETRY(openssl_buffered, 1, WELL, OPENSSL("buffered"));
RETRY(openssl_null_filter, 1, WELL, OPENSSL("null-filter"));
RETRY(openssl_nested_filters, 1, WELL, OPENSSL("nested-filters"));
RETRY(openssl_own_buffer, 1, WELL, OPENSSL("own-buffer"));
RETRY(openssl_buffered_memory, 1, WELL, OPENSSL("buffered-memory"));
RETRY(openssl_memory, 1, WELL, OPENSSL("memory"));
RETRY(openssl_own_bio, 1, WELL, OPENSSL("own-bio"));
RETRY(openssl_dribble, 1, WELL, OPENSSL("dribble"));
RETRY(openssl_stutter, 1, WELL, OPENSSL("stutter"));
RETRY(openssl_epoll, 1, WELL, OPENSSL("epoll"));
RETRY(openssl_threads, 400, WELL, OPENSSL("threads"));
RETRY(openssl_resume, 2, "reused", OPENSSL("resume"));
RETRY(gnutls_default, 1, WELL, GNUTLS("default"));
RETRY(gnutls_timeout, 1, WELL, GNUTLS("timeout"));
RETRY(gnutls_push_pull, 1, WELL, GNUTLS("push-pull"));
RETRY(gnutls_vec_push, 1, WELL, GNUTLS("vec-push"));
RETRY(gnutls_non_blocking, 1, WELL, GNUTLS("non-blocking"));
RETRY(gnutls_dribble, 1, WELL, GNUTLS("dribble"));
RETRY(gnutls_stutter, 1, WELL, GNUTLS("stutter"));
RETRY(gnutls_resume, 2, "reused", GNUTLS("resume"));
/* clang-format on */

/* The engine cannot generate ffdhe2048, so key_share is the inner one, of which nobody sees a key.
 * The server does not know that group: it asks for another by a HelloRetryRequest. Of that one the
 * engine makes a key, and finishes the outer handshake. */
#define SHARED_RETRIED                                                                             \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME         \
    " -groups ffdhe2048:X25519:P-384 -connect " INNER_NAME ":443"
/* With a share of X25519 as well, which the server takes: a rejection needs a probe. */
#define SHARED                                                                                     \
    SEND_REQUEST                                                                                   \
    "gnutls-cli --x509cafile \"$CA\" "                                                             \
    "--priority NORMAL:-GROUP-ALL:+GROUP-FFDHE2048:+GROUP-FFDHE3072:+GROUP-X25519 " INNER_NAME

static void check_shared(struct world_options options, const char *command,
                         unsigned expected_connections)
{
    struct world *world = world_start(&options);
    struct run_result result = world_shell(world, RUN_SHIM, HIDE_KEYS(world), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(connections(world), expected_connections, "%u connections", connections(world));
    if (options.server_without_ech) {
        cr_assert_eq(world_report_count(world, "disabled"), 1);
        cr_assert_eq(world_wire_count(world, INNER_NAME), 1, "only the last hello is a plain one");
    } else {
        world_expect_accepted(world, 1);
    }
}

Test(retry, shared_key_share_accepted)
{
    check_shared((struct world_options){.stale_config = false}, SHARED, 1);
}

Test(retry, ech_79_ech_83_shared_key_share_and_hello_retry_request_s_client)
{
    check_shared((struct world_options){.stale_config = true}, SHARED_RETRIED, 2);
}

Test(retry, ech_83_shared_key_share_with_a_probe)
{
    check_shared((struct world_options){.stale_config = true}, SHARED, 3);
}

/* The server takes the probe only when the connection before it has ended. */
Test(retry, ech_83_shared_key_share_one_connection_at_a_time)
{
    check_shared((struct world_options){.stale_config = true, .server_arguments = {"--one-by-one"}},
                 SHARED, 3);
}

Test(disabled, ech_86_shared_key_share_one_connection_at_a_time)
{
    check_shared(
        (struct world_options){.server_without_ech = true, .server_arguments = {"--one-by-one"}},
        SHARED, 3);
}

Test(disabled, ech_86_shared_key_share_and_hello_retry_request_s_client)
{
    check_shared((struct world_options){.server_without_ech = true}, SHARED_RETRIED, 2);
}

Test(disabled, ech_86_shared_key_share_with_a_probe)
{
    check_shared((struct world_options){.server_without_ech = true}, SHARED, 3);
}

static void check_shared_impostor(const char *command, unsigned expected_connections)
{
    struct world *world = world_start(
        &(struct world_options){.public_certificate = "public-stranger", .stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, HIDE_KEYS(world), command);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_eq(world_report_count(world, "rejected"), 1);
    cr_assert_eq(connections(world), expected_connections, "no retry");
    world_expect_hidden(world);
}

Test(impostor, ech_72_shared_key_share_with_a_probe)
{
    check_shared_impostor(SHARED, 2);
}

Test(impostor, ech_72_shared_key_share_and_hello_retry_request_s_client)
{
    check_shared_impostor(SHARED_RETRIED, 1);
}

static const char *const fetchers[] = {
    "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL,
    OPENSSL("direct"),
    GNUTLS("non-blocking"),
};
enum { FETCHERS = sizeof fetchers / sizeof *fetchers };

static struct run_result fetch(struct world *world, size_t index, const char *mode)
{
    static char variable[64];
    snprintf(variable, sizeof variable, "ECHSHIM_MODE=%s", mode);
    return world_shell(world, RUN_SHIM, (char *[]){variable, NULL}, fetchers[index]);
}

static void check_disabled(size_t index)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = fetch(world, index, "opportunistic");
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(world, "disabled"), 1);
    cr_assert_eq(connections(world), 2);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1, "only the last hello is a plain one");
}

/* A buffer may have read ahead on the old connection: that is no part of the new one. */
Test(retry, ech_83_read_ahead)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, OPENSSL("buffered-ahead"));
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 1);
}

/* ---- transports that send only when flushed ---- */

static const char *const gathering[] = {OPENSSL("buffered"), OPENSSL("nested-filters"),
                                        OPENSSL("own-buffer"), OPENSSL("buffered-memory")};
enum { GATHERING = sizeof gathering / sizeof *gathering };

/* The hello in the clear, and the second hello that a HelloRetryRequest asks for. */
static void check_gathering_disabled(bool hello_retry)
{
    struct world *world = world_start(
        &(struct world_options){.server_without_ech = true, .hello_retry = hello_retry});
    for (unsigned i = 0; i < GATHERING; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, gathering[i]);
        expect_exit(&result, 0, WELL);
        cr_assert_eq(world_report_count(world, "disabled"), i + 1, "%s", gathering[i]);
    }
}

Test(disabled, ech_86_gathered)
{
    check_gathering_disabled(false);
}

Test(disabled, ech_86_gathered_hello_retry)
{
    check_gathering_disabled(true);
}

/* The end of the outer handshake leaves too: the server sees our alert. */
Test(impostor, ech_72_gathered)
{
    struct world *world = world_start(
        &(struct world_options){.public_certificate = "public-stranger", .stale_config = true});
    for (unsigned i = 0; i < GATHERING; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, NULL, gathering[i]);
        expect_exit(&result, 1, "SSL");
        cr_assert_eq(world_report_count(world, "rejected"), i + 1, "%s", gathering[i]);
    }
    world_expect_hidden(world);
}

Test(disabled, ech_86_goes_on_without_ech_gnutls)
{
    check_disabled(0);
}

Test(disabled, ech_86_goes_on_without_ech_openssl)
{
    check_disabled(1);
}

Test(disabled, ech_86_goes_on_without_ech_non_blocking)
{
    check_disabled(2);
}

/* One process asks twice: what the server said about this very config still holds the second time.
 */
Test(disabled, ech_86_is_known_at_the_next_attempt)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, OPENSSL("resume"));
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_report_count(world, "disabled"), 1);
    cr_assert_eq(connections(world), 3, "%u connections", connections(world));
}

static void check_disabled_strict(size_t index)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = fetch(world, index, "strict");
    cr_assert_neq(result.exit_code, 0);
    cr_assert_eq(world_report_count(world, "rejected"), 1);
    cr_assert_eq(connections(world), 1);
    world_expect_hidden(world);
}

Test(disabled, strict_refuses_gnutls)
{
    check_disabled_strict(0);
}

Test(disabled, strict_refuses_openssl)
{
    check_disabled_strict(1);
}

/* The server cannot prove to be public_name: what it says does not count, whether it sends
 * retry_configs or seems not to know ECH. */
static void check_impostor(const char *certificate, bool without_ech)
{
    struct world *world = world_start(&(struct world_options){
        .public_certificate = certificate,
        .stale_config = !without_ech,
        .server_without_ech = without_ech,
    });
    unsigned expected = 0;
    for (size_t i = 1; i < FETCHERS; i++) {
        struct run_result result = fetch(world, i, "opportunistic");
        expected += 1;
        cr_assert_neq(result.exit_code, 0);
        cr_assert_not(result.timed_out);
    }
    cr_assert_eq(world_report_count(world, "rejected"), FETCHERS - 1);
    cr_assert_eq(connections(world), expected, "a connection more, which is no probe");
    world_expect_hidden(world);
}

Test(impostor, ech_72_ech_75_expired)
{
    check_impostor("public-expired", false);
}

Test(impostor, ech_72_ech_75_stranger)
{
    check_impostor("public-stranger", false);
}

Test(impostor, ech_72_ech_75_wrong_host)
{
    check_impostor("other", false);
}

Test(impostor, ech_72_ech_76_stranger_without_ech)
{
    check_impostor("public-stranger", true);
}

Test(retry, ech_89_switched_off)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    for (size_t i = 1; i < FETCHERS; i++) {
        struct run_result result =
            world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_RETRY=off", NULL}, fetchers[i]);
        cr_assert_neq(result.exit_code, 0);
    }
    cr_assert_eq(connections(world), FETCHERS - 1);
    world_expect_hidden(world);
}

Test(retry, ech_89_switched_off_no_probe_either)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_RETRY=off", NULL}, SHARED);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_eq(connections(world), 1);
    world_expect_hidden(world);
}
