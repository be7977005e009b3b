/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --relay: the program's connect fails as it does without the relay. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

TestSuite(relay_connect, .fini = world_end, .timeout = 120);

#define UNREACHED "env -u LD_PRELOAD "
#define PAGE "https://" INNER_NAME "/"
#define PORTS " --ports=443,8446,8447 "

static void write_script(const struct world *world, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* A server whose queue is full: it answers no SYN. */
static const char silent_server[] =
    "import socket, time\n"
    "s = socket.socket(); s.bind((\"127.0.0.1\", 8447)); s.listen(0)\n"
    "full = [socket.socket() for _ in range(8)]\n"
    "for c in full: c.setblocking(False); c.connect_ex((\"127.0.0.1\", 8447))\n"
    "print(\"ready\", flush=True)\n"
    "time.sleep(100)\n";

/* Nothing listens on port 8446. */
static const char client[] =
    "import asyncio, errno, select, socket, struct\n"
    "def result(act):\n"
    "    try: act(); return \"connected\"\n"
    "    except OSError as e: return errno.errorcode[e.errno]\n"
    "def waits(address, family=socket.AF_INET):\n"
    "    with socket.socket(family) as s: return result(lambda: s.connect(address))\n"
    "def does_not_wait(address):\n"
    "    with socket.socket() as s:\n"
    "        s.setblocking(False)\n"
    "        number = s.connect_ex(address)\n"
    "        if number == errno.EINPROGRESS:\n"
    "            select.select([], [s], [], 20)\n"
    "            number = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)\n"
    "        return errno.errorcode.get(number, number)\n"
    "def limited(address):\n"
    "    with socket.socket() as s:\n"
    "        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack(\"ll\", 0, 400000))\n"
    "        return result(lambda: s.connect(address))\n"
    "def twice(first, second):\n" /* a socket may be connected after a refusal */
    "    with socket.socket() as s:\n"
    "        return result(lambda: s.connect(first)), result(lambda: s.connect(second))\n"
    "async def loop(address):\n"
    "    try: (await asyncio.open_connection(*address))[1].close(); return \"connected\"\n"
    "    except OSError as e: return errno.errorcode[e.errno]\n"
    "closed, good, silent = [(\"127.0.0.1\", port) for port in (8446, 443, 8447)]\n"
    "print(waits(closed), waits(good), waits((\"::1\", 8446), socket.AF_INET6))\n"
    "print(waits((\"::ffff:127.0.0.1\", 8446), socket.AF_INET6))\n"
    "print(does_not_wait(closed), does_not_wait(good))\n"
    "print(asyncio.run(loop(closed)), asyncio.run(loop(good)))\n"
    "print(limited(silent), limited(closed), limited(good))\n"
    "print(twice(closed, good), twice((\"127.0.0.9\", 443), good))\n";

Test(relay_connect, errors_are_those_without_the_relay)
{
    struct world *world = world_start(NULL);
    char *arguments[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)silent_server, NULL};
    (void)world_spawn(world, "silent", "ready", arguments);
    write_script(world, "client.py", client);
    static const char expected[] = "ECONNREFUSED connected ECONNREFUSED\n"
                                   "ECONNREFUSED\n"
                                   "ECONNREFUSED 0\n"
                                   "ECONNREFUSED connected\n"
                                   "EINPROGRESS ECONNREFUSED connected\n"
                                   "('ECONNREFUSED', 'connected') ('ECONNREFUSED', 'connected')\n";
    static const char *const options[] = {"--mode=opportunistic -q" PORTS,
                                          "--mode=opportunistic -q --relay" PORTS,
                                          "--strict -q --relay" PORTS};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct run_result result =
            launch(world, options[i], UNREACHED "/usr/bin/python3 \"$WORLD/client.py\"");
        cr_assert_str_eq(result.out, expected, "%s: %s", options[i], result.err);
    }
}

/* Calls that should not wait, to a server that does not answer: each would wait for 250 ms, one
 * behind the other, since the program has one thread. */
Test(relay_connect, many_calls_that_do_not_wait)
{
    static const char many[] = "import socket, time\n"
                               "begin, all = time.monotonic(), []\n"
                               "for i in range(1000):\n"
                               "    s = socket.socket(); s.setblocking(False); all.append(s)\n"
                               "    assert s.connect_ex((\"127.0.0.1\", 8447)) in (0, 115), i\n"
                               "print(\"many\", time.monotonic() - begin)\n";
    struct world *world = world_start(NULL);
    char *arguments[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)silent_server, NULL};
    (void)world_spawn(world, "silent", "ready", arguments);
    write_script(world, "many.py", many);
    struct run_result result = launch(world, "--strict -q --relay" PORTS,
                                      "sh -c 'ulimit -n 4096 2>/dev/null; exec " UNREACHED
                                      "/usr/bin/python3 \"$WORLD/many.py\"'");
    cr_assert_eq(strncmp(result.out, "many ", 5), 0, "%s%s", result.out, result.err);
    fprintf(stderr, "1,000 calls that do not wait: %s", result.out);
    cr_assert_lt(strtod(result.out + 5, NULL), 60, "%s", result.out); /* 250 before */
}

/* A program goes on with the next address of a name, and the server sees one connection. */
Test(relay_connect, the_next_address)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q --relay",
               UNREACHED "curl -sS --max-time 20 --resolve " INNER_NAME
                         ":443:127.0.0.8,127.0.0.9,127.0.0.1 -w '%{exitcode}\\n' " PAGE);
    expect_exit(&result, 0, "hello from " INNER_NAME);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    result = launch(world, "--strict -q --relay",
                    UNREACHED "curl -sS --max-time 20 --resolve " INNER_NAME
                              ":443:127.0.0.8,127.0.0.9 " PAGE);
    expect_exit(&result, 7, NULL); /* could not connect */
    world_expect_hidden(world);
}

/* Calls wait for the relay when it stops, and when it ends. */
Test(relay_connect, the_relay_ends_while_a_call_waits)
{
    static const char waiting[] =
        "import os, signal, socket, sys, threading, time\n"
        "relay = int(sys.argv[1])\n"
        "os.kill(relay, signal.SIGSTOP)\n"
        "def act():\n"
        "    try: socket.socket().connect((\"127.0.0.1\", 443)); print(\"connected\")\n"
        "    except OSError as e: print(e.errno)\n"
        "t = threading.Thread(target=act); t.start(); t.join(0.5)\n"
        "print(t.is_alive(), flush=True)\n"
        "os.kill(relay, signal.SIGKILL); t.join(); act()\n";
    static const char find[] =
        "for p in /proc/[0-9]*; do [ \"$(cat $p/comm 2>/dev/null)\" = echshim-relay ] && "
        "[ \"$(readlink $p/ns/net)\" = \"$(readlink /proc/self/ns/net)\" ] && echo ${p#/proc/}; "
        "done; :";
    struct world *world = world_start(NULL);
    char command[2048];
    write_script(world, "waiting.py", waiting);
    write_script(world, "find.sh", find);
    snprintf(command, sizeof command,
             "sh -c 'exec env -u LD_PRELOAD /usr/bin/python3 \"$WORLD/waiting.py\" "
             "$(sh \"$WORLD/find.sh\")'");
    struct run_result result = launch(world, "--strict -q --relay", command);
    cr_assert_str_eq(result.out, "True\n111\n13\n", "%s", result.err);
    cr_assert_eq(world_log_count(world, "accepted", 1), 0);
}
