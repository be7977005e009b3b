/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How often programs try again when the shim refuses a handshake: no more often than after another
 * failed handshake. Some try often (links 15 times, haproxy 4), whatever alert, end or error they
 * saw. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(tries, .fini = world_end, .timeout = 120);

#define LINKS "links2 -source -ssl.certificates 0 " URL
#define LYNX "lynx -source " URL
#define W3M "w3m -dump " URL
#define HAPROXY                                                                                    \
    "printf 'defaults\\n mode http\\n timeout connect 5s\\n timeout client 5s\\n"                  \
    " timeout server 5s\\nfrontend f\\n bind 127.0.0.4:8080\\n default_backend b\\n"               \
    "backend b\\n server s 127.0.0.1:443 ssl verify none sni str(" INNER_NAME ")\\n' >cfg; "       \
    "haproxy -f cfg & for i in 1 2 3 4 5 6 7 8 9; do sleep 0.3; "                                  \
    "LD_PRELOAD= curl -sS http://127.0.0.4:8080/ && break; done; kill $!; wait"

/* The number of connections to a server that ends every handshake with an alert. */
static unsigned tries_after_an_alert(const char *command)
{
    struct world *world = world_start(NULL);
    start_hostile_server(world, "alert");
    (void)world_shell(world, RUN_PLAIN, NULL, command);
    unsigned count = connections_ended(world);
    world_end();
    return count;
}

static void check(const char *program, const char *command)
{
    char need[128];
    snprintf(need, sizeof need, "command -v %s >/dev/null", program);
    if (system(need) != 0) {
        cr_skip_test("no %s here", program);
    }
    unsigned usual = tries_after_an_alert(command);
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    (void)world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL}, command);
    unsigned refused = world_report_count(world, "refused");
    cr_assert(refused > 0 && refused <= usual, "%s: %u tries when refused, %u after an alert",
              program, refused, usual);
    expect_silence(world);
}

Test(tries, links2)
{
    check("links2", LINKS);
}

Test(tries, lynx)
{
    check("lynx", LYNX);
}

Test(tries, w3m)
{
    check("w3m", W3M);
}

Test(tries, haproxy)
{
    check("haproxy", HAPROXY);
}
