/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Through proxies on ports that nobody watches, by every program's own way and by preloads that
 * redirect connections: what a proxy is asked for counts. The proxy at 127.0.0.6:3128 leads port
 * 443 to the world's server, past the relay that records; the zone is asked over plain DNS or TLS.
 */
#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(tunnels, .fini = world_end, .timeout = 180);

#define PROXY "127.0.0.6:3128"
#define RECORDS                                                                                    \
    (const char *const[])                                                                          \
    {                                                                                              \
        INNER_NAME " 60 IN HTTPS 1 . ech=\"{0}\"", INNER_NAME " 60 IN A 127.0.0.1", NULL           \
    }

static void start_proxy(struct world *world, const char *name, const char *address,
                        const char *password)
{
    char program[400];
    char log[200];
    snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/%s.log", world->folder, name);
    char *const argv[] = {program, (char *)(size_t)address,  RELAY_ADDRESS,
                          log,     (char *)(size_t)password, NULL};
    world_spawn(world, name, "listening ", argv);
}

static struct world *start(const struct world_options *options)
{
    struct world *world = world_start(options);
    start_proxy(world, "proxy", PROXY, NULL);
    zone_start(world, RECORDS, NULL);
    return world;
}

/* ---- what is expected of a run ---- */

enum configs { FROM_PLAIN_DNS, FROM_ENCRYPTED_DNS, BY_HAND };

struct tried {
    struct run_result result;
    unsigned on_wire; /* connections of this run with the name in the clear */
    char *report;
};

static struct tried try(struct world *world, const char *mode, enum configs configs,
                        const char *command)
{
    static unsigned number;
    char variables[3][1200];
    char file[32];
    struct tried tried;
    snprintf(file, sizeof file, "report.%u", ++number);
    snprintf(variables[0], sizeof variables[0], "ECHSHIM_MODE=%s", mode);
    snprintf(variables[1], sizeof variables[1], "ECHSHIM_REPORT=%s/%s", world->folder, file);
    snprintf(variables[2], sizeof variables[2],
             configs == BY_HAND ? "ECHSHIM_CONFIG_LIST=%s" : "ECHSHIM_RESOLVER=%s",
             configs == BY_HAND              ? world->configs
             : configs == FROM_ENCRYPTED_DNS ? ZONE_TLS
                                             : ZONE_UDP);
    (void)connections_ended(world);
    unsigned before = world_wire_count(world, INNER_NAME);
    tried.result = world_shell(world, RUN_SHIM,
                               (char *[]){variables[0], variables[1], variables[2], NULL}, command);
    (void)connections_ended(world);
    tried.on_wire = world_wire_count(world, INNER_NAME) - before;
    tried.report = world_read(world, file, NULL);
    return tried;
}

static unsigned lines_with(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static void expect_line(const struct tried *tried, const char *outcome, const char *reason)
{
    char text[200];
    snprintf(text, sizeof text, "\"host\":\"" INNER_NAME "\",\"port\":443,");
    cr_assert_geq(lines_with(tried->report, text), 1u, "%s", tried->report);
    snprintf(text, sizeof text,
             reason != NULL ? "\"outcome\":\"%s\",\"reason\":\"%s\"" : "\"outcome\":\"%s\"",
             outcome, reason);
    cr_assert_geq(lines_with(tried->report, text), 1u, "%s%s%s", tried->report, tried->result.out,
                  tried->result.err);
}

static void expect_accepted(struct world *world, const char *mode, enum configs configs,
                            const char *command)
{
    struct tried tried = try(world, mode, configs, command);
    expect_exit(&tried.result, 0, HELLO);
    expect_line(&tried, "accepted", NULL);
    cr_assert_eq(tried.on_wire, 0u, "%s", command);
}

/* In every mode, wherever the config may come from. `asks`: the program asks plain DNS for the name
 * by itself, so that our question may go along. */
static void check_all(const char *command, bool asks)
{
    struct world *world = start(NULL);
    struct tried tried = try(world, "opportunistic", FROM_PLAIN_DNS, command);
    expect_exit(&tried.result, 0, HELLO);
    expect_line(&tried, "grease", "tunnel");
    cr_assert_geq(tried.on_wire, 1u);
    tried = try(world, "strict", FROM_PLAIN_DNS, command);
    cr_assert_neq(tried.result.exit_code, 0, "%s%s", tried.result.out, tried.result.err);
    expect_line(&tried, "refused", "tunnel");
    cr_assert_eq(tried.on_wire, 0u);
    if (!asks) {
        cr_assert_eq(zone_questions(world, INNER_NAME), 0u, "%s",
                     world_read(world, "zone.out", NULL));
    }
    cr_assert_eq(zone_questions(world, "_3128._https." INNER_NAME), 0u);
    expect_accepted(world, "strict", BY_HAND, command);
    expect_accepted(world, "opportunistic", BY_HAND, command);
    expect_accepted(world, "strict", FROM_ENCRYPTED_DNS, command);
    expect_accepted(world, "opportunistic", FROM_ENCRYPTED_DNS, command);
}

/* ---- programs that know proxies ---- */

Test(tunnels, curl_connect)
{
    check_all("curl -sS -x http://" PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_connect_1_0)
{
    check_all("curl -sS -p --proxy1.0 " PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks5h)
{
    check_all("curl -sS -x socks5h://" PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks5)
{
    check_all("curl -sS -x socks5://" PROXY " --cacert \"$CA\" " URL, true);
}

Test(tunnels, curl_socks4a)
{
    check_all("curl -sS -x socks4a://" PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks4)
{
    check_all("curl -sS --socks4 " PROXY " --cacert \"$CA\" " URL, true);
}

Test(tunnels, wget_environment)
{
    check_all("https_proxy=http://" PROXY " " WGET, false);
}

/* Its HTTP is libcurl's, over GnuTLS. */
Test(tunnels, git_environment)
{
    check_all("rm -rf copy; if [ ! -e www/repo.git ]; then git init -q --bare www/repo.git && "
              "git -C www/repo.git update-server-info; fi; "
              "HTTPS_PROXY=http://" PROXY " git clone -q " URL "repo.git copy && echo " HELLO,
              false);
}
