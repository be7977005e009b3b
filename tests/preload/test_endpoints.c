/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTPS records that lead to other hosts and ports (RFC 9460, 3; RFC 9848, 3 to 5): where a
 * connection ends, and which key seals its hello. The program itself connects to the world's server
 * at 127.0.0.1:443. */
#include "../facts.h"
#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(endpoints, .fini = world_end, .timeout = 120);

#define A_RECORD INNER_NAME " 60 IN A 127.0.0.1"
#define HTTPS INNER_NAME " 60 IN HTTPS "

struct scene {
    struct world *world;
    struct pool pools[2];
};

/* A world with up to two pools at these addresses, and a zone. */
static struct scene *scene_of(const char *first, const char *second, const char *const lines[])
{
    static struct scene the_scene;
    struct scene *scene = &the_scene;
    scene->world = world_start(NULL);
    if (first != NULL) {
        pool_start(scene->world, &scene->pools[0], "one", first);
    }
    if (second != NULL) {
        pool_start(scene->world, &scene->pools[1], "two", second);
    }
    zone_start(scene->world, lines,
               (const struct pool *const[]){&scene->pools[0], &scene->pools[1]});
    return scene;
}

#define ZONE_OF(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        A_RECORD, __VA_ARGS__, NULL                                                                \
    }

static struct run_result run(const struct scene *scene, const char *mode, const char *command)
{
    char variable[64];
    snprintf(variable, sizeof variable, "ECHSHIM_MODE=%s", mode);
    return world_shell(scene->world, RUN_SHIM, (char *[]){ZONE, variable, NULL}, command);
}

/* This pool accepted `count` handshakes, and no other server got an octet. */
static void expect_there(struct scene *scene, const struct pool *pool, unsigned count)
{
    cr_assert_eq(pool_accepted(scene->world, pool, count), count);
    cr_assert_eq(pool_wire_count(scene->world, pool, INNER_NAME), 0u, "the name is on the wire");
    cr_assert_eq(pool_wire_count(scene->world, pool, PUBLIC_NAME), count);
    cr_assert_eq(world_report_count(scene->world, "accepted"), count);
    expect_silence(scene->world);
}

/* ---- another port: svcb_42, for every kind of program ---- */

static void check_port(const char *command, const char *says)
{
    struct scene *scene =
        scene_of("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""));
    struct run_result result = run(scene, "strict", command);
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
        scene_of("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 alpn=h2 ech=\"{1}\""));
    struct run_result result = run(scene, "strict", "curl -sSv --cacert \"$CA\" " URL);
    expect_exit(&result, 0, HELLO);
    cr_assert_not_null(strstr(result.err, "ALPN: server accepted http/1.1"), "%s", result.err);
    cr_assert_not_null(strstr(result.err, "subjectAltName: host \"" INNER_NAME "\" matched"), "%s",
                       result.err);
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
    struct scene *scene = scene_of(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 pool.example.org. ech=\"{1}\"", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, "opportunistic", command);
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
    struct scene *scene = scene_of("127.0.0.3:443", "127.0.0.4:443", heterogeneous);
    struct run_result result = run(scene, "strict", command);
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
    struct scene *scene =
        scene_of("[::1]:443", NULL,
                 ZONE_OF(HTTPS "0 cdn.example.org.", "cdn.example.org 60 IN HTTPS 1 . ech=\"{1}\"",
                         "cdn.example.org 60 IN AAAA ::1"));
    struct run_result result = run(scene, "strict", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 2);
}

/* An alias to a name without records is an endpoint without ech: the program keeps its own
 * connection. */
Test(endpoints, svcb_29_svcb_30_svcb_31_nothing_with_ech)
{
    struct scene *scene =
        scene_of("127.0.0.3:443", NULL,
                 ZONE_OF(HTTPS "0 cdn.example.org.", "cdn.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, "opportunistic", WGET);
    expect_exit(&result, 0, HELLO);
    expect_report(scene->world, 1, "grease", "no_record");
    world_expect_visible(scene->world, 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
}

/* ---- hints ---- */

Test(endpoints, svcb_43_hints_yield_to_addresses)
{
    struct scene *scene =
        scene_of("127.0.0.3:443", "127.0.0.4:443",
                 ZONE_OF(HTTPS "1 pool.example.org. ipv4hint=127.0.0.4 ech=\"{1}\"",
                         "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[1]), 0u);
}

Test(endpoints, svcb_43_hints_where_there_are_no_addresses)
{
    struct scene *scene = scene_of(
        "127.0.0.3:443", NULL, ZONE_OF(HTTPS "1 pool.example.org. ipv4hint=127.0.0.3 ech=\"{1}\""));
    struct run_result result = run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
}

/* ---- fall-over ---- */

static void check_fall_over(const char *command, const char *says)
{
    struct scene *scene = scene_of(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 dead.example.org. ech=\"{0}\"", HTTPS "2 pool.example.org. ech=\"{1}\"",
                "dead.example.org 60 IN A 127.0.0.9", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, "strict", command);
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
    struct scene *scene = scene_of(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 deaf.example.org. ech=\"{0}\"", HTTPS "2 pool.example.org. ech=\"{1}\"",
                "deaf.example.org 60 IN A 127.0.0.8", "pool.example.org 60 IN A 127.0.0.3"));
    start_deaf_server(scene->world, "127.0.0.8", "443");
    struct run_result result = run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
}

/* The program's own connection leads to the less preferred endpoint: the shim keeps it. */
Test(endpoints, svcb_28_the_connection_that_stands)
{
    struct scene *scene = scene_of(
        NULL, NULL,
        ZONE_OF(HTTPS "1 dead.example.org. ech=\"{-}\"", HTTPS "2 dead.example.org. ech=\"{0}\"",
                HTTPS "3 . ech=\"{0}\"", "dead.example.org 60 IN A 127.0.0.9"));
    struct run_result result = run(scene, "strict", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(scene->world, 2);
    cr_assert_eq(connections_ended(scene->world), 2u);
}

Test(endpoints, svcb_40_no_endpoint_without_a_protocol_of_ours)
{
    struct scene *scene = scene_of("127.0.0.3:443", "127.0.0.4:443",
                                   ZONE_OF(HTTPS "1 quic.example.org. alpn=h3 no-default-alpn "
                                                 "ech=\"{2}\"",
                                           HTTPS "2 pool.example.org. alpn=h2 ech=\"{1}\"",
                                           "quic.example.org 60 IN A 127.0.0.4",
                                           "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, "strict", WGET);
    expect_exit(&result, 0, HELLO);
    expect_there(scene, &scene->pools[0], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[1]), 0u);
}

/* ---- every record has ECH ---- */

/* No hello leaves, and nothing goes to the origin's own address. */
static void check_reliant(const char *const lines[], const char *reason)
{
    struct scene *scene = scene_of(NULL, NULL, lines);
    struct run_result result = run(scene, "opportunistic", WGET);
    expect_exit(&result, a_wget.failure_exit, a_wget.failure_text);
    result = run(scene, "opportunistic", CURL);
    expect_exit(&result, a_curl.failure_exit, a_curl.failure_text);
    result = run(scene, "opportunistic", ASYNCIO);
    expect_exit(&result, an_asyncio.failure_exit, NULL);
    expect_report(scene->world, 3, "refused", reason);
    expect_silence(scene->world);
}

Test(endpoints, svcb_48_all_endpoints_refuse)
{
    check_reliant(ZONE_OF(HTTPS "1 dead.example.org. ech=\"{0}\"",
                          HTTPS "2 . port=9443 ech=\"{0}\"", "dead.example.org 60 IN A 127.0.0.9"),
                  "no_endpoint");
}

Test(endpoints, svcb_48_no_address)
{
    check_reliant(ZONE_OF(HTTPS "1 nowhere.example.org. ech=\"{0}\""), "no_endpoint");
}

Test(endpoints, svcb_49_a_mixed_set_is_no_way_around)
{
    check_reliant(ZONE_OF(HTTPS "1 dead.example.org. ech=\"{0}\"", HTTPS "2 .",
                          "dead.example.org 60 IN A 127.0.0.9",
                          "dead.example.org 60 IN A 127.0.0.10"),
                  "no_endpoint");
}

/* Programs try again with a weaker hello. */
Test(endpoints, svcb_48_no_weaker_hello_afterwards)
{
    struct scene *scene = scene_of(NULL, NULL, ZONE_OF(HTTPS "1 nowhere.example.org. ech=\"{0}\""));
    struct run_result result =
        run(scene, "opportunistic",
            "/usr/bin/python3 -c 'import socket, ssl\n"
            "for most in ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2:\n"
            "    c = ssl.create_default_context()\n"
            "    c.maximum_version = most\n"
            "    try:\n"
            "        c.wrap_socket(socket.create_connection((\"" INNER_NAME "\", 443)),\n"
            "                      server_hostname=\"" INNER_NAME "\")\n"
            "    except ssl.SSLError as e:\n"
            "        print(e)'");
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(scene->world, "refused"), 2u);
    cr_assert_not_null(strstr(world_read(scene->world, "report", NULL), "\"downgrade\""));
    expect_silence(scene->world);
}

/* With a single endpoint a program that does not block waits by itself. */
static void check_one_way(const char *command)
{
    struct scene *scene = scene_of(
        NULL, NULL,
        ZONE_OF(HTTPS "1 dead.example.org. ech=\"{0}\"", "dead.example.org 60 IN A 127.0.0.9"));
    struct run_result result = run(scene, "opportunistic", command);
    cr_assert_neq(result.exit_code, 0);
    expect_report(scene->world, 1, "failed", "no_endpoint");
    expect_silence(scene->world);
}

Test(endpoints, svcb_48_one_way_that_does_not_block)
{
    check_one_way(WGET);
}

Test(endpoints, svcb_48_one_way_that_does_not_block_hidden)
{
    check_one_way(CURL);
}

Test(endpoints, svcb_47_a_port_of_another_service)
{
    check_reliant(ZONE_OF(HTTPS "1 . port=25 ech=\"{0}\""), "svcb_reliant");
}

/* The connection cannot be replaced: it has a second descriptor. */
static void check_shared(const char *const lines[], const char *outcome, const char *reason,
                         int exit_code)
{
    struct scene *scene = scene_of("127.0.0.1:8443", NULL, lines);
    struct run_result result = run(scene, "opportunistic", OWN_OPENSSL("two-fds"));
    cr_assert_eq(result.exit_code, exit_code, "%s%s", result.out, result.err);
    expect_report(scene->world, 1, outcome, reason);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
}

Test(endpoints, svcb_48_a_connection_that_cannot_be_led)
{
    check_shared(ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""), "refused", "svcb_reliant", 1);
}

Test(endpoints, svcb_49_a_connection_that_cannot_be_led)
{
    check_shared(ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\"", HTTPS "2 ."), "grease",
                 "other_endpoint", 0);
}

/* A program that carries the octets between memory BIOs and its socket. `after_connect`
 * is code that runs between connecting and the handshake. */
#define MEMORY(after_connect)                                                                      \
    "/usr/bin/python3 -c 'import socket, ssl, sys\n"                                               \
    "c = ssl.create_default_context()\n"                                                           \
    "s = socket.create_connection((\"" INNER_NAME "\", 443))\n" after_connect                      \
    "i, o = ssl.MemoryBIO(), ssl.MemoryBIO()\n"                                                    \
    "t = c.wrap_bio(i, o, server_hostname=\"" INNER_NAME "\")\n"                                   \
    "def run(f):\n"                                                                                \
    "    while True:\n"                                                                            \
    "        try:\n"                                                                               \
    "            return f()\n"                                                                     \
    "        except ssl.SSLWantReadError:\n"                                                       \
    "            s.sendall(o.read())\n"                                                            \
    "            i.write(s.recv(65536))\n"                                                         \
    "run(t.do_handshake)\n"                                                                        \
    "t.write(b\"GET / HTTP/1.0\\r\\n\\r\\n\")\n"                                                   \
    "s.sendall(o.read())\n"                                                                        \
    "print(run(lambda: t.read(4096)).decode())'"

/* The shim sees the connection only when the program writes the hello. It cannot replace it, so it
 * ends it. */
Test(endpoints, svcb_48_a_hidden_connection_that_is_shared)
{
    struct scene *scene =
        scene_of("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""));
    struct run_result result = run(scene, "opportunistic", MEMORY("d = s.dup()\n"));
    cr_assert_eq(result.exit_code, 1, "%s%s", result.out, result.err);
    expect_report(scene->world, 1, "failed", "svcb_reliant");
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], PUBLIC_NAME), 0u);
    expect_silence(scene->world);
}

/* The handshake does not go over the program's newest connection, which happens to lead to the
 * endpoint. */
Test(endpoints, svcb_52_a_hidden_connection_that_was_taken_for_another)
{
    struct scene *scene = scene_of(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 pool.example.org. ech=\"{1}\"", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result =
        run(scene, "strict", MEMORY("n = socket.create_connection((\"127.0.0.3\", 443))\n"));
    expect_exit(&result, 0, "200 OK");
    expect_there(scene, &scene->pools[0], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 2u);
}

/* By the letter of the RFC a list without a usable config counts as ech: GREASE, with the true
 * name, to that endpoint and no other. */
Test(endpoints, svcb_60_unusable_configs_elsewhere)
{
    struct scene *scene =
        scene_of("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{-}\""));
    struct run_result result = run(scene, "opportunistic", WGET);
    expect_exit(&result, 0, HELLO);
    expect_report(scene->world, 1, "grease", "no_usable_config");
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], INNER_NAME), 1u);
    expect_silence(scene->world);
}

/* A client without ECH must ignore a record that has mandatory=ech: figure 5 of RFC 9848. */
static void check_mandatory(const char *mode, bool there)
{
    struct scene *scene = scene_of("127.0.0.3:443", NULL,
                                   ZONE_OF(HTTPS "1 backend.example.org. mandatory=ech ech=\"{1}\"",
                                           "backend.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, mode, WGET);
    expect_exit(&result, 0, HELLO);
    if (there) {
        expect_there(scene, &scene->pools[0], 1);
    } else {
        world_expect_visible(scene->world, 1);
        cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
        cr_assert_eq(zone_questions(scene->world, INNER_NAME), 0u, "nobody is asked");
    }
}

Test(endpoints, svcb_61_mandatory_ech)
{
    check_mandatory("strict", true);
}

Test(endpoints, svcb_61_mandatory_ech_without_ech)
{
    check_mandatory("grease", false);
}

Test(endpoints, svcb_46_no_record_without_server_name)
{
    struct scene *scene =
        scene_of("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""));
    struct run_result result = run(
        scene, "opportunistic",
        "openssl s_client -quiet -noservername -CAfile \"$CA\" -connect 127.0.0.1:443 </dev/null");
    (void)result;
    expect_report(scene->world, 1, "grease", "no_name");
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
    cr_assert_eq(zone_questions(scene->world, INNER_NAME), 0u);
}

/* ---- what the shim remembers ---- */

/* After a rejection at the endpoint the retry goes there too. */
Test(endpoints, ech_83_svcb_52_a_retry_stays_at_the_endpoint)
{
    struct scene *scene = scene_of(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 pool.example.org. ech=\"{0}\"", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result = run(scene, "strict", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(pool_accepted(scene->world, &scene->pools[0], 2), 2u);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 4 + fact_probes(CURL));
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], INNER_NAME), 0u);
    expect_silence(scene->world);
}

/* Even if its port is not a watched one. */
Test(endpoints, ech_83_svcb_52_a_retry_stays_at_the_port)
{
    struct scene *scene =
        scene_of("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{0}\""));
    struct run_result result = run(scene, "strict", WGET " && " CURL " && " ASYNCIO);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(pool_accepted(scene->world, &scene->pools[0], 3), 3u);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]),
                 6 + fact_probes(CURL) + fact_probes(ASYNCIO));
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], INNER_NAME), 0u);
    expect_silence(scene->world);
}
