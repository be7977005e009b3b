/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs against BoringSSL, one row of docs/interop.md for each test (make interop). The programs
 * are this machine's, or those of the root that ECHSHIM_TEST_CHROOT names, so a test must not
 * assume a version of their libraries. */
#include "tests/interop/interop.h"

#include <criterion/criterion.h>

TestSuite(interop, .fini = world_end, .timeout = 120);

static void expect_accepted(struct world *world, unsigned count, const char *out)
{
    (void)out;
    world_expect_accepted(world, count);
}

static void expect_resumed(struct world *world, const char *out)
{
    (void)out;
    cr_assert_eq(world_log_count(world, "resumed", 1), 1, "nothing was resumed");
}

static void expect_plain(struct world *world, const char *out)
{
    (void)out;
    world_expect_visible(world, 1);
}

static const struct interop_server boringssl = {"1-boringssl", "hello from " INNER_NAME,
                                                expect_accepted, expect_resumed, expect_plain};

static const struct interop_case accepted = {"accept", {.hello_retry = false}, ACCEPTED},
                                 hello_retry = {"HelloRetryRequest",
                                                {.hello_retry = true},
                                                ACCEPTED},
                                 resumed = {"resumption", {.hello_retry = false}, RESUMED},
                                 stale = {"stale config", {.stale_config = true}, RETRIED},
                                 stale_hello_retry = {"stale config, HelloRetryRequest",
                                                      {.stale_config = true, .hello_retry = true},
                                                      RETRIED},
                                 disabled = {"server without ECH",
                                             {.server_without_ech = true},
                                             DISABLED},
                                 greased = {"no record", {.no_https_record = true}, GREASED};

#define TRY(program, order, place, what)                                                           \
    Test(interop, program##_##what)                                                                \
    {                                                                                              \
        interop_check(&boringssl, #order "-" #program "-" #place "-" #what, &(program), &(what));  \
    }                                                                                              \
    struct program
#define TRY_ALL(program, order)                                                                    \
    TRY(program, order, 1, accepted);                                                              \
    TRY(program, order, 2, hello_retry);                                                           \
    TRY(program, order, 4, stale);                                                                 \
    TRY(program, order, 5, stale_hello_retry);                                                     \
    TRY(program, order, 6, disabled);                                                              \
    TRY(program, order, 7, greased)

TRY_ALL(curl, 1);
TRY(curl, 1, 3, resumed);
TRY_ALL(s_client, 2);
TRY(s_client, 2, 3, resumed);
TRY_ALL(urllib, 3);
TRY_ALL(wget, 4);
TRY_ALL(gnutls_cli, 5);
