/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program may run out of something, or something may end while we wait: that must cost the
 * program nothing else. Here: descriptors and memory when the engine is loaded, and the moment
 * between a look-up and the hello. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(limits, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"

/* A script for python3. */
#define GUEST(text)                                                                                \
    "cat >guest.py <<'END'\n"                                                                      \
    "import os, resource, socket, ssl, sys, threading, time, urllib.request as r\n"                \
    "def fetch(url='" URL "'):\n"                                                                  \
    "    try:\n"                                                                                   \
    "        return r.urlopen(url, context=ssl.create_default_context()).read().decode()\n"        \
    "    except OSError as e:\n"                                                                   \
    "        return 'failed ' + str(e)\n" text "END\n/usr/bin/python3 guest.py"

/* At the first context the program has no descriptor left for the engine's file; later it has some.
 */
#define EXHAUSTED                                                                                  \
    "ssl.SSLSocket, socket.getaddrinfo\n"                                                          \
    "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"                                    \
    "resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))\n"                                      \
    "try:\n"                                                                                       \
    "    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"                                                \
    "except Exception as e:\n"                                                                     \
    "    print('context:', e)\n"                                                                   \
    "resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))\n"

Test(limits, no_descriptor_for_the_engine_once)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, NULL,
                    GUEST(EXHAUSTED "time.sleep(2.1)\nprint(fetch())\nprint(fetch())\n"));
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 2);
}

/* Strict mode refuses until the engine is loaded. */
Test(limits, no_descriptor_for_the_engine_in_strict_mode)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(STRICT),
        GUEST(EXHAUSTED "print('at once:', fetch())\ntime.sleep(2.1)\nprint(fetch())\n"));
    expect_exit(&result, 0, HELLO);
    cr_assert_not_null(strstr(result.out, "at once: failed"), "%s", result.out);
    world_expect_accepted(world, 1);
}

/*
 * One thread's look-up is slow and finds no record. Meanwhile another thread's attempt with ECH
 * fails. The first thread's hello would then be the weaker attempt that an attacker waits for. The
 * question for port 8443 goes to an address that does not answer it.
 */
#define SLOW_QUESTION                                                                              \
    "  local-zone: '_8443._https." INNER_NAME ".' transparent\n"                                   \
    "forward-zone:\n  name: '_8443._https." INNER_NAME ".'\n  forward-addr: 127.0.0.9\n"

static void check_failure_meanwhile(const char *shake)
{
    char command[4096];
    struct world *world = world_start(&(struct world_options){
        .stale_config = true, .public_certificate = "inner", .dns_lines = SLOW_QUESTION});
    snprintf(command, sizeof command,
             GUEST("silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "silent.bind(('127.0.0.9', 53))\n"
                   "listener = socket.create_server(('127.0.0.1', 8443))\n"
                   "slow = %s\n"
                   "peer, _ = listener.accept()\n"
                   "silent.settimeout(10)\n"
                   "silent.recv(512)\n"
                   "print('fast:', fetch())\n"
                   "peer.settimeout(10)\n"
                   "got = peer.recv(4096)\n"
                   "print('leaked' if b'" INNER_NAME "' in got else 'kept', len(got))\n"
                   "peer.close()\n"
                   "slow.join(20)\n"),
             shake);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_PORTS=443,8443"), command);
    expect_exit(&result, 0, "kept 0");
    world_expect_hidden(world);
    cr_assert_eq(world_report_count(world, "refused"), 1);
}

/* Both in one process. */
Test(limits, an_attempt_fails_while_another_thread_looks_up)
{
    /* The thread catches its error, and the main thread waits for it: the interpreter's end would
     * cut it off. */
    check_failure_meanwhile("threading.Thread(target=fetch, args=('https://" INNER_NAME
                            ":8443/',), daemon=True)\n"
                            "slow.start()");
}

/* A program has thousands of hellos without an answer yet (a crawler): no table of ours is full.
 * The octets stay in memory, so that only we could be the limit. */
Test(limits, thousands_of_pending_handshakes)
{
    const char *many = getenv("ECHSHIM_TEST_PENDING");
    char command[2048];
    struct world *world = world_start(NULL);
    snprintf(command, sizeof command,
             GUEST("count = %d\n"
                   "s = socket.create_connection(('127.0.0.1', 443))\n"
                   "context = ssl.create_default_context()\n"
                   "pending = []\n"
                   "names = 0\n"
                   "for i in range(count):\n"
                   "    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
                   "    tls = context.wrap_bio(into, out, server_hostname='" INNER_NAME "')\n"
                   "    try:\n"
                   "        tls.do_handshake()\n"
                   "    except ssl.SSLWantReadError:\n"
                   "        pass\n"
                   "    hello = out.read()\n"
                   "    names += b'" INNER_NAME "' in hello or b'" PUBLIC_NAME "' not in hello\n"
                   "    pending.append((tls, into, out))\n"
                   "print('sealed', len(pending) - names, 'of', count)\n"),
             many != NULL ? atoi(many) : 2000);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, "ECHSHIM_REPORT=many"), command);
    snprintf(command, sizeof command, "sealed %d of %d", many != NULL ? atoi(many) : 2000,
             many != NULL ? atoi(many) : 2000);
    expect_exit(&result, 0, command);
}

/* ---- resolvers ---- */

enum { RESOLVERS_KEPT = 256, RESOLVERS_MORE = 2 };

/* Each host has a resolver of its own, where nobody listens. */
static char *many_resolvers(const struct world *world)
{
    enum { SECTION = 80, EACH = 200 };
    static char text[(RESOLVERS_KEPT + RESOLVERS_MORE) * SECTION];
    size_t length = 0;
    for (int i = 0; i < RESOLVERS_KEPT + RESOLVERS_MORE; i++) {
        length += (size_t)snprintf(text + length, SECTION,
                                   "[host \"h%d.example\"]\nresolver = udp://127.9.%d.%d:53\n", i,
                                   i / EACH, i % EACH + 1);
    }
    return conf_setting(world, text);
}

/* The ids of resolvers are kept for the whole process, so there is a bound. */
Test(limits, resolvers_that_a_process_remembers)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_RESOLVER=", many_resolvers(world)),
                    GUEST("for i in range(258):\n"
                          "    context = ssl._create_unverified_context()\n"
                          "    with socket.create_connection(('127.0.0.1', 443)) as s:\n"
                          "        context.wrap_socket(s, server_hostname='h%d.example' % i)\n"
                          "print('done')\n"));
    expect_exit(&result, 0, "done");
    unsigned number = 0;
    char *report = world_read(world, "report", NULL);
    for (char *line = strtok(report, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool named = strstr(line, "\"resolver\":\"udp://127.9.") != NULL;
        cr_assert(named || strstr(line, "\"resolver\":null") != NULL, "%s", line);
        cr_assert_eq(named, number < RESOLVERS_KEPT, "line %u: %s", number, line);
        number++;
    }
    cr_assert_eq(number, RESOLVERS_KEPT + RESOLVERS_MORE);
    free(report);
}
