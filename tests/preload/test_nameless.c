/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that send no server_name, with an ECHConfigList that is set for every name. No HTTPS
 * record may serve them (RFC 9460, 9.4), but such a list does. RFC 9849, 6.1.3 says how their hello
 * is padded.
 */
#include "../facts.h"
#include "checks.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(nameless, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define SEND                                                                                       \
    "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
/* All of them ask the relay by its address or without a name, and check no name. */
static const char *const programs[] = {
    "curl -sSk https://127.0.0.1/",
    "wget -nv -O - --tries=1 --no-check-certificate https://127.0.0.1/",
    SEND "openssl s_client -quiet -noservername -connect 127.0.0.1:443",
    SEND "gnutls-cli --disable-sni --insecure 127.0.0.1",
    "/usr/bin/python3 -c 'import ssl, urllib.request as r\n"
    "print(r.urlopen(\"https://127.0.0.1/\", context=ssl._create_unverified_context())"
    ".read().decode())'",
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static char *list_of(const struct world *world)
{
    static char setting[1200];
    (void)snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    return setting;
}

/* The server has accepted so many hellos without a name. */
static void expect_accepted(struct world *world, unsigned count)
{
    unsigned seen = 0;
    (void)connections_ended(world);
    char *log = world_read(world, "server.log", NULL);
    for (const char *at = log; (at = strstr(at, "\"accepted\":true")) != NULL; at++) {
        seen++;
    }
    cr_assert_eq(seen, count, "%s", log);
    cr_assert_eq(world_report_count(world, "accepted"), count);
    free(log);
}

static void run(struct world *world, char *mode, char *setting, const char *command)
{
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){mode, setting, NULL}, command);
    cr_assert_not(result.timed_out);
    cr_assert_not_null(strstr(result.out, "hello from "), "%s: %s%s", command, result.out,
                       result.err);
}

Test(nameless, ech_38_a_list_for_every_name)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < PROGRAMS; i++) {
        run(world, STRICT, list_of(world), programs[i]);
    }
    expect_accepted(world, PROGRAMS);
    cr_assert_eq(wire_hellos(world, hellos), PROGRAMS);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), PROGRAMS);
    for (size_t i = 0; i < PROGRAMS; i++) {
        cr_assert_gt(hellos[i].ech_length, 0u, "%s", programs[i]);
    }
}

Test(nameless, with_a_second_hello)
{
    struct world *world = world_start(&(struct world_options){.hello_retry = true});
    for (size_t i = 0; i < PROGRAMS; i++) {
        run(world, STRICT, list_of(world), programs[i]);
    }
    expect_accepted(world, PROGRAMS);
}

/* The server's own keys, on a new connection to the same address. */
Test(nameless, ech_84_a_stale_list)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    for (size_t i = 0; i < PROGRAMS; i++) {
        run(world, STRICT, list_of(world), programs[i]);
    }
    expect_accepted(world, PROGRAMS);
}

Test(nameless, ech_86_disabled)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    for (size_t i = 0; i < PROGRAMS; i++) {
        run(world, OPPORTUNISTIC, list_of(world), programs[i]);
    }
    cr_assert_eq(world_report_count(world, "disabled"), PROGRAMS);
}

/* A list for one name serves no other hello, and a record of the DNS none without a name. */
Test(nameless, no_list_for_every_name)
{
    char setting[1400];
    struct world *world = world_start(NULL);
    (void)snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s=%s", INNER_NAME,
                   world->configs);
    run(world, OPPORTUNISTIC, setting, programs[0]);
    run(world, OPPORTUNISTIC, "ECHSHIM_PRIVATE=on", programs[0]);
    expect_report(world, 2, "grease", "no_name");
}
