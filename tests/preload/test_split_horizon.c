/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and addresses that have a meaning in this network only. Every address of the world is a
 * loopback address; with ECHSHIM_PRIVATE=off the shim treats them as private. */
#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(split_horizon, .fini = world_end, .timeout = 120);

#define PRIVATE_OFF "ECHSHIM_PRIVATE=off"
#define A_RECORD INNER_NAME " 60 IN A 127.0.0.1"
#define ECH_RECORD INNER_NAME " 60 IN HTTPS 1 . ech=\"{0}\""

static struct run_result run(struct world *world, const char *mode, const char *more,
                             const char *command)
{
    char variable[64];
    snprintf(variable, sizeof variable, "ECHSHIM_MODE=%s", mode);
    return world_shell(world, RUN_SHIM,
                       (char *[]){ZONE, PRIVATE_OFF, variable, (char *)(size_t)more, NULL},
                       command);
}

/* The resolver of the ECHConfig gives a private address for this name too: a company's own zone. */
static void check_own_zone(const char *command)
{
    struct world *world = world_start(NULL);
    zone_start(world, (const char *const[]){A_RECORD, ECH_RECORD, NULL}, NULL);
    struct run_result result = run(world, "strict", NULL, command);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    cr_assert_gt(zone_questions(world, INNER_NAME), 1u, "it was asked for the address as well");
}

Test(split_horizon, a_zone_of_ones_own_wget)
{
    check_own_zone(WGET);
}

Test(split_horizon, a_zone_of_ones_own_curl)
{
    check_own_zone(CURL);
}

/* The record comes from the public DNS, where the name has another address; the program got this
 * one elsewhere. */
static void check_foreign(const char *command, const struct program *program)
{
    struct world *world = world_start(NULL);
    zone_start(world, (const char *const[]){INNER_NAME " 60 IN A 192.0.2.1", ECH_RECORD, NULL},
               NULL);
    struct run_result result = run(world, "strict", NULL, command);
    expect_exit(&result, program->failure_exit, program->failure_text);
    expect_report(world, 1, "refused", "private_address");
    expect_silence(world);
    result = run(world, "opportunistic", "ECHSHIM_REPORT=/dev/null", command);
    expect_exit(&result, 0, HELLO);
    world_expect_visible(world, 1);
}

Test(split_horizon, an_address_from_elsewhere_wget)
{
    check_foreign(WGET, &a_wget);
}

Test(split_horizon, an_address_from_elsewhere_curl)
{
    check_foreign(CURL, &a_curl);
}

/* The public DNS has no A and AAAA for this name. */
Test(split_horizon, an_address_that_the_resolver_does_not_know)
{
    struct world *world = world_start(NULL);
    zone_start(world, (const char *const[]){ECH_RECORD, NULL}, NULL);
    struct run_result result = run(world, "opportunistic", NULL, WGET);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "private_address");
}

Test(split_horizon, switched_off)
{
    struct world *world = world_start(NULL);
    zone_start(world, (const char *const[]){INNER_NAME " 60 IN A 192.0.2.1", ECH_RECORD, NULL},
               NULL);
    struct run_result result = run(world, "strict", "ECHSHIM_PRIVATE=on", WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 2);
}

/* The user gave the config: the shim asks no DNS, and has no doubt. */
Test(split_horizon, a_config_given_by_hand)
{
    char list[1100];
    struct world *world = world_start(NULL);
    snprintf(list, sizeof list, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result = run(world, "strict", list, WGET);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
}

/* The shim does not ask the public DNS for a name of this network. */
static void check_name(const char *name)
{
    char command[400];
    char hosts[200];
    struct world *world = world_start(NULL);
    snprintf(hosts, sizeof hosts, "%s 60 IN HTTPS 1 . ech=\"{0}\"", name);
    zone_start(world, (const char *const[]){hosts, NULL}, NULL);
    snprintf(command, sizeof command,
             "curl -sSk --resolve %s:443:127.0.0.1 https://%s/ ; "
             "wget -q -O - --no-check-certificate --header 'Host: x' https://%s/ ; true",
             name, name, name);
    (void)run(world, "opportunistic", "ECHSHIM_PRIVATE=on", command);
    expect_report_text(world, "reason", "private_name");
    expect_report_text(world, "resolver", NULL);
    (void)run(world, "strict", "ECHSHIM_PRIVATE=on", command);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    cr_assert_eq(zone_questions(world, name), 0u);
}

Test(split_horizon, a_name_of_one_label)
{
    check_name("intranet");
}

Test(split_horizon, a_name_under_internal)
{
    check_name("wiki.corp.internal");
}

Test(split_horizon, a_name_under_home_arpa)
{
    check_name("nas.home.arpa");
}

Test(split_horizon, a_name_under_local)
{
    check_name("printer.local");
}
