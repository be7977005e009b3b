/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTPS records that all have ECH (RFC 9460, 3.1; RFC 9848, 5.1): the connection may go to their
 * endpoints only. And records that the shim must not use. */
#include "../facts.h"
#include "checks.h"
#include "endpoints.h"

#include <criterion/criterion.h>
#include <string.h>

/* The suite is test_endpoints.c's. */

/* No hello leaves, and nothing goes to the origin's own address. */
static void check_reliant(const char *const lines[], const char *reason)
{
    struct scene *scene = scene_start(NULL, NULL, lines);
    struct run_result result = scene_run(scene, "opportunistic", WGET);
    expect_exit(&result, a_wget.failure_exit, a_wget.failure_text);
    result = scene_run(scene, "opportunistic", CURL);
    expect_exit(&result, a_curl.failure_exit, a_curl.failure_text);
    result = scene_run(scene, "opportunistic", ASYNCIO);
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
    struct scene *scene =
        scene_start(NULL, NULL, ZONE_OF(HTTPS "1 nowhere.example.org. ech=\"{0}\""));
    struct run_result result =
        scene_run(scene, "opportunistic",
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
    struct scene *scene = scene_start(
        NULL, NULL,
        ZONE_OF(HTTPS "1 dead.example.org. ech=\"{0}\"", "dead.example.org 60 IN A 127.0.0.9"));
    struct run_result result = scene_run(scene, "opportunistic", command);
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
    struct scene *scene = scene_start("127.0.0.1:8443", NULL, lines);
    struct run_result result = scene_run(scene, "opportunistic", OWN_OPENSSL("two-fds"));
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
        scene_start("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""));
    struct run_result result = scene_run(scene, "opportunistic", MEMORY("d = s.dup()\n"));
    cr_assert_eq(result.exit_code, 1, "%s%s", result.out, result.err);
    expect_report(scene->world, 1, "failed", "svcb_reliant");
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], PUBLIC_NAME), 0u);
    expect_silence(scene->world);
}

/* The handshake does not go over the program's newest connection, which happens to lead to the
 * endpoint. */
Test(endpoints, svcb_52_a_hidden_connection_that_was_taken_for_another)
{
    struct scene *scene = scene_start(
        "127.0.0.3:443", NULL,
        ZONE_OF(HTTPS "1 pool.example.org. ech=\"{1}\"", "pool.example.org 60 IN A 127.0.0.3"));
    struct run_result result =
        scene_run(scene, "strict", MEMORY("n = socket.create_connection((\"127.0.0.3\", 443))\n"));
    expect_exit(&result, 0, "200 OK");
    expect_there(scene, &scene->pools[0], 1);
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 2u);
}

/* By the letter of the RFC a list without a usable config counts as ech: GREASE, with the true
 * name, to that endpoint and no other. */
Test(endpoints, svcb_60_unusable_configs_elsewhere)
{
    struct scene *scene =
        scene_start("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{-}\""));
    struct run_result result = scene_run(scene, "opportunistic", WGET);
    expect_exit(&result, 0, HELLO);
    expect_report(scene->world, 1, "grease", "no_usable_config");
    cr_assert_eq(pool_wire_count(scene->world, &scene->pools[0], INNER_NAME), 1u);
    expect_silence(scene->world);
}

/* A client without ECH must ignore a record that has mandatory=ech: figure 5 of RFC 9848. */
static void check_mandatory(const char *mode, bool there)
{
    struct scene *scene =
        scene_start("127.0.0.3:443", NULL,
                    ZONE_OF(HTTPS "1 backend.example.org. mandatory=ech ech=\"{1}\"",
                            "backend.example.org 60 IN A 127.0.0.3"));
    struct run_result result = scene_run(scene, mode, WGET);
    expect_exit(&result, 0, HELLO);
    if (there) {
        expect_there(scene, &scene->pools[0], 1);
    } else {
        world_expect_visible(scene->world, 1);
        cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
        cr_assert_eq(zone_questions(scene->world, INNER_NAME), 0u, "no resolver is asked");
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
        scene_start("127.0.0.1:8443", NULL, ZONE_OF(HTTPS "1 . port=8443 ech=\"{1}\""));
    struct run_result result = scene_run(
        scene, "opportunistic",
        "openssl s_client -quiet -noservername -CAfile \"$CA\" -connect 127.0.0.1:443 </dev/null");
    (void)result;
    expect_report(scene->world, 1, "grease", "no_name");
    cr_assert_eq(pool_connections(scene->world, &scene->pools[0]), 0u);
    cr_assert_eq(zone_questions(scene->world, INNER_NAME), 0u);
}
