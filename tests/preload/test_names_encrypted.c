/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that a program resolves by itself, by an encrypted resolver. */
#include "checks.h"
#include "names.h"
#include "sniff.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(names_encrypted, .fini = world_end, .timeout = 300);

Test(names_encrypted, the_same_over_tls)
{
    check_usual(ENCRYPTED);
}

Test(names_encrypted, the_same_over_https)
{
    check_usual("ECHSHIM_RESOLVER=" DNS_HTTPS);
}

Test(names_encrypted, by_valgrind)
{
    struct world *world = start_names();
    check_names_by_valgrind(world, ENCRYPTED,
                            "info both.example.org nosuch.example.org printer.lan");
}

Test(names_encrypted, search_rules)
{
    check_search(ENCRYPTED);
}

/* The server itself cannot find the answer. */
Test(names_encrypted, servfail)
{
    struct world *world = start_names();
    check_same(world, &(struct difference){.setting = ENCRYPTED},
               "host x.dead.example.net y.dead.example.net");
}

#define GIT                                                                                        \
    "git ls-remote " URL "repo.git 2>&1 | grep -q 'not found\\|unable to access' && echo " HELLO
#define URLLIB_THREADS                                                                             \
    "/usr/bin/python3 -c 'import asyncio, socket, urllib.request as r\n"                           \
    "async def main():\n"                                                                          \
    "    loop = asyncio.get_running_loop()\n"                                                      \
    "    await asyncio.gather(*[loop.getaddrinfo(\"" INNER_NAME "\", 443) for i in range(20)])\n"  \
    "asyncio.run(main())\n"                                                                        \
    "socket.gethostbyname(\"" INNER_NAME "\")\n"                                                   \
    "socket.gethostbyname_ex(\"" INNER_NAME "\")\n"                                                \
    "print(r.urlopen(\"" URL "\").read().decode())'"

/* ECH-107: with an encrypted resolver nothing goes to port 53. */
static void check_nothing_in_clear(const char *program, const char *mode)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result plain = world_shell(world, RUN_PLAIN, NULL, program);
    expect_exit(&plain, 0, HELLO);
    unsigned before = sniff_packets();
    cr_assert_geq(before, 1u, "an observer who is blind proves nothing");
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){ENCRYPTED, (char *)(size_t)mode, NULL}, program);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(sniff_packets(), before, "%u packets to port 53", sniff_packets() - before);
    cr_assert_geq(world_report_count(world, "accepted"), 1u);
}

Test(names_encrypted, ech_107_nothing_in_clear_wget)
{
    check_nothing_in_clear(WGET, "ECHSHIM_MODE=opportunistic");
}

Test(names_encrypted, ech_107_nothing_in_clear_curl)
{
    check_nothing_in_clear(CURL, "ECHSHIM_MODE=opportunistic");
}

Test(names_encrypted, ech_107_nothing_in_clear_git)
{
    check_nothing_in_clear(GIT, "ECHSHIM_MODE=opportunistic");
}

Test(names_encrypted, ech_107_nothing_in_clear_python)
{
    check_nothing_in_clear(URLLIB_THREADS, "ECHSHIM_MODE=strict");
}

/* The system is asked for names of this network, and never for remote names, found or not. */
Test(names_encrypted, ech_107_what_is_private_goes_to_the_system_and_nothing_else)
{
    struct world *world = start_names();
    const struct difference given = {.setting = ENCRYPTED, .domain = "lan example.net"};
    sniff_start();
    free(run_client(world, RUN_SHIM, &given,
                    "host leak.example.org nosuch.example.org both.example.org"));
    cr_assert_eq(sniff_packets(), 0u);
    char *said = run_client(world, RUN_SHIM, &given, "host printer");
    cr_assert_not_null(strstr(said, "192.0.2.9"), "%s", said);
    cr_assert_geq(sniff_queries("printer.lan", TYPE_A), 1u);
    /* The bare name is private too. */
    cr_assert_eq(sniff_queries(NULL, 0),
                 sniff_queries("printer.lan", 0) + sniff_queries("printer", 0));
    cr_assert_eq(sniff_queries(NULL, TYPE_HTTPS), 0u);
}

/* ---- records with hints only ---- */

#define HINTED                                                                                     \
    "  local-data: 'hinted.example.net. 60 IN HTTPS 1 . ipv4hint=192.0.2.7 "                       \
    "ipv6hint=2001:db8::7'\n"                                                                      \
    "  local-data: 'four.example.net. 60 IN HTTPS 1 . ipv4hint=192.0.2.8'\n"                       \
    "  local-data: 'other.example.net. 60 IN HTTPS 1 t.example.net. ipv4hint=192.0.2.9'\n"         \
    "  local-data: 'six.example.net. 60 IN HTTPS 1 . ipv4hint=192.0.2.10'\n"                       \
    "  local-data: 'six.example.net. 60 IN AAAA 2001:db8::10'\n"                                   \
    "  local-data: 'none.example.net. 60 IN HTTPS 1 . alpn=h2'\n"

#define RESOLVE_HINTED                                                                             \
    "/usr/bin/python3 -c 'import socket\n"                                                         \
    "def all(name, family):\n"                                                                     \
    "    try:\n"                                                                                   \
    "        found = socket.getaddrinfo(name + \".example.net\", 443, family, 1)\n"                \
    "        print(name, *sorted(a[4][0] for a in found))\n"                                       \
    "    except OSError as e: print(name, \"none\")\n"                                             \
    "def one(name):\n"                                                                             \
    "    try: print(name, socket.gethostbyname(name + \".example.net\"))\n"                        \
    "    except OSError as e: print(name, \"none\")\n"                                             \
    "all(\"hinted\", 0); all(\"hinted\", socket.AF_INET); all(\"hinted\", socket.AF_INET6)\n"      \
    "one(\"hinted\"); all(\"four\", 0); all(\"other\", 0); all(\"six\", 0)\n"                      \
    "all(\"six\", socket.AF_INET); one(\"six\"); all(\"none\", 0)'"

Test(names_encrypted, svcb_43_hints_are_the_addresses_of_a_name_without_others)
{
    struct world *world = world_start(&(struct world_options){.dns_lines = HINTED});
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){(char *)(size_t)ENCRYPTED, NULL}, RESOLVE_HINTED);
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out,
                     "hinted 192.0.2.7 2001:db8::7\nhinted 192.0.2.7\nhinted 2001:db8::7\n"
                     "hinted 192.0.2.7\nfour 192.0.2.8\nother 192.0.2.9\nsix 2001:db8::10\n"
                     "six none\nsix none\nnone none\n");
}
