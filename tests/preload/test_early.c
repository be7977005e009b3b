/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 0-RTT on the wire: early data of a program reaches the server once and in order, whatever happens
 * to the hello. A server that rejected ClientHelloOuter never read it, so it goes out again with
 * the retried hello only (RFC 9849, 6.1.6; RFC 8446, 4.2.10).
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(early_data, .fini = world_end, .timeout = 120);

/* The program makes two connections, the second with early data. `accepted` of them have ECH in the
 * end; on `early` of them the server takes the early data. */
static struct world *check_by(const char *command, const struct world_options *options,
                              const char *how, unsigned accepted, unsigned early)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, how);
    expect_exit(&result, 0, "all is well");
    cr_assert_eq(world_log_count(world, "early", early), early);
    cr_assert_eq(world_log_count(world, "accepted", accepted), accepted);
    return world;
}

static struct world *check(const struct world_options *options, const char *how, unsigned accepted,
                           unsigned early)
{
    return check_by(OWN_OPENSSL("early"), options, how, accepted, early);
}

/* A lower bound; the client sends more (openssl_many.c). */
enum { EARLY_OCTETS = 6000 };

static size_t octets_of(const struct world *world, const char *name)
{
    size_t len;
    free(world_read(world, name, &len));
    return len;
}

#define EARLY .server_arguments = {"--early-data"}

Test(early_data, ech_50_goes_with_an_accepted_hello)
{
    struct world *world = check(&(struct world_options){EARLY}, "early data accepted", 2, 1);
    world_expect_accepted(world, 2);
    cr_assert_eq(connections_ended(world), 2);
}

Test(early_data, ech_50_is_sent_again_after_a_rejection)
{
    struct world *world =
        check(&(struct world_options){.stale_config = true, EARLY}, "early data accepted", 2, 1);
    world_expect_accepted(world, 2);
    /* For each connection: the hello, perhaps a probe, and the retry. */
    unsigned each = 2;
    char names[2][32];
    snprintf(names[0], sizeof names[0], "wire/%04u.c2s", each + 1);
    snprintf(names[1], sizeof names[1], "wire/%04u.c2s", 2 * each);
    cr_assert_eq(connections_ended(world), 2 * each);
    cr_assert_gt(octets_of(world, names[0]), EARLY_OCTETS, "nothing went with the hello");
    cr_assert_gt(octets_of(world, names[1]), EARLY_OCTETS, "nothing went with the retry");
}

/* The program itself sends the data again, as without the shim. */
Test(early_data, ech_50_is_refused_by_a_hello_retry_request)
{
    struct world *world =
        check(&(struct world_options){.hello_retry = true, EARLY}, "early data rejected", 2, 0);
    world_expect_accepted(world, 2);
}

Test(early_data, ech_50_is_refused_by_a_hello_retry_request_after_a_rejection)
{
    struct world *world =
        check(&(struct world_options){.stale_config = true, .hello_retry = true, EARLY},
              "early data rejected", 2, 0);
    world_expect_accepted(world, 2);
}

/* A server that has lost its ECH key does not know the session either. */
Test(early_data, ech_86_is_refused_where_ech_is_disabled)
{
    check(&(struct world_options){.server_arguments = {"--early-data", "--forget", "1"}},
          "early data rejected", 1, 0);
}

/* ---- GnuTLS; 3.7 hangs by itself with early data and a HelloRetryRequest ---- */

#define GNUTLS_EARLY "\"$CLIENTS/gnutls_late\" " INNER_NAME " 443 \"$CA\" early"

/* A lower bound; the client sends more (gnutls_late.c). */
enum { GNUTLS_EARLY_OCTETS = 3000 };

Test(early_data, gnutls_goes_with_an_accepted_hello)
{
    struct world *world =
        check_by(GNUTLS_EARLY, &(struct world_options){EARLY}, "early data accepted", 2, 1);
    world_expect_accepted(world, 2);
}

Test(early_data, gnutls_is_sent_again_after_a_rejection)
{
    struct world *world =
        check_by(GNUTLS_EARLY, &(struct world_options){.stale_config = true, EARLY},
                 "early data accepted", 2, 1);
    world_expect_accepted(world, 2);
    cr_assert_eq(connections_ended(world), 4);
    cr_assert_gt(octets_of(world, "wire/0003.c2s"), GNUTLS_EARLY_OCTETS, "nothing with the hello");
    cr_assert_gt(octets_of(world, "wire/0004.c2s"), GNUTLS_EARLY_OCTETS, "nothing with the retry");
}

Test(early_data, gnutls_goes_without_ech)
{
    struct world *world =
        check_by(GNUTLS_EARLY, &(struct world_options){.no_https_record = true, EARLY},
                 "early data accepted", 0, 1);
    cr_assert_eq(world_report_count(world, "grease"), 2);
}

Test(early_data, gnutls_without_the_shim)
{
    struct world *world = world_start(&(struct world_options){EARLY});
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, GNUTLS_EARLY);
    expect_exit(&result, 0, "early data accepted");
    cr_assert_eq(world_log_count(world, "early", 1), 1);
}

Test(early_data, without_the_shim)
{
    struct world *world = world_start(&(struct world_options){EARLY});
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, OWN_OPENSSL("early"));
    expect_exit(&result, 0, "early data accepted");
    cr_assert_eq(world_log_count(world, "early", 1), 1);
}
