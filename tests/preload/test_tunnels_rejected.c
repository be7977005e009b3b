/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rejections behind proxies on ports that are not watched (tunnel.h), where no retry is possible.
 */
#include "checks.h"
#include "tunnel.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Fetches twice in one process; prints the second page, or "no page". */
#define FETCH_TWICE(setting)                                                                       \
    "HTTPS_PROXY=http://" TUNNEL_PROXY " /usr/bin/python3 -c 'import ssl, urllib.request as r\n"   \
    "def fetch():\n"                                                                               \
    "    context = ssl.create_default_context()\n" setting "    return r.urlopen(\"" URL           \
    "\", context=context).read().decode()\n"                                                       \
    "try:\n"                                                                                       \
    "    fetch()\n"                                                                                \
    "    print(\"no error\")\n"                                                                    \
    "except OSError:\n"                                                                            \
    "    try:\n"                                                                                   \
    "        print(fetch())\n"                                                                     \
    "    except OSError:\n"                                                                        \
    "        print(\"no page\")'"

static struct tunnel_run try_rejected(const char *command)
{
    struct world *world = tunnel_start(&(struct world_options){.stale_config = true});
    struct tunnel_run tried = tunnel_try(world, "opportunistic", BY_HAND, command);
    cr_assert_null(strstr(tried.result.out, "no error"));
    cr_assert_eq(tried.on_wire, 0u);
    return tried;
}

/* The server has a newer key. The shim cannot make the connection again, and sends nothing in the
 * clear; the program's next attempt uses what the server said. The engine can make this key share,
 * so it can finish the outer handshake. */
Test(tunnels, a_rejection)
{
    struct tunnel_run tried =
        try_rejected(FETCH_TWICE("    context.set_ecdh_curve(\"prime256v1\")\n"));
    expect_exit(&tried.result, 0, HELLO);
    tunnel_expect_line(&tried, "rejected", "connection_used");
    tunnel_expect_line(&tried, "accepted", NULL);
}

/* Post-quantum ones are among them since OpenSSL 3.5. A probe would reach the proxy instead of the
 * server. */
Test(tunnels, a_rejection_by_the_librarys_own_groups)
{
    struct tunnel_run tried = try_rejected(FETCH_TWICE(""));
    expect_exit(&tried.result, 0, HELLO);
    tunnel_expect_line(&tried, "rejected", "connection_used");
    tunnel_expect_line(&tried, "accepted", NULL);
}

/* ---- ech_required, although no retry is possible here (RFC 9849, 6.1.6) ---- */

/* An ECHConfigList with public.example, and a key that no server has. */
#define SOME_CONFIGS                                                                               \
    "AEH+DQA9CQAgACAJAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAEAAQAOcHVibGljLmV4YW1wbGUAAA=="

/* It has no ECH, and writes which alerts it reads. */
static void start_s_server(struct world *world, const struct world_options *options)
{
    char command[1024];
    (void)options;
    snprintf(command, sizeof command,
             "exec openssl s_server -accept 127.0.0.1:4433 -cert '%s/public.pem' "
             "-key '%s/public.key' 2>&1",
             world->pki, world->pki);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.1:4433");
    world_spawn(world, "s_server", "ACCEPT", (char *[]){"sh", "-c", command, NULL});
    snprintf(world->configs, sizeof world->configs, SOME_CONFIGS);
}

static unsigned alerts_read(const struct world *world)
{
    char *said = world_read(world, "s_server.out", NULL);
    unsigned alerts = tunnel_lines_with(said, "alert number 121");
    free(said);
    return alerts;
}

static void expect_ech_required(const char *command, const char *reason)
{
    struct world *world = world_start(&(struct world_options){.start_server = start_s_server});
    tunnel_proxy_start(world, "proxy", TUNNEL_PROXY, NULL);
    char configs[1100];
    snprintf(configs, sizeof configs, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=opportunistic", configs, NULL}, command);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "rejected", reason);
    for (int tries = 0; tries < 400 && alerts_read(world) == 0; tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    cr_assert_eq(alerts_read(world), 1u, "%s: %s", command,
                 world_read(world, "s_server.out", NULL));
    world_expect_hidden(world);
}

Test(tunnels, ech_79_required_through_a_proxy_openssl)
{
    expect_ech_required("curl -sS --curves X25519 --proxy http://" TUNNEL_PROXY
                        " --cacert \"$CA\" " URL,
                        "connection_used");
}

Test(tunnels, ech_79_required_through_a_proxy_gnutls)
{
    expect_ech_required("https_proxy=http://" TUNNEL_PROXY " wget -nv -O - --tries=1 "
                        "--ca-certificate=\"$CA\" " URL,
                        "connection_used");
}

/* A duplicate of the descriptor: the connection is shared. */
Test(tunnels, ech_79_required_on_a_shared_connection)
{
    expect_ech_required("/usr/bin/python3 -c 'import os, socket, ssl\n"
                        "s = socket.create_connection((\"" INNER_NAME "\", 443))\n"
                        "other = os.dup(s.fileno())\n"
                        "c = ssl.create_default_context()\n"
                        "c.set_ecdh_curve(\"prime256v1\")\n"
                        "c.wrap_socket(s, server_hostname=\"" INNER_NAME "\")'",
                        "descriptor_shared");
}
