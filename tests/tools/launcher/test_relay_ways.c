/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* echshim --relay: who asks for it, and how; and what passes: IPv6, HTTP/2, uploads, resets, early
 * ends. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

TestSuite(relay_ways, .fini = world_end, .timeout = 120);

#define UNREACHED "env -u LD_PRELOAD "
#define CURL UNREACHED "curl -sS --max-time 20 "
#define PAGE "https://" INNER_NAME "/"

#define USERS_FILE "echshim/echshim.conf"

static char command[4096];

static char *in_world(const struct world *world, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    return path;
}

static void write_text(const struct world *world, const char *name, const char *text)
{
    (void)mkdir(in_world(world, "echshim"), 0700); /* of the user's file */
    FILE *file = fopen(in_world(world, name), "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- who asks for it ---- */

/* The user's file is in the world's folder. */
static struct run_result launch_with_file(struct world *world, const char *environment,
                                          const char *options, const char *program)
{
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(command, sizeof command,
             "%s%s%s ASAN_OPTIONS=detect_leaks=0 XDG_CONFIG_HOME=\"$WORLD\" %s '%s' "
             "--resolver=system --ca-file=\"$CA\" --private -q %s -- %s",
             runtime != NULL ? "LD_PRELOAD='" : "", runtime != NULL ? runtime : "",
             runtime != NULL ? "'" : "", environment, tool_path("echshim"), options, program);
    return world_shell(world, RUN_PLAIN, NULL, command);
}

static const char *const asking_files[] = {
    "[default]\nrelay = yes\n",
    "[default]\nrelay = no\n[program \"env\"]\nrelay = yes\n",
};

Test(relay_ways, a_file_of_the_user_asks)
{
    for (size_t i = 0; i < sizeof asking_files / sizeof *asking_files; i++) {
        struct world *world = world_start(NULL);
        write_text(world, USERS_FILE, asking_files[i]);
        struct run_result result = launch_with_file(world, "", "--strict", CURL PAGE);
        expect_exit(&result, 0, "hello from " INNER_NAME);
        world_expect_hidden(world);
        world_end();
    }
}

static void expect_no_relay(struct world *world, const char *environment)
{
    struct run_result result =
        launch_with_file(world, environment, "--mode=opportunistic",
                         "sh -c 'env -u LD_PRELOAD env | grep -c ^ECHSHIM_RELAY_FOLDER'");
    cr_assert_str_eq(result.out, "0\n", "%s: %s", environment, result.err);
}

Test(relay_ways, nothing_else_asks)
{
    struct world *world = world_start(NULL);
    expect_no_relay(world, "ECHSHIM_RELAY=yes");
    expect_no_relay(world, "ECHSHIM_RELAY=on");
    write_text(world, USERS_FILE, "[default]\nrelay = no\n");
    expect_no_relay(world, "ECHSHIM_RELAY=yes");
    write_text(world, USERS_FILE, "[program \"another\"]\nrelay = yes\n");
    expect_no_relay(world, "");
    write_text(world, USERS_FILE, "[default]\nrelay = yes\n");
    struct run_result result = launch_with_file(
        world, "", "--mode=opportunistic",
        "sh -c 'env -u LD_PRELOAD env | grep -c ^ECHSHIM_RELAY_FOLDER'"); /* it can fail */
    cr_assert_str_eq(result.out, "1\n", "%s", result.err);
    if (geteuid() == 0) {
        cr_assert_eq(chown(in_world(world, USERS_FILE), 65534, 65534), 0);
        expect_no_relay(world, "");
    }
}

/* ---- its options ---- */

/* The server's authority is unknown to the system, and known to the program's own file. */
Test(relay_ways, more_anchors)
{
    struct world *world = world_start(NULL);
    const char *const options[] = {"--strict -q --relay --ca-file=/dev/null",
                                   "--strict -q --relay --ca-file=/dev/null --relay-ca=\"$CA\""};
    for (size_t i = 0; i < 2; i++) {
        struct run_result result = launch(world, options[i], CURL PAGE);
        if (i == 0) {
            expect_exit(&result, 60, NULL);
        } else {
            expect_exit(&result, 0, "hello from " INNER_NAME);
        }
    }
    world_expect_hidden(world);
}

Test(relay_ways, a_file_of_anchors_that_is_none)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict -q --relay --relay-ca=/nowhere", CURL PAGE);
    expect_exit(&result, 125, NULL);
    cr_assert_not_null(strstr(result.err, "--relay-ca"), "%s", result.err);
    cr_assert_eq(world_log_count(world, "accepted", 1), 0);
}

Test(relay_ways, the_hosts_that_it_is_for)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q --relay=other.example," INNER_NAME, CURL PAGE);
    expect_exit(&result, 0, "hello from " INNER_NAME);
    result = launch(world, "--strict -q --relay=other.example --report=lines", CURL PAGE);
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_not_null(strstr(report, "\"reason\":\"relay_other_host\""), "%s", report);
    world_expect_hidden(world);
}

/* The authority that the program is told to trust is good for these names alone. */
Test(relay_ways, the_authority_is_constrained_to_the_hosts)
{
    static const char show[] = "sh -c 'env -u LD_PRELOAD openssl x509 -noout -ext nameConstraints "
                               "-in \"$ECHSHIM_RELAY_FOLDER/DENO_CERT.pem\"'";
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict -q --relay=a.example," INNER_NAME, show);
    cr_assert_not_null(strstr(result.out, "Name Constraints: critical"), "%s%s", result.out,
                       result.err);
    cr_assert_not_null(strstr(result.out, "DNS:a.example\n"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "DNS:" INNER_NAME "\n"), "%s", result.out);
    result = launch(world, "--strict -q --relay", show);
    cr_assert_null(strstr(result.out, "DNS:"), "%s", result.out);
}

/* ---- IPv6 ---- */

/* The world's server at another address too. */
static void also_at(struct world *world, const char *address)
{
    char program[320];
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    char *arguments[] = {
        program, "--listen", (char *)(uintptr_t)address, "--to", world->server_address, NULL};
    (void)world_spawn(world, "other", "listening ", arguments);
}

Test(relay_ways, ipv6)
{
    struct world *world = world_start(NULL);
    also_at(world, "[::1]:443");
    struct run_result result =
        launch(world, "--strict -q --relay --report=lines",
               CURL "-6 --resolve " INNER_NAME ":443:[::1] -w '%{remote_ip}\\n' " PAGE);
    expect_exit(&result, 0, "hello from " INNER_NAME);
    cr_assert_not_null(strstr(result.out, "\n::1\n"), "%s", result.out);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0);
}

/* A socket of IPv6 that goes to an address of IPv4, as Java's and Go's do. */
Test(relay_ways, ipv4_by_a_socket_of_ipv6)
{
    struct world *world = world_start(NULL);
    write_text(world, "mapped.py",
               "import socket, ssl\n"
               "s = socket.socket(socket.AF_INET6)\n"
               "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)\n"
               "s.settimeout(20)\n"
               "s.connect((\"::ffff:127.0.0.1\", 443))\n"
               "t = ssl.create_default_context().wrap_socket(s, server_hostname=\"" INNER_NAME
               "\")\n"
               "t.sendall(b\"GET / HTTP/1.0\\r\\n\\r\\n\")\n"
               "text = b\"\"\n"
               "while part := t.recv(1000): text += part\n"
               "print(text.decode())\n");
    struct run_result result =
        launch(world, "--strict -q --relay", UNREACHED "/usr/bin/python3 \"$WORLD/mapped.py\"");
    expect_exit(&result, 0, "hello from " INNER_NAME);
    world_expect_hidden(world);
}

/* ---- HTTP/2 ---- */

/* Answers each request of HTTP/2 without TLS with 200 and its stream's number (RFC 9113). */
static const char http2[] =
    "import socket, threading\n"
    "def exactly(c, n):\n"
    "    out = b\"\"\n"
    "    while len(out) < n:\n"
    "        part = c.recv(n - len(out))\n"
    "        if not part: raise EOFError\n"
    "        out += part\n"
    "    return out\n"
    "def frame(kind, flags, stream, body):\n"
    "    return len(body).to_bytes(3, \"big\") + bytes([kind, flags]) +\\\n"
    "        stream.to_bytes(4, \"big\") + body\n"
    "def serve(c):\n"
    "    assert exactly(c, 24).startswith(b\"PRI * HTTP/2.0\")\n"
    "    c.sendall(frame(4, 0, 0, b\"\"))\n"
    "    while True:\n"
    "        head = exactly(c, 9)\n"
    "        exactly(c, int.from_bytes(head[:3], \"big\"))\n"
    "        stream = int.from_bytes(head[5:], \"big\")\n"
    "        if head[3] == 4 and not head[4] & 1: c.sendall(frame(4, 1, 0, b\"\"))\n"
    "        if head[3] == 1: c.sendall(frame(1, 4, stream, b\"\\x88\") +\n"
    "            frame(0, 1, stream, b\"stream %d\\n\" % stream))\n"
    "def quietly(c):\n"
    "    try: serve(c)\n"
    "    except (EOFError, OSError): c.close()\n"
    "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "s.bind((\"127.0.0.1\", 8080)); s.listen()\n"
    "print(\"ready\", flush=True)\n"
    "while True: threading.Thread(target=quietly, args=(s.accept()[0],), daemon=True).start()\n";

Test(relay_ways, http2)
{
    struct world *world = world_start(&(struct world_options){
        .server_arguments = {"--forward", "127.0.0.1:8080", "--alpn", "h2"}});
    char *arguments[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)http2, NULL};
    (void)world_spawn(world, "http2", "ready", arguments);
    struct run_result result = launch(world, "--strict -q --relay",
                                      CURL "--http2 -w '%{http_version}\\n' " PAGE "a " PAGE "b");
    cr_assert_str_eq(result.out, "stream 1\n2\nstream 3\n2\n", "%s%s", result.out, result.err);
    world_expect_hidden(world);
    /* A program that has no HTTP/2 is not given it. */
    result = launch(world, "--strict -q --relay",
                    UNREACHED "openssl s_client -verify_return_error -alpn http/1.1 "
                              "-servername " INNER_NAME " -connect " INNER_NAME ":443 </dev/null");
    cr_assert_null(strstr(result.out, "ALPN protocol: h2"), "%s%s", result.out, result.err);
}

/* ---- uploads, and both directions at once ---- */

Test(relay_ways, an_upload)
{
    struct world *world = world_start(NULL);
    snprintf(command, sizeof command, "%s", in_world(world, "big"));
    write_text(world, "big", "");
    cr_assert_eq(truncate(command, 30000000), 0);
    struct run_result result =
        launch(world, "--strict -q --relay",
               CURL "-H Expect: --data-binary \"@$WORLD/big\" -w '%{size_upload}\\n' " PAGE);
    expect_exit(&result, 0, "hello from " INNER_NAME "\n30000000\n");
    world_expect_hidden(world);
}

/* A server with TLS that has no ECH, and does what the first line says. It prints how the program
 * ended. */
static const char server[] =
    "import socket, ssl, struct, sys, threading\n"
    "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "context.options &= ~0x80\n" /* SSL_OP_IGNORE_UNEXPECTED_EOF */
    "context.load_cert_chain(sys.argv[1] + \"/inner.pem\", sys.argv[1] + \"/inner.key\")\n"
    "def reset(c):\n"
    "    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(\"ii\", 1, 0))\n"
    "    c.close()\n"
    "def serve(raw):\n"
    "    c = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)\n"
    "    what = c.recv(5)\n"
    "    if what == b\"reset\": reset(c)\n"
    "    if what == b\"cut..\": c.close()\n"
    "    if what == b\"close\": c.unwrap(); c.close()\n"
    "    while what == b\"echo.\":\n"
    "        octets = c.recv(65536)\n"
    "        if not octets: break\n"
    "        c.sendall(octets)\n"
    "    if what != b\"watch\": return\n"
    "    c.sendall(b\"yes\")\n"
    "    try: print(\"saw\", \"data\" if c.recv(5) else \"close\", flush=True)\n"
    "    except OSError as e: print(\"saw\", getattr(e, \"reason\", e), flush=True)\n"
    "def quietly(c):\n"
    "    try: serve(c)\n"
    "    except OSError: pass\n"
    "def listen(port, what):\n"
    "    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "    s.bind((\"127.0.0.1\", port)); s.listen()\n"
    "    while True: threading.Thread(target=what, args=(s.accept()[0],), daemon=True).start()\n"
    "def hear(c, end): c.recv(65536); end(c)\n" /* the ClientHello */
    "for port, end in (8444, reset), (8445, socket.socket.close):\n"
    "    threading.Thread(target=listen, args=(port, lambda c, end=end: hear(c, end)),\n"
    "        daemon=True).start()\n"
    "threading.Timer(0.3, lambda: print(\"ready\", flush=True)).start()\n"
    "listen(8443, quietly)\n";

static const char client[] =
    "import select, socket, ssl, struct, sys\n"
    "def reset(c):\n"
    "    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(\"ii\", 1, 0))\n"
    "    c.close()\n"
    "def connect(port):\n"
    "    context = ssl.create_default_context()\n"
    "    context.options &= ~0x80\n" /* SSL_OP_IGNORE_UNEXPECTED_EOF */
    "    context.load_verify_locations(sys.argv[1])\n"
    "    return context.wrap_socket(\n"
    "        socket.create_connection((\"127.0.0.1\", port), 20),\n"
    "        server_hostname=\"" INNER_NAME "\", suppress_ragged_eofs=False)\n"
    "def outcome(port, what):\n"
    "    try:\n"
    "        c = connect(port)\n"
    "        c.sendall(what)\n"
    "        return \"close\" if c.recv(10) == b\"\" else \"data\"\n"
    "    except socket.timeout: return \"timeout\"\n"
    "    except OSError as e: return getattr(e, \"reason\", e)\n"
    "for what in b\"reset\", b\"cut..\", b\"close\": print(what, outcome(8443, what))\n"
    "for port in 8444, 8445:\n"
    "    print(port, outcome(port, b\"\"))\n"
    "for end in reset, ssl.SSLSocket.close, lambda c: c.unwrap():\n"
    "    c = connect(8443); c.sendall(b\"watch\"); c.recv(3)\n"
    "    try: end(c)\n"
    "    except OSError: pass\n"
    "for i in range(20):\n" /* in the middle of the handshake */
    "    s = socket.create_connection((\"127.0.0.1\", 8443), 20)\n"
    "    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
    "    t = ssl.create_default_context().wrap_bio(incoming, outgoing,\n"
    "        server_hostname=\"" INNER_NAME "\")\n"
    "    try: t.do_handshake()\n"
    "    except ssl.SSLWantReadError: pass\n"
    "    s.sendall(outgoing.read()[:None if i % 2 else 100])\n"
    "    reset(s) if i % 4 < 2 else s.close()\n"
    /* Both directions at once, in one thread: an SSL object of Python is not for two. */
    "def echo(size, room):\n"
    "    c = connect(8443)\n"
    "    for option in socket.SO_SNDBUF, socket.SO_RCVBUF:\n"
    "        if room: c.setsockopt(socket.SOL_SOCKET, option, room)\n"
    "    c.sendall(b\"echo.\")\n"
    "    c.setblocking(False)\n"
    "    text, sent, got = memoryview(bytes(size)), 0, 0\n"
    "    while got < size:\n"
    "        read, write = [], []\n"
    "        try: got += len(c.recv(65536) or sys.exit(\"the server ended\"))\n"
    "        except ssl.SSLWantReadError: read = [c]\n"
    "        try: sent += c.send(text[sent:sent + 65536]) if sent < size else 0\n"
    "        except ssl.SSLWantWriteError: write = [c]\n"
    "        if read and (write or sent == size): select.select(read, write, [])\n"
    "    return got\n"
    "print(echo(20000000, 0))\n"
    "print(echo(1000000, 16384))\n";

/* Each end looks as it does without the relay, to the program and to the server. */
Test(relay_ways, resets_and_early_ends_in_both_directions)
{
    struct world *world = world_start(NULL);
    char *arguments[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)server, world->pki, NULL};
    (void)world_spawn(world, "ends", "ready", arguments);
    write_text(world, "client.py", client);
    static const char *const options[] = {
        "--mode=opportunistic -q --ports=443,8443,8444,8445",
        "--mode=opportunistic -q --relay --ports=443,8443,8444,8445"};
    char *direct = NULL;
    for (size_t i = 0; i < 2; i++) {
        struct run_result result =
            launch(world, options[i], UNREACHED "/usr/bin/python3 \"$WORLD/client.py\" \"$CA\"");
        cr_assert_not_null(strstr(result.out, "\n20000000\n1000000\n"), "%s%s", result.out,
                           result.err);
        cr_assert_not_null(strstr(result.out, "\n8444 [Errno 104] Connection reset by peer\n"));
        cr_assert_not_null(strstr(result.out, "\n8445 UNEXPECTED_EOF"), "%s", result.out);
        cr_assert(direct == NULL || strcmp(direct, result.out) == 0, "%s%s", direct, result.out);
        direct = direct == NULL ? strdup(result.out) : direct;
    }
    free(direct);
    /* What the server saw: three ends without the relay, and the same three with it. */
    char *seen = strchr(world_read(world, "ends.out", NULL), '\n') + 1;
    size_t half = strlen(seen) / 2;
    cr_assert_eq(held_count(seen, "saw "), 6, "%s", seen);
    cr_assert_eq(strncmp(seen, seen + half, half), 0, "%s", seen);
}
