/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTPS records that lead to other hosts and ports (RFC 9460, 3; RFC 9848, 3 to 5): where a
 * connection ends, and which key seals its hello. The program itself connects to the world's server
 * at 127.0.0.1:443. */
#include "checks.h"
#include "endpoints.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(endpoints, .fini = world_end, .timeout = 120);

/* ---- another port: svcb_42, for every kind of program ---- */

static void check_port(const char *command, const char *says)
{
    struct scene *scene =
        scene_start("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""));
    struct run_result result = scene_run(scene, "strict", command);
    expect_exit(&result, 0, says);
    expect_there(scene, &scene->pools[0], 1);
}

#define PORT(name, command, says)                                                                  \
    Test(endpoints, svcb_42_another_port_##name)                                                   \
    {                                                                                              \
        check_port(command, says);                                                                 \
    }                                                                                              \
    struct scene

PORT(wget, WGET, HELLO);
PORT(curl, CURL, HELLO);
PORT(urllib, URLLIB, HELLO);
PORT(asyncio, ASYNCIO, HELLO);
PORT(openssl, OWN_OPENSSL("direct"), NULL);
PORT(openssl_epoll, OWN_OPENSSL("epoll"), NULL);
PORT(openssl_memory, OWN_OPENSSL("memory"), NULL);
PORT(openssl_own_bio, OWN_OPENSSL("own-bio"), NULL);
PORT(openssl_bio_connect, OWN_OPENSSL("bio-connect"), NULL);
PORT(gnutls, OWN_GNUTLS("default"), NULL);
PORT(gnutls_push_pull, OWN_GNUTLS("push-pull"), NULL);
PORT(gnutls_non_blocking, OWN_GNUTLS("non-blocking"), NULL);

/* The program notices nothing: the sealed hello has its own ALPN list, and it checks the
 * certificate for the origin's name. */
Test(endpoints, svcb_39_svcb_45_what_the_program_asks_for_stays)
{
    struct scene *scene =
        scene_start("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 alpn=h2 ech=\"{1}\""));
    struct run_result result = scene_run(scene, "strict", "curl -sSv --cacert \"$CA\" " URL);
    expect_exit(&result, 0, HELLO);
    /* curl before 7.86 says it in other words. */
    cr_assert(strstr(result.err, "ALPN: server accepted http/1.1") != NULL ||
                  strstr(result.err, "ALPN, server accepted to use http/1.1") != NULL,
              "%s", result.err);
    /* So does curl of 2026. */
    cr_assert(strstr(result.err, "subjectAltName: host \"" INNER_NAME "\" matched") != NULL ||
                  strstr(result.err, "subjectAltName: \"" INNER_NAME "\" matches") != NULL,
              "%s", result.err);
    expect_there(scene, &scene->pools[0], 1);
}

/* The certificate must name the origin; TargetName alone does not suffice. */
static void check_certificate(const char *command, int exit_code)
{
    struct world *world = world_start(NULL);
    struct pool pool = {.certificate = "other"};
    pool_start(world, &pool, "one", "127.0.0.3:443");
    zone_start(
        world,
        ZONE_OF(HTTPS "1 other.example.org. ech=\"{1}\"", "other.example.org 60 IN A 127.0.0.3"),
        (const struct pool *const[]){&pool});
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){ZONE, NULL}, command);
    cr_assert_eq(result.exit_code, exit_code, "%s%s", result.out, result.err);
    cr_assert_eq(pool_accepted(world, &pool, 1), 1u, "that server is the right one");
    expect_silence(world);
}

Test(endpoints, svcb_45_svcb_55_the_certificate_is_the_origins)
{
    check_certificate(CURL, 60);
}

Test(endpoints, svcb_45_svcb_55_the_certificate_is_the_origins_gnutls)
{
    check_certificate(WGET, 5);
}

/* ---- another host ---- */

static void check_target(const char *command)
{
    struct scene *scene = scene_start(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 pool.example.org. ech=\"{1}\"", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, "opportunistic", command);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
}

Test(endpoints, svcb_52_a_target_wget)
{
    check_target(WGET);
}

Test(endpoints, svcb_52_a_target_curl)
{
    check_target(CURL);
}

Test(endpoints, svcb_52_a_target_asyncio)
{
    check_target(ASYNCIO);
}

/* The zone of RFC 9848, figure 3: each pool has a key of its own. */
static const char *const heterogeneous[] = {A_RECORD,
                                            INNER_NAME " 60 IN A 127.0.0.3",
                                            HTTPS "1 pool1.example.org. ech=\"{1}\"",
                                            HTTPS "1 pool2.example.org. ech=\"{2}\"",
                                            "pool1.example.org 60 IN A 127.0.0.3",
                                            "pool1.example.org 60 IN AAAA ::1",
                                            "pool2.example.org 60 IN A 127.0.0.4",
                                            NULL};

static void check_heterogeneous(size_t pool, const char *command)
{
    struct scene *scene = scene_start("127.0.0.3:443", "127.0.0.4:443", heterogeneous);
    struct run_result result = scene_run(scene, "strict", command);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[pool], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[1 - pool]), 0u,
                 "the connection that stood was good");
    cr_assert_eq(pool_connections(scene->world, &scene->pools[pool]), 1u);
}

#define RESOLVED(address) "curl -sS --cacert \"$CA\" --resolve " INNER_NAME ":443:" address " " URL

Test(endpoints, svcb_52_heterogeneous_example_first_pool)
{
    check_heterogeneous(0, RESOLVED("127.0.0.3"));
}

Test(endpoints, svcb_52_heterogeneous_example_second_pool)
{
    check_heterogeneous(1, RESOLVED("127.0.0.4"));
}

/* AliasMode, and an address family that the program did not use. */
Test(endpoints, svcb_30_alias_to_another_host)
{
    struct scene *scene = scene_start("[::1]:443", NULL,
                                      ZONE_OF(HTTPS "0 cdn.example.org.",
                                              "cdn.example.org 60 IN HTTPS 1 . ech=\"{1}\"",
                                              "cdn.example.org 60 IN AAAA ::1"));
    struct run_result result = scene_run(scene, "strict", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 2);
}

/* An alias to a name without records is an endpoint without ech: the program keeps its own
 * connection. */
Test(endpoints, svcb_29_svcb_30_svcb_31_nothing_with_ech)
{
    struct scene *scene =
        scene_start("127.0.0.3:443", NULL,
                    ZONE_OF(HTTPS "0 cdn.example.org.", "cdn.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, "opportunistic", WGET);
    expect_exit(&result, 0, HELLO);
    expect_report(scene->world, 1, "grease", "no_record");
    world_expect_visible(scene->world, 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
}

/* ---- hints ---- */

Test(endpoints, svcb_43_hints_yield_to_addresses)
{
    struct scene *scene =
        scene_start("127.0.0.3:443", "127.0.0.4:443",
                    ZONE_OF(HTTPS "1 pool.example.org. ipv4hint=127.0.0.4 ech=\"{1}\"",
                            "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[1]), 0u);
}

Test(endpoints, svcb_43_hints_where_there_are_no_addresses)
{
    struct scene *scene = scene_start(
        "127.0.0.3:443", NULL, ZONE_OF(HTTPS "1 pool.example.org. ipv4hint=127.0.0.3 ech=\"{1}\""));
    struct run_result result = scene_run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
}

/* ---- fall-over ---- */

static void check_fall_over(const char *command, const char *says)
{
    struct scene *scene = scene_start(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 dead.example.org. ech=\"{0}\"", HTTPS "2 pool.example.org. ech=\"{1}\"",
                "dead.example.org 60 IN A 127.0.0.9", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, "strict", command);
    expect_exit(&result, 0, says);
    expect_there(scene, &scene->pools[0], 1);
}

#define FALL_OVER(name, command, says)                                                             \
    Test(endpoints, svcb_28_svcb_52_fall_over_##name)                                              \
    {                                                                                              \
        check_fall_over(command, says);                                                            \
    }                                                                                              \
    struct scene

FALL_OVER(wget, WGET, HELLO);
FALL_OVER(curl, CURL, HELLO);
FALL_OVER(asyncio, ASYNCIO, HELLO);
FALL_OVER(openssl_epoll, OWN_OPENSSL("epoll"), NULL);
FALL_OVER(gnutls_non_blocking, OWN_GNUTLS("non-blocking"), NULL);

/* The shim waits for a silent endpoint no longer than RFC 8305 says. */
Test(endpoints, svcb_28_fall_over_from_silence)
{
    struct scene *scene = scene_start(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 deaf.example.org. ech=\"{0}\"", HTTPS "2 pool.example.org. ech=\"{1}\"",
                "deaf.example.org 60 IN A 127.0.0.8", "pool.example.org 60 IN A 127.0.0.3"));
    start_deaf_server(scene->world, "127.0.0.8", "443");
    struct run_result result = scene_run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
}

/* The program's own connection leads to the less preferred endpoint: the shim keeps it. */
Test(endpoints, svcb_28_the_connection_that_stands)
{
    struct scene *scene = scene_start(
        NULL, NULL,
        ZONE_OF(HTTPS "1 dead.example.org. ech=\"{-}\"", HTTPS "2 dead.example.org. ech=\"{0}\"",
                HTTPS "3 . ech=\"{0}\"", "dead.example.org 60 IN A 127.0.0.9"));
    struct run_result result = scene_run(scene, "strict", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(scene->world, 2);
    cr_assert_eq(connections_ended(scene->world), 2u);
}

Test(endpoints, svcb_40_no_endpoint_without_a_protocol_of_ours)
{
    struct scene *scene = scene_start("127.0.0.3:443", "127.0.0.4:443",
                                      ZONE_OF(HTTPS "1 quic.example.org. alpn=h3 no-default-alpn "
                                                    "ech=\"{2}\"",
                                              HTTPS "2 pool.example.org. alpn=h2 ech=\"{1}\"",
                                              "quic.example.org 60 IN A 127.0.0.4",
                                              "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[1]), 0u);
}

/* ---- what the shim remembers ---- */

/* After a rejection at the endpoint the retry goes there too. */
Test(endpoints, ech_83_svcb_52_a_retry_stays_at_the_endpoint)
{
    struct scene *scene = scene_start(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 pool.example.org. ech=\"{0}\"", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, "strict", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(pool_accepted(scene->world, &scene->pools[0], 2), 2u);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 4);
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], INNER_NAME), 0u);
    expect_silence(scene->world);
}

/* Even if its port is not a watched one. */
Test(endpoints, ech_83_svcb_52_a_retry_stays_at_the_port)
{
    struct scene *scene =
        scene_start("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{0}\""));
    struct run_result result = scene_run(scene, "strict", WGET " && " CURL " && " ASYNCIO);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(pool_accepted(scene->world, &scene->pools[0], 3), 3u);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 6);
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], INNER_NAME), 0u);
    expect_silence(scene->world);
}
