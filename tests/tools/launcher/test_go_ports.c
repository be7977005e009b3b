/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the connections of a Go program go: other ports than 443, and proxies. See test_go.c. */
#include "tests/tools/launcher/go_client.h"
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(go_ports, .fini = world_end, .timeout = 120);

enum { LIST_LENGTH = 75 }; /* of the world's config */

#define OTHER_PORT "8443"
#define PROXY "127.0.0.6:3128"

/* The report has so many lines with this part. The supervisor may end after the program. */
static void expect_lines(const struct world *world, unsigned count, const char *part)
{
    const char *report = world_read(world, "lines", NULL);
    for (int i = 0; i < 100 && held_count(report, part) < count; i++) {
        usleep(20000);
        report = world_read(world, "lines", NULL);
    }
    cr_assert_eq(held_count(report, part), count, "%s in\n%s", part, report);
}

#define ACCEPTED(port)                                                                             \
    "\"library\":\"go\",\"host\":\"" INNER_NAME "\",\"port\":" port                                \
    ",\"mode\":\"strict\",\"outcome\":\"accepted\""
#define REFUSED(port, reason)                                                                      \
    "\"library\":\"go\",\"host\":\"" INNER_NAME "\",\"port\":" port                                \
    ",\"mode\":\"strict\",\"outcome\":\"refused\",\"reason\":\"" reason "\""

/* ---- what the supervisor makes of a descriptor ---- */

static struct run_result ask(struct world *world, const char *options, const char *ways)
{
    char all[512];
    snprintf(all, sizeof all, "-q --report=lines %s", options);
    struct run_result result = launch(world, all, held_command("asks", ways));
    expect_exit(&result, 0, NULL);
    return result;
}

Test(go_ports, a_port_with_a_record_of_its_own)
{
    struct world *world = world_start(&(struct world_options){.port = 8443});
    struct run_result result = ask(world, "--strict --ports=443," OTHER_PORT,
                                   "fresh-" OTHER_PORT ":" INNER_NAME " ask:" INNER_NAME
                                   " used-" OTHER_PORT ":" INNER_NAME);
    held_expect(&result, "fresh-" OTHER_PORT ":" INNER_NAME, LIST_LENGTH);
    /* What is not known counts as 443, and there is no such record. */
    held_expect(&result, "ask:" INNER_NAME, -EACCES);
    /* The name would be shown to the resolver, and the proxy hides it. */
    held_expect(&result, "used-" OTHER_PORT ":" INNER_NAME, -EACCES);
    expect_lines(world, 1, ACCEPTED(OTHER_PORT));
    expect_lines(world, 1, REFUSED("443", "nodata"));
    expect_lines(world, 1, REFUSED("443", "tunnel"));
}

Test(go_ports, a_port_that_is_not_watched)
{
    struct world *world = world_start(&(struct world_options){.port = 8443});
    struct run_result result =
        ask(world, "--strict",
            "fresh-" OTHER_PORT ":" INNER_NAME " used-" OTHER_PORT ":" INNER_NAME
            " wrapped-" OTHER_PORT ":" INNER_NAME " used-wrapped-" OTHER_PORT ":" INNER_NAME);
    held_expect(&result, "fresh-" OTHER_PORT ":" INNER_NAME, 0);
    held_expect(&result,
                "used-" OTHER_PORT ":" INNER_NAME " wrapped-" OTHER_PORT ":" INNER_NAME
                " used-wrapped-" OTHER_PORT ":" INNER_NAME,
                -EACCES);
    /* The first one is not our business. What a type of the program's own does is not known. */
    expect_lines(world, 2, REFUSED("443", "tunnel"));
    expect_lines(world, 1, REFUSED("443", "nodata"));
}

/* Then it counts as a connection to 443, as before. */
Test(go_ports, what_is_no_connection)
{
    struct world *world = world_start(NULL);
    struct run_result result = ask(world, "--strict",
                                   "file-443:" INNER_NAME " datagram-443:" INNER_NAME
                                   " closed-443:" INNER_NAME " last-443:" INNER_NAME);
    held_expect(&result,
                "file-443:" INNER_NAME " datagram-443:" INNER_NAME " closed-443:" INNER_NAME
                " last-443:" INNER_NAME,
                LIST_LENGTH);
    expect_lines(world, 4, ACCEPTED("443"));
}

/* Nobody knows who is at a private address that is not the name's own. */
Test(go_ports, a_private_address)
{
    struct world *world = world_start(&(struct world_options){.dns_zone = "zone.example"});
    struct run_result result =
        ask(world, "--strict --private=off", "fresh-443:a.zone.example ask:b.zone.example");
    held_expect(&result, "fresh-443:a.zone.example", -EACCES);
    held_expect(&result, "ask:b.zone.example", LIST_LENGTH);
    expect_lines(world, 1, "\"outcome\":\"refused\",\"reason\":\"private_address\"");
}

/* ---- hey ---- */

enum { HANDSHAKES = 8 };

static struct world *start(const struct world_options *options)
{
    return go_client_is_led("go_ports") ? world_start(options) : NULL;
}

/* Makes the handshakes; all or none of them are answered. */
static void run(struct world *world, const char *environment, const char *options,
                const char *arguments, bool answered)
{
    char all[1024];
    char *command;
    snprintf(all, sizeof all, "-q --report=lines %s", options);
    cr_assert_gt(asprintf(&command, "env A=1 %s %s -disable-keepalive -n %d -c 4 %s", environment,
                          go_client(), HANDSHAKES, arguments),
                 0);
    struct run_result result = launch(world, all, command);
    cr_assert((strstr(result.out, "8 responses") != NULL) == answered, "%s: %s%s", all, result.out,
              result.err);
    free(command);
}

#define URL "https://" INNER_NAME "/"
/* hey takes the port for a part of the name, unless it is told the name. */
#define OTHER_URL "-host " INNER_NAME " https://" INNER_NAME ":" OTHER_PORT "/"

Test(go_ports, hey_to_another_port)
{
    struct world *world = start(&(struct world_options){.port = 8443});
    if (world == NULL) {
        return;
    }
    run(world, "", "--strict --ports=443," OTHER_PORT, OTHER_URL, true);
    expect_lines(world, HANDSHAKES, ACCEPTED(OTHER_PORT));
    world_expect_hidden(world);
    run(world, "", "--strict --report=none", OTHER_URL, true); /* it is not watched */
    expect_lines(world, HANDSHAKES, "\n");
}

static struct world *start_with_proxy(void)
{
    char program[400];
    char log[200];
    struct world *world = start(NULL);
    if (world != NULL) {
        snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
        snprintf(log, sizeof log, "%s/proxy.log", world->folder);
        world_spawn(world, "proxy", "listening ",
                    (char *[]){program, PROXY, RELAY_ADDRESS, log, NULL});
    }
    return world;
}

/* As for other programs: over plain DNS the name is not asked for, and the server is never asked
 * past the proxy. */
static void check_proxy(const char *argument)
{
    struct world *world = start_with_proxy();
    if (world == NULL) {
        return;
    }
    run(world, "", "--strict", argument, false);
    expect_lines(world, HANDSHAKES, REFUSED("443", "tunnel"));
    run(world, "", "--strict --resolver=" DNS_TLS, argument, true);
    expect_lines(world, HANDSHAKES, ACCEPTED("443"));
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), HANDSHAKES);
    run(world, "", "--mode=opportunistic --report=plain", argument, true);
    cr_assert_eq(held_count(world_read(world, "plain", NULL), "\"reason\":\"tunnel\""), HANDSHAKES);
}

Test(go_ports, hey_through_a_proxy)
{
    check_proxy("-x http://" PROXY " " URL);
}

Test(go_ports, hey_through_a_socks_proxy)
{
    check_proxy("-x socks5://" PROXY " " URL);
}

/* hey takes no proxy of the environment, as a program does for what NO_PROXY names. */
Test(go_ports, hey_past_the_proxy_of_the_environment)
{
    struct world *world = start(NULL);
    if (world != NULL) {
        run(world, "", "--strict", URL, true);
    }
}
