/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --relay: the relay or the supervisor is killed before a connection is led, while it is,
 * in its handshake, and afterwards. Nothing hangs, and nothing goes round them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

TestSuite(relay_kills, .fini = world_end, .timeout = 120);

/* Prints what became of the connection of that stage, and of one that begins afterwards. */
static const char kills[] =
    "import os, signal, socket, ssl, sys, threading, time\n"
    "victim, stage = sys.argv[1:]\n"
    "def is_relay(p):\n"
    "    try:\n"
    "        return open('/proc/%s/comm' % p).read() == 'echshim-relay\\n' and \\\n"
    "            os.readlink('/proc/%s/ns/net' % p) == os.readlink('/proc/self/ns/net')\n"
    "    except OSError: return False\n"
    "if victim == 'relay': pid = int(next(filter(is_relay, filter(str.isdigit, "
    "os.listdir('/proc')))))\n"
    "else: pid = int(os.environ['ECHSHIM_SUPERVISOR'].split(':')[1])\n"
    "def kill():\n"
    "    os.kill(pid, signal.SIGKILL)\n"
    "    try:\n"
    "        while open('/proc/%d/stat' % pid).read().rsplit(')', 1)[1].split()[0] != 'Z': "
    "time.sleep(0.01)\n"
    "    except OSError: pass\n"
    "def connect(): return socket.create_connection(('127.0.0.1', 443), 30)\n"
    "context = ssl.create_default_context()\n"
    "def tls(s): return context.wrap_socket(s, server_hostname='" INNER_NAME "')\n"
    "def ask(c, path=b''):\n"
    "    c.sendall(b'GET /%s HTTP/1.0\\r\\n\\r\\n' % path)\n"
    "    size = 0\n"
    "    while part := c.recv(65536):\n"
    "        size += len(part)\n"
    "        yield size\n"
    "def result(act):\n"
    "    try: return act()\n"
    "    except socket.timeout: return 'hung'\n"
    "    except OSError: return 'failed'\n"
    "def attempt(): return 'served %d' % max(ask(tls(connect())), default=0)\n"
    "def in_a_thread(act):\n"
    "    got = []\n"
    "    os.kill(pid, signal.SIGSTOP)\n"
    "    t = threading.Thread(target=lambda: got.append(result(act)), daemon=True)\n"
    "    t.start(); t.join(0.3); kill(); t.join(60)\n"
    "    print(*(got or ['hung']), flush=True)\n"
    "if stage == 'before': kill()\n"
    "if stage == 'while': in_a_thread(attempt)\n"
    "if stage == 'handshake':\n"
    "    s = connect()\n"
    "    in_a_thread(lambda: 'served %d' % max(ask(tls(s)), default=0))\n"
    "if stage == 'after':\n"
    "    got = ask(tls(connect()), b'bulk/30000000'); next(got); kill()\n"
    "    print(result(lambda: 'whole' if max(got, default=0) > 30000000 else 'cut'), flush=True)\n"
    "print('next', result(attempt))\n";

static const char *run(struct world *world, const char *victim, const char *stage)
{
    char path[512];
    char command[1024];
    snprintf(path, sizeof path, "%s/kills.py", world->folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(kills, file);
    fclose(file);
    snprintf(command, sizeof command,
             "env -u LD_PRELOAD /usr/bin/python3 \"$WORLD/kills.py\" %s %s", victim, stage);
    struct run_result result = launch(world, "--strict -q --relay", command);
    cr_expect_null(strstr(result.out, "hung"), "%s %s: %s", victim, stage, result.out);
    const char *next = strstr(result.out, "next ");
    cr_assert_not_null(next, "%s %s: %s%s", victim, stage, result.out, result.err);
    cr_expect_str_eq(next, "next failed\n", "%s %s", victim, stage);
    cr_expect_eq(world_wire_count(world, INNER_NAME), 0, "%s %s", victim, stage);
    return result.out;
}

static const char *const stages[] = {"before", "while", "handshake", "after"};

enum { STAGES = sizeof stages / sizeof *stages };

Test(relay_kills, the_relay)
{
    static const char *const expected[STAGES] = {"next", "failed\n", "failed\n", ""};
    for (size_t i = 0; i < STAGES; i++) {
        struct world *world = world_start(NULL);
        const char *out = run(world, "relay", stages[i]);
        cr_expect_eq(strncmp(out, expected[i], strlen(expected[i])), 0, "%s: %s", stages[i], out);
        cr_expect_null(strstr(out, "whole"), "%s", out);
        world_end();
    }
}

/* What was led before may go on. */
Test(relay_kills, the_supervisor)
{
    static const char *const expected[STAGES] = {"next", "failed\n", "", ""};
    for (size_t i = 0; i < STAGES; i++) {
        struct world *world = world_start(NULL);
        const char *out = run(world, "supervisor", stages[i]);
        cr_expect_eq(strncmp(out, expected[i], strlen(expected[i])), 0, "%s: %s", stages[i], out);
        world_end();
    }
}
