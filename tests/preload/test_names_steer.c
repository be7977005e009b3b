/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The addresses that a program gets where the HTTPS records of a name lead elsewhere. */
#include "checks.h"
#include "names.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(names_steer, .fini = world_end, .timeout = 120);

#define ECH " ech=\"AAj+CgAEAAAAAA==\""
#define ZONE                                                                                       \
    "  rrset-roundrobin: no\n"                                                                     \
    "  local-data: 'led.example.org. 60 IN A 192.0.2.1'\n"                                         \
    "  local-data: 'led.example.org. 60 IN HTTPS 1 one.example.org." ECH "'\n"                     \
    "  local-data: 'led.example.org. 60 IN HTTPS 2 two.example.org." ECH "'\n"                     \
    "  local-data: 'led.example.org. 60 IN HTTPS 3 gone.example.org." ECH "'\n"                    \
    "  local-data: 'one.example.org. 60 IN A 192.0.2.11'\n"                                        \
    "  local-data: 'one.example.org. 60 IN AAAA 2001:db8::11'\n"                                   \
    "  local-data: 'two.example.org. 60 IN A 192.0.2.12'\n"                                        \
    "  local-data: 'port.example.org. 60 IN A 192.0.2.2'\n"                                        \
    "  local-data: 'port.example.org. 60 IN HTTPS 1 one.example.org. port=8443" ECH "'\n"          \
    "  local-data: 'some.example.org. 60 IN A 192.0.2.3'\n"                                        \
    "  local-data: 'some.example.org. 60 IN HTTPS 1 one.example.org." ECH "'\n"                    \
    "  local-data: 'some.example.org. 60 IN HTTPS 2 two.example.org. alpn=h2'\n"                   \
    "  local-data: 'clear.example.org. 60 IN A 192.0.2.4'\n"                                       \
    "  local-data: 'clear.example.org. 60 IN HTTPS 1 one.example.org. alpn=h2'\n"                  \
    "  local-data: 'alias.example.org. 60 IN A 192.0.2.5'\n"                                       \
    "  local-data: 'alias.example.org. 60 IN HTTPS 0 led.example.org.'\n"                          \
    "  local-data: 'nowhere.example.org. 60 IN A 192.0.2.6'\n"                                     \
    "  local-data: 'nowhere.example.org. 60 IN HTTPS 1 gone.example.org." ECH "'\n"

/* The addresses that Python's getaddrinfo gives for SOCK_STREAM. Importing _ssl loads the TLS
 * library. */
#define LIST                                                                                       \
    "import socket, ssl, sys\n"                                                                    \
    "def ask(name, service, family=0, flags=0):\n"                                                 \
    "    found = socket.getaddrinfo(name, service, family, socket.SOCK_STREAM, 0, flags)\n"        \
    "    names = [one[3] for one in found if one[3]]\n"                                            \
    "    print(name, *[one[4][0] for one in found], *names)\n"

static void check(const char *calls, const char *said, char *const extra[])
{
    char script[2048];
    struct world *world = world_start(&(struct world_options){.dns_lines = ZONE, .direct = true});
    snprintf(script, sizeof script, "%s%s", LIST, calls);
    char *const argv[] = {"/usr/bin/python3", "-c", script, NULL};
    struct run_result result = world_run(world, RUN_SHIM, extra, argv);
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, said, "%s%s", result.out, result.err);
}

Test(names_steer, the_targets_in_their_order)
{
    check("ask('led.example.org', 443)\n"
          "ask('led.example.org', 'https')\n"
          "ask('led.example.org', 443, socket.AF_INET6)\n" /* the name itself has no such address */
          "ask('led.example.org', 443, flags=socket.AI_CANONNAME)\n"
          "ask('led.example.org', 443, socket.AF_INET6, socket.AI_CANONNAME)\n"
          "ask('alias.example.org', 443, socket.AF_INET)\n",
          "led.example.org 2001:db8::11 192.0.2.11 192.0.2.12\n"
          "led.example.org 2001:db8::11 192.0.2.11 192.0.2.12\n"
          "led.example.org 2001:db8::11\n"
          "led.example.org 2001:db8::11 192.0.2.11 192.0.2.12 led.example.org\n"
          "led.example.org 2001:db8::11 led.example.org\n"
          "alias.example.org 192.0.2.11 192.0.2.12\n",
          NULL);
}

Test(names_steer, what_is_not_steered)
{
    check("ask('led.example.org', None)\n"  /* without a service it need not be TLS */
          "ask('led.example.org', 80)\n"    /* a port that is not watched */
          "ask('port.example.org', 443)\n"  /* one list has one port */
          "ask('clear.example.org', 443)\n" /* no ECH there */
          "ask('nowhere.example.org', 443)\n",
          "led.example.org 192.0.2.1\nled.example.org 192.0.2.1\nport.example.org 192.0.2.2\n"
          "clear.example.org 192.0.2.4\nnowhere.example.org 192.0.2.6\n",
          NULL);
}

Test(names_steer, not_all_have_ech_so_the_own_addresses_come_last)
{
    check("ask('some.example.org', 443, socket.AF_INET)\n",
          "some.example.org 192.0.2.11 192.0.2.12 192.0.2.3\n", NULL);
}

Test(names_steer, modes_that_use_no_records_steer_nothing)
{
    check("ask('led.example.org', 443)\n", "led.example.org 192.0.2.1\n",
          (char *[]){"ECHSHIM_MODE=grease", NULL});
}

Test(names_steer, by_valgrind)
{
    struct world *world = world_start(&(struct world_options){.dns_lines = ZONE, .direct = true});
    check_names_by_valgrind(world, "ECHSHIM_RESOLVER=system",
                            "info led.example.org some.example.org nowhere.example.org");
}

/* ---- records that come after the addresses ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *ask_late(const char *more_ms, double *took)
{
    struct world *world = world_start(&(struct world_options){.dns_lines = ZONE, .direct = true});
    world_relay_dns(world, (const char *[]){"--type", "65", "--more-ms", more_ms, NULL});
    char *const argv[] = {"/usr/bin/python3", "-c",
                          LIST "ask('some.example.org', 443, socket.AF_INET)\n", NULL};
    double start = seconds();
    struct run_result result = world_run(world, RUN_SHIM, NULL, argv);
    *took = seconds() - start;
    expect_exit(&result, 0, NULL);
    return result.out;
}

Test(names_steer, records_that_come_soon_after_the_addresses_are_waited_for)
{
    double took;
    char *said = ask_late("20", &took);
    cr_assert_str_eq(said, "some.example.org 192.0.2.11 192.0.2.12 192.0.2.3\n");
}

Test(names_steer, records_that_come_late_are_not)
{
    double took;
    char *said = ask_late("1500", &took);
    cr_assert_str_eq(said, "some.example.org 192.0.2.3\n");
    cr_assert_lt(took, 1.2);
}
