/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * echshim --relay: each direction of a connection ends by itself. In TLS it ends with close_notify,
 * in TCP with FIN, and these are two things: a program that gets FIN alone sees a truncation, and a
 * server that gets FIN after close_notify may take its client for gone.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

TestSuite(relay_half_close, .fini = world_end, .timeout = 120);

#define UNREACHED "env -u LD_PRELOAD "

/* What the client meets in each case of half_close.py, after the version of TLS. */
static const char *const met[] = {
    "client_first 300000 notify quiet FIN",
    "server_first 5 notify quiet FIN",
    "both notify quiet FIN",
    "client_cuts 300000 notify FIN",
    "server_cuts 5 FIN",
    "both_cut 300000 FIN",
    "cut_in_a_record 5 FIN",
    "http 300000 FIN",
    "answered_early failed 15",
    "octets_before_a_reset 300000 reset",
};

/* And what the server meets. */
static const char server_met[] = "client_first notify quiet FIN\n"
                                 "server_first 300000 notify quiet FIN\n"
                                 "both notify FIN\n"
                                 "client_cuts FIN\n"
                                 "server_cuts 300000 notify FIN\n"
                                 "both_cut 300000 FIN\n"
                                 "cut_in_a_record notify FIN\n"
                                 "http 18 notify FIN\n"
                                 "answered_early\n"
                                 "octets_before_a_reset 1\n";

static void expect_client(const char *out, const char *version)
{
    char line[128];
    for (size_t i = 0; i < sizeof met / sizeof *met; i++) {
        snprintf(line, sizeof line, "%s %s\n", version, met[i]);
        cr_expect_not_null(strstr(out, line), "there is no %sin\n%s", line, out);
    }
}

static void expect_ends(const char *options)
{
    struct world *world = world_start(NULL);
    char script[512];
    char command[1024];
    char *certificate;
    char *key;
    snprintf(script, sizeof script, "%s/../../tests/tools/launcher/half_close.py", world->pki);
    cr_assert_gt(asprintf(&certificate, "%s/inner.pem", world->pki), 0);
    cr_assert_gt(asprintf(&key, "%s/inner.key", world->pki), 0);
    char *arguments[] = {"/usr/bin/python3", script, "server", "8443", certificate, key, NULL};
    (void)world_spawn(world, "ends", "ready", arguments);
    snprintf(command, sizeof command,
             UNREACHED "/usr/bin/python3 '%s' client 8443 " INNER_NAME " \"$CA\"", script);
    struct run_result result = launch(world, options, command);
    expect_client(result.out, "TLSv1.3");
    expect_client(result.out, "TLSv1.2");
    cr_expect_eq(result.exit_code, 0, "%s", result.err);
    const char *served = strchr(world_read(world, "ends.out", NULL), '\n') + 1; /* "ready" */
    cr_expect_eq(strncmp(served, server_met, strlen(server_met)), 0, "%s", served);
    cr_expect_str_eq(served + strlen(server_met), server_met);
    free(certificate);
    free(key);
    world_end();
}

/* Without this, the other test could ask for what no program sees. */
Test(relay_half_close, without_the_relay)
{
    expect_ends("--mode=opportunistic -q --ports=443,8443");
}

Test(relay_half_close, each_direction_ends_by_itself)
{
    expect_ends("--mode=opportunistic -q --relay --ports=443,8443");
}
