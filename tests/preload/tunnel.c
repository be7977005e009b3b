/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tunnel.h"

#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define RECORDS                                                                                    \
    (const char *const[])                                                                          \
    {                                                                                              \
        INNER_NAME " 60 IN HTTPS 1 . ech=\"{0}\"", INNER_NAME " 60 IN A 127.0.0.1", NULL           \
    }

void tunnel_proxy_start(struct world *world, const char *name, const char *address,
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

struct world *tunnel_start(const struct world_options *options)
{
    struct world *world = world_start(options);
    tunnel_proxy_start(world, "proxy", TUNNEL_PROXY, NULL);
    zone_start(world, RECORDS, NULL);
    return world;
}

struct tunnel_run tunnel_try(struct world *world, const char *mode, enum tunnel_configs configs,
                             const char *command)
{
    static unsigned number;
    char variables[3][1200];
    char file[32];
    struct tunnel_run tried;
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

unsigned tunnel_lines_with(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

void tunnel_expect_line(const struct tunnel_run *tried, const char *outcome, const char *reason)
{
    char text[200];
    snprintf(text, sizeof text, "\"host\":\"" INNER_NAME "\",\"port\":443,");
    cr_assert_geq(tunnel_lines_with(tried->report, text), 1u, "%s", tried->report);
    snprintf(text, sizeof text,
             reason != NULL ? "\"outcome\":\"%s\",\"reason\":\"%s\"" : "\"outcome\":\"%s\"",
             outcome, reason);
    cr_assert_geq(tunnel_lines_with(tried->report, text), 1u, "%s%s%s", tried->report,
                  tried->result.out, tried->result.err);
}

static void expect_accepted(struct world *world, const char *mode, enum tunnel_configs configs,
                            const char *command)
{
    struct tunnel_run tried = tunnel_try(world, mode, configs, command);
    expect_exit(&tried.result, 0, HELLO);
    tunnel_expect_line(&tried, "accepted", NULL);
    cr_assert_eq(tried.on_wire, 0u, "%s", command);
}

void tunnel_check_in(struct world *world, const char *command, bool asks)
{
    struct tunnel_run tried = tunnel_try(world, "opportunistic", FROM_PLAIN_DNS, command);
    expect_exit(&tried.result, 0, HELLO);
    tunnel_expect_line(&tried, "grease", "tunnel");
    cr_assert_geq(tried.on_wire, 1u);
    tried = tunnel_try(world, "strict", FROM_PLAIN_DNS, command);
    cr_assert_neq(tried.result.exit_code, 0, "%s%s", tried.result.out, tried.result.err);
    tunnel_expect_line(&tried, "refused", "tunnel");
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

void tunnel_check(const char *command, bool asks)
{
    tunnel_check_in(tunnel_start(NULL), command, asks);
}
