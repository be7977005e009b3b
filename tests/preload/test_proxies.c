/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Through a proxy (RFC 9460, 3.2) on a port of ECHSHIM_PORTS: the shim does not know what the
 * program asked it for. The proxy listens at 127.0.0.6:3128 and leads to the world's server; the
 * zone is served over plain DNS or over TLS. test_tunnels*.c test ports that are not watched. */
#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(proxies, .fini = world_end, .timeout = 120);

#define PROXY "127.0.0.6:3128"
#define PORTS "ECHSHIM_PORTS=443,3128"
#define ECH_RECORD INNER_NAME " 60 IN HTTPS 1 . ech=\"{0}\""
#define PROXIED "https_proxy=http://" PROXY " "

static struct world *start(const char *const lines[])
{
    char program[400];
    char log[200];
    struct world *world = world_start(NULL);
    snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    char *const argv[] = {program, PROXY, RELAY_ADDRESS, log, NULL};
    world_spawn(world, "proxy", "listening ", argv);
    zone_start(world, lines, NULL);
    return world;
}

static struct run_result run(struct world *world, const char *mode, char *resolver, char *more,
                             const char *command)
{
    char variable[64];
    snprintf(variable, sizeof variable, "ECHSHIM_MODE=%s", mode);
    return world_shell(world, RUN_SHIM, (char *[]){PORTS, variable, resolver, more, NULL}, command);
}

static void expect_tunnel(const struct world *world)
{
    cr_assert_str_eq(world_read(world, "proxy.log", NULL), INNER_NAME ":443\n");
}

/* Only the proxy resolves the name. The shim does not show it to listeners by asking plain DNS. */
static void check_plain(const char *command, const struct program *program)
{
    struct world *world = start((const char *const[]){ECH_RECORD, NULL});
    struct run_result result = run(world, "opportunistic", ZONE, NULL, command);
    expect_exit(&result, 0, HELLO);
    expect_tunnel(world);
    expect_report(world, 1, "grease", "tunnel");
    cr_assert_eq(zone_questions(world, INNER_NAME), 0u);
    cr_assert_eq(zone_questions(world, "_3128._https." INNER_NAME), 0u);
    result = run(world, "strict", ZONE, "ECHSHIM_REPORT=/dev/null", command);
    cr_assert_eq(result.exit_code, program->failure_exit, "%s%s", result.out, result.err);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1u, "none more");
    cr_assert_eq(zone_questions(world, INNER_NAME), 0u);
}

Test(proxies, svcb_36_no_look_up_over_plain_dns_wget)
{
    check_plain(PROXIED WGET, &a_wget);
}

Test(proxies, svcb_36_no_look_up_over_plain_dns_curl)
{
    check_plain(PROXIED CURL, &a_curl);
}

Test(proxies, svcb_36_no_look_up_over_plain_dns_socks)
{
    check_plain("curl -sS --socks5-hostname " PROXY " --cacert \"$CA\" " URL, &a_curl);
}

/* With a config set by hand the shim asks nothing. */
static void check_static(const char *command)
{
    char list[1100];
    struct world *world = start((const char *const[]){ECH_RECORD, NULL});
    snprintf(list, sizeof list, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result = run(world, "strict", ZONE, list, command);
    expect_exit(&result, 0, HELLO);
    expect_tunnel(world);
    world_expect_accepted(world, 1);
    cr_assert_eq(zone_questions(world, INNER_NAME), 0u);
}

Test(proxies, svcb_36_a_config_set_by_hand_wget)
{
    check_static(PROXIED WGET);
}

Test(proxies, svcb_36_a_config_set_by_hand_curl)
{
    check_static(PROXIED CURL);
}

/* The shim asks an encrypted resolver, for the port in the CONNECT request. */
static void check_encrypted(const char *command, const char *record)
{
    struct world *world = start((const char *const[]){record, NULL});
    struct run_result result = run(world, "strict", "ECHSHIM_RESOLVER=" ZONE_TLS, NULL, command);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    cr_assert_eq(zone_questions(world, "_3128._https." INNER_NAME), 0u);
}

Test(proxies, svcb_36_over_encrypted_dns_wget)
{
    check_encrypted(PROXIED WGET, ECH_RECORD);
}

Test(proxies, svcb_36_over_encrypted_dns_curl)
{
    check_encrypted(PROXIED CURL, ECH_RECORD);
}

Test(proxies, svcb_36_over_encrypted_dns_socks)
{
    check_encrypted("curl -sS --socks5-hostname " PROXY " --cacert \"$CA\" " URL, ECH_RECORD);
}

#define RECORD_8443 "_8443._https." INNER_NAME " 60 IN HTTPS 1 " INNER_NAME ". ech=\"{0}\""
#define URL_8443 "https://" INNER_NAME ":8443/"

Test(proxies, svcb_36_the_port_of_connect_wget)
{
    check_encrypted(PROXIED "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL_8443,
                    RECORD_8443);
}

Test(proxies, svcb_36_the_port_of_connect_curl)
{
    check_encrypted(PROXIED "curl -sS --cacert \"$CA\" " URL_8443, RECORD_8443);
}

/* The endpoint elsewhere cannot be reached: the program would have to ask the proxy for it. */
static void check_elsewhere(const char *command, const struct program *program)
{
    struct world *world =
        start((const char *const[]){INNER_NAME " 60 IN HTTPS 1 pool.example.org. ech=\"{0}\"",
                                    "pool.example.org 60 IN A 127.0.0.1", NULL});
    struct run_result result =
        run(world, "opportunistic", "ECHSHIM_RESOLVER=" ZONE_TLS, NULL, command);
    cr_assert_eq(result.exit_code, program->failure_exit, "%s%s", result.out, result.err);
    expect_report(world, 1, "refused", "svcb_reliant");
    world_expect_hidden(world);
}

Test(proxies, svcb_36_svcb_48_an_endpoint_elsewhere_wget)
{
    check_elsewhere(PROXIED WGET, &a_wget);
}

Test(proxies, svcb_36_svcb_48_an_endpoint_elsewhere_curl)
{
    check_elsewhere(PROXIED CURL, &a_curl);
}

/* Several connections at once, some already tunnels: the name in the CONNECT request tells to which
 * one a hello belongs. */
Test(proxies, svcb_36_parallel_tunnels)
{
    struct world *world = start((const char *const[]){ECH_RECORD, NULL});
    struct run_result result =
        run(world, "opportunistic", ZONE, NULL,
            PROXIED "curl -sS --http1.1 -Z --cacert \"$CA\" -H 'Connection: close' " URL "a " URL
                    "b " URL "c");
    expect_exit(&result, 0, HELLO);
    expect_report(world, 3, "grease", "tunnel");
    cr_assert_eq(zone_questions(world, INNER_NAME), 0u);
    cr_assert_eq(zone_questions(world, "_3128._https." INNER_NAME), 0u);
}

/* Neither the proxy's port nor the requested port is watched: the shim ignores it. */
Test(proxies, a_port_that_is_not_watched)
{
    struct world *world = start((const char *const[]){ECH_RECORD, NULL});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", ZONE, NULL},
                    PROXIED "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL_8443
                            " && " PROXIED "curl -sS --cacert \"$CA\" " URL_8443);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "grease") + world_report_count(world, "plain"), 0u);
}

/* An earlier tunnel says nothing about a direct connection. */
Test(proxies, a_direct_connection_after_a_tunnel)
{
    struct world *world = start((const char *const[]){ECH_RECORD, NULL});
    struct run_result result =
        run(world, "opportunistic", ZONE, NULL,
            "/usr/bin/python3 -c 'import urllib.request as r\n"
            "p = r.build_opener(r.ProxyHandler({\"https\": \"http://" PROXY "\"}))\n"
            "p.open(\"" URL "\").read()\n"
            "d = r.build_opener(r.ProxyHandler({}))\n"
            "print(d.open(\"" URL "\").read().decode())'");
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "grease"), 1u);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
}
