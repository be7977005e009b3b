/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * echshim --relay. A program whose TLS the shim does not reach is curl without the shim: env takes
 * LD_PRELOAD out of its environment.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

TestSuite(relay, .fini = world_end, .timeout = 120);

#define UNREACHED "env -u LD_PRELOAD "
#define CURL UNREACHED "curl -sS --max-time 20 "
#define PAGE "https://" INNER_NAME "/"

static char command[4096];

/* Prints the process and the port of this world's relay: the owner of a listening socket of this
 * network. */
static const char find_relay[] =
    "import os, re\n"
    "ports = {}\n"
    "for line in open(\"/proc/net/tcp\").readlines()[1:]:\n"
    "    field = line.split()\n"
    "    if field[3] == \"0A\": ports[\"socket:[\" + field[9] + \"]\"] = "
    "int(field[1].split(\":\")[1], 16)\n"
    "for p in filter(str.isdigit, os.listdir(\"/proc\")):\n"
    "    try:\n"
    "        if open(\"/proc/%s/comm\" % p).read() != \"echshim-relay\\n\": continue\n"
    "        for fd in os.listdir(\"/proc/%s/fd\" % p):\n"
    "            port = ports.get(os.readlink(\"/proc/%s/fd/%s\" % (p, fd)))\n"
    "            if port: print(p, port)\n"
    "    except OSError: pass\n";

static void write_script(const struct world *world, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* Without this the tests below could not fail. */
Test(relay, without_it_the_wire_shows_the_name)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--mode=opportunistic -q", CURL "--cacert \"$CA\" " PAGE);
    expect_exit(&result, 0, NULL);
    world_expect_visible(world, 1);
}

static void expect_accepted(struct world *world)
{
    world_expect_hidden(world);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 1);
}

static void expect_relayed(const char *mode)
{
    struct world *world = world_start(NULL);
    snprintf(command, sizeof command, "%s -q --relay --report=lines", mode);
    struct run_result result = launch(world, command, CURL PAGE);
    expect_exit(&result, 0, NULL);
    expect_accepted(world);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_not_null(strstr(report, "\"host\":\"" INNER_NAME "\""), "%s", report);
    cr_assert_not_null(strstr(report, "\"outcome\":\"accepted\""), "%s", report);
}

Test(relay, a_program_that_the_shim_does_not_reach)
{
    expect_relayed("--strict");
}

Test(relay, in_opportunistic_mode)
{
    expect_relayed("--mode=opportunistic");
}

Test(relay, what_does_not_trust_the_authority_is_refused)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q --relay",
               UNREACHED "env -u CURL_CA_BUNDLE -u SSL_CERT_FILE curl -sS --max-time 20 " PAGE);
    expect_exit(&result, 60, NULL);
    world_expect_hidden(world);
}

/* The pass is the proof: what the shim reaches gets neither relay nor variables. */
Test(relay, a_program_that_the_shim_reaches)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --relay --report=lines",
               "sh -c 'unset SSL_CERT_FILE CURL_CA_BUNDLE; "
               "curl -sS --cacert \"$CA\" -w \"%{remote_port}\\n\" " PAGE "; "
               "env | grep -c echshim-relay; env -u LD_PRELOAD env | grep -c echshim-relay'");
    const char *text = strstr(result.out, "443\n");
    /* The folder alone; and the folder with the nine variables. */
    cr_assert_not_null(text, "%s%s", result.out, result.err);
    cr_assert_str_eq(text, "443\n1\n10\n");
    expect_accepted(world);
}

/* The first line of the program's output names the folder. */
static void expect_folder_goes(char *out)
{
    char *folder = strchr(out, '/');
    cr_assert_not_null(folder, "%s", out);
    *strchrnul(folder, '\n') = '\0';
    for (int i = 0; i < 200 && access(folder, F_OK) == 0; i++) {
        usleep(50000);
    }
    cr_assert_neq(access(folder, F_OK), 0, "%s", folder);
}

Test(relay, the_folder_is_gone_at_the_end)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(
        world, "--strict -q --relay",
        "sh -c 'stat -c \"%a %F\" \"$ECHSHIM_RELAY_FOLDER\"; echo \"$ECHSHIM_RELAY_FOLDER\"; "
        "grep -l PRIVATE \"$ECHSHIM_RELAY_FOLDER\"/* || echo none'");
    cr_assert_eq(strncmp(result.out, "700 directory\n", 14), 0, "%s%s", result.out, result.err);
    cr_assert_not_null(strstr(result.out, "\nnone\n"));
    expect_folder_goes(strchr(result.out, '\n') + 1);
}

/* A relay that is killed cannot remove it: the supervisor does. */
Test(relay, the_folder_of_a_killed_relay_is_gone_at_the_end)
{
    struct world *world = world_start(NULL);
    write_script(world, "find.py", find_relay);
    struct run_result result =
        launch(world, "--strict -q --relay",
               "sh -c 'echo \"$ECHSHIM_RELAY_FOLDER\"; set -- $(python3 \"$WORLD/find.py\"); "
               "kill -9 $1 && sleep 0.2; ls \"$ECHSHIM_RELAY_FOLDER\" | wc -l'");
    cr_assert_not_null(strstr(result.out, "\n9\n"), "%s%s", result.out, result.err);
    expect_folder_goes(result.out);
}

Test(relay, other_ways_are_refused)
{
    struct world *world = world_start(NULL);
    static const char ways[] = "fastopen-sendto fastopen-sendmsg fastopen-sendmmsg "
                               "datagram-connect datagram-sendto datagram-sendmsg";
    struct run_result result =
        launch(world, "--strict -q --relay",
               held_command("connects-static", "443 fastopen-sendto "
                                               "fastopen-sendmsg fastopen-sendmmsg "
                                               "datagram-connect datagram-sendto "
                                               "datagram-sendmsg"));
    held_expect(&result, ways, EACCES);
    world_expect_hidden(world);
}

/* ---- certificates: the program fails as it does without the relay ---- */

static char *failure_of(const char *certificate, bool with)
{
    struct world *world = world_start(&(struct world_options){.inner_certificate = certificate});
    struct run_result result =
        launch(world, with ? "--strict -q --relay" : "--mode=opportunistic -q",
               with ? CURL PAGE : CURL "--cacert \"$CA\" " PAGE);
    char *text;
    cr_assert_gt(asprintf(&text, "%d %s", result.exit_code, result.err), 0);
    cr_assert_neq(result.exit_code, 0, "%s", certificate);
    if (with) {
        world_expect_hidden(world);
    }
    world_end();
    return text;
}

Test(relay, wrong_certificates_stay_wrong, .timeout = 240)
{
    static const char *const certificates[] = {"expired", "early",   "other", "stranger",
                                               "self",    "purpose", "weak",  "spoiled"};
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        char *direct = failure_of(certificates[i], false);
        char *relayed = failure_of(certificates[i], true);
        cr_assert_str_eq(relayed, direct, "%s", certificates[i]);
        free(direct);
        free(relayed);
    }
}

/* A program that does not look at certificates is not led to a server that we do not know. */
Test(relay, a_program_that_accepts_any_certificate)
{
    struct world *world = world_start(&(struct world_options){.inner_certificate = "stranger"});
    struct run_result result = launch(world, "--strict -q --relay --report=lines", CURL "-k " PAGE);
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_not_null(strstr(report, "\"reason\":\"relay_certificate\""), "%s%s", report,
                       result.err);
}

/* ---- who is served, and what ---- */

/* Any process reaches the relay's port, and none is served that the supervisor did not lead. */
Test(relay, others_are_not_served)
{
    struct world *world = world_start(NULL);
    write_script(world, "find.py", find_relay);
    struct run_result result = launch(world, "--strict -q --relay",
                                      "sh -c 'set -- $(python3 \"$WORLD/find.py\"); echo relay $2; "
                                      "curl -sS -k --max-time 20 --resolve " INNER_NAME
                                      ":$2:127.0.0.1 https://" INNER_NAME ":$2/'");
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    cr_assert_eq(strncmp(result.out, "relay ", 6), 0);
    cr_assert_gt(strtoul(result.out + 6, NULL, 10), 0, "%s%s", result.out, result.err);
    cr_assert_null(strstr(result.out, "hello from"), "%s", result.out);
}

static const char *const no_tls[] = {
    "GET / HTTP/1.0\\r\\n\\r\\n",
    "\\026\\003\\001\\000\\000",
    "\\026\\003\\001\\000\\005\\002\\000\\000\\001\\000",
};

/* In strict mode what is no TLS is refused at once. */
Test(relay, no_tls_in_strict_mode)
{
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof no_tls / sizeof *no_tls; i++) {
        snprintf(command, sizeof command,
                 UNREACHED "timeout 15 python3 -c 'import socket\n"
                           "s = socket.create_connection((\"127.0.0.1\", 443))\n"
                           "s.sendall(b\"%s\".decode(\"unicode_escape\").encode(\"latin1\"))\n"
                           "try: print(len(s.recv(100)))\n"
                           "except OSError as error: print(error.errno)'",
                 no_tls[i]);
        struct run_result result = launch(world, "--strict -q --relay --report=lines", command);
        expect_exit(&result, 0, NULL);
        cr_assert(strcmp(result.out, "104\n") == 0 || strcmp(result.out, "7\n") == 0, "%s%s",
                  result.out, result.err);
    }
    const char *report = world_read(world, "lines", NULL);
    cr_assert_eq(held_count(report, "\"reason\":\"relay_no_tls\""), 3, "%s", report);
}

/* Otherwise it passes, also if the server speaks first. */
Test(relay, no_tls_in_opportunistic_mode)
{
    static const char server[] =
        "import socket, threading\n"
        "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        "s.bind((\"127.0.0.1\", 9443)); s.listen()\n"
        "print(\"ready\", flush=True)\n"
        "while True:\n"
        "    c, _ = s.accept(); c.sendall(b\"hello\\n\"); d = c.recv(100)\n"
        "    c.sendall(d.upper()); c.close()\n";
    static const char client[] =
        "import socket, time\n"
        "for first in (b\"\", b\"abc\"):\n"
        "    s = socket.create_connection((\"127.0.0.1\", 9443))\n"
        "    if first: s.sendall(first)\n"
        "    text = s.recv(6)\n"
        "    if not first: s.sendall(b\"xyz\"); s.shutdown(socket.SHUT_WR)\n"
        "    while True:\n"
        "        more = s.recv(100)\n"
        "        if not more: break\n"
        "        text += more\n"
        "    print(text)\n";
    struct world *world = world_start(NULL);
    char *arguments[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)server, NULL};
    (void)world_spawn(world, "first", "ready", arguments);
    snprintf(command, sizeof command, UNREACHED "timeout 20 python3 -c '%s'", client);
    struct run_result result =
        launch(world, "--mode=opportunistic -q --relay --ports=443,9443", command);
    cr_assert_str_eq(result.out, "b'hello\\nXYZ'\nb'hello\\nABC'\n", "%s%s", result.out,
                     result.err);
}

/* Both may die at any time. */
Test(relay, a_dead_relay)
{
    struct world *world = world_start(NULL);
    write_script(world, "find.py", find_relay);
    struct run_result result =
        launch(world, "--strict -q --relay",
               "sh -c 'set -- $(python3 \"$WORLD/find.py\"); kill -9 $1 && sleep 0.2; " CURL PAGE
               "; echo $?'");
    cr_assert(strcmp(result.out, "7\n") == 0 || strcmp(result.out, "35\n") == 0, "%s%s", result.out,
              result.err);
    world_expect_hidden(world);
}

Test(relay, a_dead_supervisor)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q --relay",
               "sh -c 'p=${ECHSHIM_SUPERVISOR#*:}; kill -9 ${p%%:*} && sleep 0.2; " CURL PAGE
               "; echo $?'");
    cr_assert_neq(strcmp(result.out, "0\n"), 0, "%s%s", result.out, result.err);
    cr_assert_null(strstr(result.out, "hello from"), "%s", result.out);
    world_expect_hidden(world);
}

/* The shim is in the program, but does not reach the OpenSSL in it. */
Test(relay, a_program_with_tls_inside)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict -q --relay --detours=off",
                                      "sh -c '\"$CLIENTS/openssl_inside\" " INNER_NAME
                                      " 443 \"$ECHSHIM_RELAY_FOLDER/SSL_CERT_FILE.pem\" direct'");
    expect_exit(&result, 0, "all is well");
    expect_accepted(world);
}

/* ---- what passes ---- */

Test(relay, the_application_protocol_passes)
{
    static const struct {
        const char *offered;
        const char *chosen;
    } protocols[] = {
        {"http/1.1", "ALPN protocol: http/1.1"},
        {"x-unknown,http/1.1", "ALPN protocol: http/1.1"},
        {"x-unknown", "No ALPN negotiated"},
    };
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        struct world *world = world_start(NULL);
        snprintf(command, sizeof command,
                 UNREACHED "openssl s_client -verify_return_error -alpn %s -servername " INNER_NAME
                           " -connect " INNER_NAME ":443 </dev/null",
                 protocols[i].offered);
        struct run_result result = launch(world, "--strict -q --relay", command);
        cr_assert_not_null(strstr(result.out, protocols[i].chosen), "%s%s", result.out, result.err);
        world_expect_hidden(world);
        world_end();
    }
}

/* A client certificate would have to be the program's own. */
Test(relay, a_certificate_of_the_program_is_refused)
{
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--ask-certificate"}});
    struct run_result result =
        launch(world, "--strict -q --relay --report=lines",
               CURL "--cert \"$PKI/inner.pem\" --key \"$PKI/inner.key\" " PAGE);
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_not_null(strstr(report, "\"reason\":\"relay_client_certificate\""), "%s%s", report,
                       result.err);
    result = launch(world, "--strict -q --relay", CURL PAGE);
    expect_exit(&result, 0, NULL);
}

/* ---- many at once, and much at once ---- */

static const char many[] =
    "import asyncio, ssl, sys\n"
    "count, size = int(sys.argv[1]), int(sys.argv[2])\n"
    "context = ssl.create_default_context()\n"
    "async def one(gate):\n"
    "    reader, writer = await asyncio.open_connection(\"" INNER_NAME "\", 443, ssl=context,\n"
    "        ssl_handshake_timeout=100)\n"
    "    gate.append(1)\n"
    "    while len(gate) < count: await asyncio.sleep(0.05)\n"
    "    writer.write(b\"GET /bulk/%d HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n\" % "
    "size)\n"
    "    got = len(await reader.read())\n"
    "    writer.close()\n"
    "    return got > size\n"
    "async def main():\n"
    "    gate = []\n"
    "    done = await asyncio.gather(*(one(gate) for _ in range(count)))\n"
    "    print(sum(done), \"whole\")\n"
    "asyncio.run(main())\n";

Test(relay, many_connections_at_once)
{
    const char *wanted = getenv("ECHSHIM_RELAY_CONNECTIONS"); /* make relay-figures */
    unsigned count = wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : 60;
    struct world *world = world_start(&(struct world_options){.direct = true});
    snprintf(command, sizeof command,
             "sh -c 'ulimit -n 16384 2>/dev/null; exec " UNREACHED
             "/usr/bin/python3 \"$WORLD/many.py\" %u 20000'",
             count);
    write_script(world, "many.py", many);
    world->run_seconds = 110;
    struct run_result result = launch(world, "--strict -q --relay --report=lines", command);
    snprintf(command, sizeof command, "%u whole\n", count);
    cr_assert_str_eq(result.out, command, "%s%s", result.out, result.err);
    const char *report = world_read(world, "lines", NULL);
    cr_assert_eq(held_count(report, "\"outcome\":\"accepted\""), count);
}

/* Both directions at once, larger than all buffers, and half-closed. */
Test(relay, much_at_once)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q --relay",
               CURL "-o /dev/null -w '%{size_download} %{http_version}\\n' " PAGE "bulk/30000000");
    cr_assert_str_eq(result.out, "30000000 1.1\n", "%s%s", result.out, result.err);
}

/* ---- figures: make relay-figures ---- */

/* Seconds for 512 MiB; milliseconds of a handshake; the relay's own time for each. */
static const char figures[] =
    "import os, socket, ssl, statistics, subprocess, sys, time\n"
    "name = \"" INNER_NAME "\"\n"
    "def relay_time():\n"
    "    found = subprocess.run([sys.executable, os.environ[\"WORLD\"] + \"/find.py\"],\n"
    "        capture_output=True, text=True).stdout.split()\n"
    "    if not found: return 0\n"
    "    field = open(\"/proc/%s/stat\" % found[0]).read().rsplit(\")\", 1)[1].split()\n"
    "    return (int(field[11]) + int(field[12])) * 1000 / os.sysconf(\"SC_CLK_TCK\")\n"
    "context = ssl.create_default_context()\n"
    "def handshake():\n"
    "    begin = time.monotonic()\n"
    "    with socket.create_connection((name, 443)) as s:\n"
    "        with context.wrap_socket(s, server_hostname=name): pass\n"
    "    return (time.monotonic() - begin) * 1000\n"
    "handshake()\n"
    "before = relay_time()\n"
    "times = [handshake() for _ in range(300)]\n"
    "each = (relay_time() - before) / 300\n"
    "def bulk():\n"
    "    begin = time.monotonic()\n"
    "    subprocess.run([\"curl\", \"-sS\", \"-o\", \"/dev/null\", \"https://\" + name +\n"
    "        \"/bulk/536870912\"], check=True)\n"
    "    return time.monotonic() - begin\n"
    "print(\"| %.2f | %.0f | %.2f | %.2f |\" % ((m := statistics.median([bulk() for _ in "
    "range(5)])),\n"
    "    512 / m, statistics.median(times), each))\n";

Test(relay, figures, .timeout = 300)
{
    if (getenv("ECHSHIM_RELAY_CONNECTIONS") == NULL) {
        return; /* make relay-figures */
    }
    static const char *const ways[][2] = {{"direct", "--mode=opportunistic -q"},
                                          {"relay", "--strict -q --relay"}};
    fprintf(stderr, "| way | 512 MiB, s | MiB/s | handshake, ms | the relay's CPU for each, ms |\n"
                    "|---|---|---|---|---|\n");
    for (size_t i = 0; i < 2; i++) {
        struct world *world = world_start(&(struct world_options){.direct = true});
        write_script(world, "find.py", find_relay);
        write_script(world, "figures.py", figures);
        world->run_seconds = 140;
        struct run_result result =
            launch(world, ways[i][1], UNREACHED "python3 \"$WORLD/figures.py\"");
        expect_exit(&result, 0, "|");
        fprintf(stderr, "| %s %s", ways[i][0], result.out);
        world_end();
    }
}
