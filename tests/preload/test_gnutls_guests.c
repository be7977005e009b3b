/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that set functions and pointers of a GnuTLS session from within its own functions. wget2
 * does: its push function opens the connection with the first octets (TCP Fast Open), and then sets
 * another push function and pointer.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(gnutls_guests, .fini = world_end, .timeout = 180);

#define WGET2(options, urls)                                                                       \
    "wget2 -nv -O - --tries=1 --no-hsts --no-config --ca-certificate=\"$CA\" " options " " urls
#define STALE .stale_config = true

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
