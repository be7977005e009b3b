/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wire guard, and all the less usual ways to write a hello (clients/guard_ways.c). */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(guard_ways, .fini = world_end, .timeout = 120);
TestSuite(baseline_guard_ways, .fini = world_end, .timeout = 120);

#define WAYS "\"$CLIENTS/guard_ways\" 127.0.0.1 443 " INNER_NAME

/* All ways end so, and the program has tried them: a client that ends early proves nothing. */
static unsigned expect_all_ways(const struct run_result *result, const char *word)
{
    enum { WAYS_MIN = 31 };
    unsigned ways = expect_each(result, word);
    cr_assert_geq(ways, WAYS_MIN);
    return ways;
}

static void check_stopped(const char *setting)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){(char *)setting, NULL}, WAYS);
    unsigned ways = expect_all_ways(&result, "refused");
    (void)connections_ended(world);
    world_expect_hidden(world);
    cr_assert_geq(world_report_count(world, "refused"), ways);
    cr_assert_eq(world_report_count(world, "plain"), 0);
}

Test(guard_ways, strict)
{
    check_stopped("ECHSHIM_MODE=strict");
}

/* The guard works without a report too. */
Test(guard_ways, strict_without_a_report)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", "ECHSHIM_REPORT=", NULL}, WAYS);
    (void)expect_all_ways(&result, "refused");
    world_expect_hidden(world);
}

/* One host is strict: the guard reads the name in the hello, and refuses where it cannot. */
Test(guard_ways, strict_host)
{
    struct world *world = world_start(NULL);
    const char *setting = conf_setting(world, "[host \"" INNER_NAME "\"]\nmode = strict\n");
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){(char *)setting, NULL},
                                           WAYS " | grep -v like-ssl-2");
    (void)expect_all_ways(&result, "refused");
    (void)connections_ended(world);
    world_expect_hidden(world);
}

Test(guard_ways, opportunistic)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=opportunistic", NULL}, WAYS);
    unsigned ways = expect_all_ways(&result, "sent");
    cr_assert_geq(world_report_count(world, "plain"), ways);
}

Test(guard_ways, other_ports)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", "ECHSHIM_PORTS=8443", NULL},
                    "\"$CLIENTS/guard_ways\" " DNS_ADDRESS " 853 " INNER_NAME " empty-record");
    expect_exit(&result, 0, "sent");
}

Test(baseline_guard_ways, all)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, WAYS);
    (void)expect_all_ways(&result, "sent");
}

/* ---- TLS that the shim does not see leave ---- */

#define PYTHON(text) "/usr/bin/python3 -c 'import ssl, socket, threading\n" text "'"
#define MEMORY_HELLO                                                                               \
    "out = ssl.MemoryBIO()\n"                                                                      \
    "tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, "                           \
    "server_hostname=\"" INNER_NAME "\")\n"                                                        \
    "try: tls.do_handshake()\n"                                                                    \
    "except ssl.SSLWantReadError: pass\n"                                                          \
    "hello = out.read()\n"

/* TLS within datagrams, as OpenVPN has it: there is no connection. */
Test(guard_ways, tls_within_datagrams_is_not_ours)
{
    static char *const modes[] = {"ECHSHIM_MODE=strict", "ECHSHIM_MODE=opportunistic"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct run_result result = world_shell(
            world, RUN_SHIM, (char *[]){modes[i], NULL},
            PYTHON(MEMORY_HELLO "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                "udp.sendto(hello, (\"127.0.0.1\", 1194))\n"
                                "print(len(hello) > 100, hello.find(bytes.fromhex(\"fe0d\")))"));
        expect_exit(&result, 0, "True -1");
    }
    cr_assert_str_eq(world_read(world, "report", NULL), "");
}

/* The program makes the hello before it has a connection, and writes it to one later. */
Test(guard_ways, a_hello_from_before_the_connection)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL},
                    PYTHON(MEMORY_HELLO "tcp = socket.create_connection((\"127.0.0.1\", 443))\n"
                                        "try: tcp.send(hello)\n"
                                        "except OSError as e: print(e.errno)"));
    expect_exit(&result, 0, "103");
    (void)connections_ended(world);
    world_expect_hidden(world);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
}

/* The library writes to a socket pair, and a thread carries the octets on. */
Test(guard_ways, a_pump_is_judged_where_it_writes)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL},
        PYTHON("near, far = socket.socketpair()\n"
               "def pump():\n"
               "    tcp = socket.create_connection((\"127.0.0.1\", 443))\n"
               "    try: tcp.sendall(far.recv(9999))\n"
               "    except OSError as e: print(e.errno)\n"
               "    far.close()\n"
               "threading.Thread(target=pump).start()\n"
               "try: ssl.create_default_context().wrap_socket(near, server_hostname=\"" INNER_NAME
               "\")\n"
               "except OSError as e: print(\"failed\")"));
    expect_exit(&result, 0, "failed");
    cr_assert_not_null(strstr(result.out, "103"));
    (void)connections_ended(world);
    world_expect_hidden(world);
}
