/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that set functions and pointers of a GnuTLS session from within its own functions. wget2
 * does: its push function opens the connection with the first octets (TCP Fast Open), and then sets
 * another push function and pointer.
 */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(gnutls_guests, .fini = world_end, .timeout = 180);

#define WGET2(options, urls)                                                                       \
    "wget2 -nv -O - --tries=1 --no-hsts --no-config --ca-certificate=\"$CA\" " options " " urls

static struct world *wget2_world(const struct world_options *options)
{
    if (system("command -v wget2 >/dev/null") != 0) {
        cr_skip_test("no wget2 here");
    }
    return world_start(options);
}

static void check_accepted(const struct world_options *options, const char *command,
                           unsigned handshakes)
{
    struct world *world = wget2_world(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, handshakes);
}

#define ACCEPTED(name, count, command, ...)                                                        \
    Test(gnutls_guests, name)                                                                      \
    {                                                                                              \
        check_accepted(&(struct world_options){__VA_ARGS__}, command, count);                      \
    }                                                                                              \
    struct world

#define WAYS(name, count, command)                                                                 \
    ACCEPTED(name, count, command, .dns_zone = NULL);                                              \
    ACCEPTED(name##_retry, count, command, .hello_retry = true);                                   \
    ACCEPTED(name##_stale, count, command, .stale_config = true);                                  \
    ACCEPTED(name##_stale_retry, count, command, .stale_config = true, .hello_retry = true)

WAYS(wget2, 1, WGET2("", URL));
WAYS(wget2_with_fastopen, 1, WGET2("--tcp-fastopen", URL));
WAYS(wget2_without_fastopen, 1, WGET2("--no-tcp-fastopen", URL));

/* wget2 keeps connections, so the number of handshakes is its own choice; each is hidden. */
#define MANY WGET2("--max-threads=5 --no-http2", URL "a " URL "b " URL "c " URL "d " URL "e")

static void check_many(const struct world_options *options)
{
    struct world *world = wget2_world(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, MANY);
    expect_exit(&result, 0, HELLO);
    unsigned handshakes = world_report_count(world, "accepted");
    cr_assert_geq(handshakes, 2, "all on one connection");
    world_expect_accepted(world, handshakes);
}

Test(gnutls_guests, wget2_threads)
{
    check_many(NULL);
}

Test(gnutls_guests, wget2_threads_stale)
{
    check_many(&(struct world_options){.stale_config = true});
}

Test(gnutls_guests, wget2_where_ech_is_disabled)
{
    struct world *world = wget2_world(&(struct world_options){.server_without_ech = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, WGET2("", URL));
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "disabled", NULL);
}

Test(gnutls_guests, wget2_strict_where_ech_is_disabled)
{
    struct world *world = wget2_world(&(struct world_options){.server_without_ech = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL}, WGET2("", URL));
    cr_assert_neq(result.exit_code, 0);
    cr_assert_lt(result.exit_code, 128, "killed");
    world_expect_hidden(world);
}

Test(gnutls_guests, wget2_without_a_record)
{
    struct world *world = wget2_world(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, WGET2("", URL));
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "nodata");
}

Test(gnutls_guests, wget2_strict_without_a_record)
{
    struct world *world = wget2_world(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL}, WGET2("", URL));
    cr_assert_neq(result.exit_code, 0);
    cr_assert_lt(result.exit_code, 128, "killed");
    expect_silence(world);
}

Test(gnutls_guests, wget2_by_valgrind)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    check_accepted(&(struct world_options){.stale_config = true}, FACT_VALGRIND WGET2("", URL), 1);
}
