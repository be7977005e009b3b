/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Through proxies on ports that are not watched, by every program's own way and by preloads that
 * redirect connections: what the program asks the proxy for counts. The proxy at 127.0.0.6:3128
 * leads port 443 to the world's server, past the relay that records; the zone is served over plain
 * DNS or TLS.
 */
#include "../facts.h"
#include "checks.h"
#include "pools.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(tunnels, .fini = world_end, .timeout = 180);

#define PROXY "127.0.0.6:3128"
#define RECORDS                                                                                    \
    (const char *const[])                                                                          \
    {                                                                                              \
        INNER_NAME " 60 IN HTTPS 1 . ech=\"{0}\"", INNER_NAME " 60 IN A 127.0.0.1", NULL           \
    }

static void start_proxy(struct world *world, const char *name, const char *address,
                        const char *password)
{
    char program[400];
    char log[200];
    snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/%s.log", world->folder, name);
    char *const argv[] = {program, (char *)(size_t)address,  RELAY_ADDRESS,
                          log,     (char *)(size_t)password, NULL};
    world_spawn(world, name, "listening ", argv);
}

static struct world *start(const struct world_options *options)
{
    struct world *world = world_start(options);
    start_proxy(world, "proxy", PROXY, NULL);
    zone_start(world, RECORDS, NULL);
    return world;
}

/* ---- what a run should give ---- */

enum configs { FROM_PLAIN_DNS, FROM_ENCRYPTED_DNS, BY_HAND };

struct tried {
    struct run_result result;
    unsigned on_wire; /* connections of this run that show the name */
    char *report;
};

static struct tried try(struct world *world, const char *mode, enum configs configs,
                        const char *command)
{
    static unsigned number;
    char variables[3][1200];
    char file[32];
    struct tried tried;
    snprintf(file, sizeof file, "report.%u", ++number);
    snprintf(variables[0], sizeof variables[0], "ECHSHIM_MODE=%s", mode);
    snprintf(variables[1], sizeof variables[1], "ECHSHIM_REPORT=%s/%s", world->folder, file);
    snprintf(variables[2], sizeof variables[2],
             configs == BY_HAND ? "ECHSHIM_CONFIG_LIST=%s" : "ECHSHIM_RESOLVER=%s",
             configs == BY_HAND              ? world->configs
             : configs == FROM_ENCRYPTED_DNS ? ZONE_TLS
                                             : ZONE_UDP);
    (void)connections_ended(world);
    unsigned before = world_wire_count(world, INNER_NAME);
    tried.result = world_shell(world, RUN_SHIM,
                               (char *[]){variables[0], variables[1], variables[2], NULL}, command);
    (void)connections_ended(world);
    tried.on_wire = world_wire_count(world, INNER_NAME) - before;
    tried.report = world_read(world, file, NULL);
    return tried;
}

static unsigned lines_with(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static void expect_line(const struct tried *tried, const char *outcome, const char *reason)
{
    char text[200];
    snprintf(text, sizeof text, "\"host\":\"" INNER_NAME "\",\"port\":443,");
    cr_assert_geq(lines_with(tried->report, text), 1u, "%s", tried->report);
    snprintf(text, sizeof text,
             reason != NULL ? "\"outcome\":\"%s\",\"reason\":\"%s\"" : "\"outcome\":\"%s\"",
             outcome, reason);
    cr_assert_geq(lines_with(tried->report, text), 1u, "%s%s%s", tried->report, tried->result.out,
                  tried->result.err);
}

static void expect_accepted(struct world *world, const char *mode, enum configs configs,
                            const char *command)
{
    struct tried tried = try(world, mode, configs, command);
    expect_exit(&tried.result, 0, HELLO);
    expect_line(&tried, "accepted", NULL);
    cr_assert_eq(tried.on_wire, 0u, "%s", command);
}

/* In every mode, with a config from every source. `asks`: the program itself asks plain DNS for the
 * name, so our question may come on top. */
static void check_in(struct world *world, const char *command, bool asks)
{
    struct tried tried = try(world, "opportunistic", FROM_PLAIN_DNS, command);
    expect_exit(&tried.result, 0, HELLO);
    expect_line(&tried, "grease", "tunnel");
    cr_assert_geq(tried.on_wire, 1u);
    tried = try(world, "strict", FROM_PLAIN_DNS, command);
    cr_assert_neq(tried.result.exit_code, 0, "%s%s", tried.result.out, tried.result.err);
    expect_line(&tried, "refused", "tunnel");
    cr_assert_eq(tried.on_wire, 0u);
    if (!asks) {
        cr_assert_eq(zone_questions(world, INNER_NAME), 0u, "%s",
                     world_read(world, "zone.out", NULL));
    }
    cr_assert_eq(zone_questions(world, "_3128._https." INNER_NAME), 0u);
    expect_accepted(world, "strict", BY_HAND, command);
    expect_accepted(world, "opportunistic", BY_HAND, command);
    expect_accepted(world, "strict", FROM_ENCRYPTED_DNS, command);
    expect_accepted(world, "opportunistic", FROM_ENCRYPTED_DNS, command);
}

static void check_all(const char *command, bool asks)
{
    check_in(start(NULL), command, asks);
}

/* ---- programs with proxy settings ---- */

Test(tunnels, curl_connect)
{
    check_all("curl -sS -x http://" PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_connect_1_0)
{
    check_all("curl -sS -p --proxy1.0 " PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks5h)
{
    check_all("curl -sS -x socks5h://" PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks5)
{
    check_all("curl -sS -x socks5://" PROXY " --cacert \"$CA\" " URL, true);
}

Test(tunnels, curl_socks4a)
{
    check_all("curl -sS -x socks4a://" PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks4)
{
    check_all("curl -sS --socks4 " PROXY " --cacert \"$CA\" " URL, true);
}

Test(tunnels, wget_environment)
{
    check_all("https_proxy=http://" PROXY " " WGET, false);
}

/* git uses libcurl over GnuTLS. */
Test(tunnels, git_environment)
{
    check_all("rm -rf copy; if [ ! -e www/repo.git ]; then git init -q --bare www/repo.git && "
              "git -C www/repo.git update-server-info; fi; "
              "HTTPS_PROXY=http://" PROXY " git clone -q " URL "repo.git copy && echo " HELLO,
              false);
}

#define REQUESTS                                                                                   \
    "/usr/bin/python3 -c 'import requests; print(requests.get(\"" URL "\", timeout=20).text)'"

static void need_module(const char *module)
{
    char command[100];
    snprintf(command, sizeof command, "/usr/bin/python3 -c 'import %s' 2>/dev/null", module);
    if (system(command) != 0) {
        cr_skip_test("no such module");
    }
}

Test(tunnels, urllib_environment)
{
    check_all("HTTPS_PROXY=http://" PROXY " " URLLIB, false);
}

Test(tunnels, requests_environment)
{
    need_module("requests");
    check_all("REQUESTS_CA_BUNDLE=\"$CA\" HTTPS_PROXY=http://" PROXY " " REQUESTS, false);
}

Test(tunnels, requests_socks)
{
    need_module("requests, socks");
    check_all("REQUESTS_CA_BUNDLE=\"$CA\" HTTPS_PROXY=socks5h://" PROXY " " REQUESTS, false);
}

/* TLS over memory; the program carries the octets to a socket. The shim does not learn the
 * descriptor from the library. */
Test(tunnels, memory_over_socks)
{
    check_all("/usr/bin/python3 -c 'import socket, ssl\n"
              "s = socket.create_connection((\"127.0.0.6\", 3128))\n"
              "s.sendall(b\"\\5\\1\\0\")\n"
              "s.recv(2)\n"
              "n = b\"" INNER_NAME "\"\n"
              "for c in b\"\\5\\1\\0\\3\" + bytes([len(n)]) + n + b\"\\1\\xbb\":\n"
              "    s.sendall(bytes([c]))\n"
              "s.recv(10)\n"
              "i, o = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
              "t = ssl.create_default_context().wrap_bio(i, o, server_hostname=n.decode())\n"
              "def do(f, *a):\n"
              "    while True:\n"
              "        try:\n"
              "            return f(*a)\n"
              "        except ssl.SSLWantReadError:\n"
              "            s.sendall(o.read())\n"
              "            i.write(s.recv(65536))\n"
              "do(t.do_handshake)\n"
              "do(t.write, b\"GET / HTTP/1.0\\r\\n\\r\\n\")\n"
              "r = b\"\"\n"
              "while b\"hello\" not in r:\n"
              "    r += do(t.read, 999)\n"
              "print(r.decode())'",
              false);
}

#define NCAT(kind)                                                                                 \
    "(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1) | ncat --proxy " PROXY " --proxy-type " kind   \
    " --ssl-verify --ssl-trustfile \"$CA\" " INNER_NAME " 443 | grep hello"

static void need_program(const char *program)
{
    char command[100];
    snprintf(command, sizeof command, "command -v %s >/dev/null", program);
    if (system(command) != 0) {
        cr_skip_test("not installed here");
    }
}

/* ncat 7.80 (Debian 11) makes no TLS behind a proxy. */
static void check_ncat(const char *command)
{
    need_program("ncat");
    struct world *world = start(NULL);
    struct run_result measure = world_shell(world, RUN_PLAIN, NULL, command);
    if (measure.exit_code != 0) {
        cr_skip_test("ncat fails with a proxy, with or without the shim");
    }
    check_in(world, command, false);
}

Test(tunnels, ncat_connect)
{
    check_ncat(NCAT("http"));
}

Test(tunnels, ncat_socks5)
{
    check_ncat(NCAT("socks5"));
}

/* The proxy wants a password: a second CONNECT after a 407, and RFC 1929. */
static void check_password(const char *option)
{
    char command[300];
    struct world *world = start(NULL);
    start_proxy(world, "strict-proxy", "127.0.0.9:3128", "user:pass");
    snprintf(command, sizeof command, "curl -sS --cacert \"$CA\" %s " URL, option);
    check_in(world, command, false);
}

Test(tunnels, connect_after_a_407)
{
    check_password("--proxy-anyauth -x http://user:pass@127.0.0.9:3128");
}

Test(tunnels, socks5_with_a_password)
{
    check_password("-x socks5h://user:pass@127.0.0.9:3128");
}

/* Fetches twice in one process; prints the second page, or "no page". */
#define FETCH_TWICE(setting)                                                                       \
    "HTTPS_PROXY=http://" PROXY " /usr/bin/python3 -c 'import ssl, urllib.request as r\n"          \
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

static struct tried try_rejected(const char *command)
{
    struct world *world = start(&(struct world_options){.stale_config = true});
    struct tried tried = try(world, "opportunistic", BY_HAND, command);
    cr_assert_null(strstr(tried.result.out, "no error"));
    cr_assert_eq(tried.on_wire, 0u);
    return tried;
}

/* The server has a newer key. The shim cannot make the connection again, and sends nothing in the
 * clear; the program's next attempt uses what the server said. The engine can make this key share,
 * so it can finish the outer handshake. */
Test(tunnels, a_rejection)
{
    struct tried tried = try_rejected(FETCH_TWICE("    context.set_ecdh_curve(\"prime256v1\")\n"));
    expect_exit(&tried.result, 0, HELLO);
    expect_line(&tried, "rejected", "connection_used");
    expect_line(&tried, "accepted", NULL);
}

/* Post-quantum ones are among them since OpenSSL 3.5. A probe would reach the proxy instead of the
 * server. */
Test(tunnels, a_rejection_by_the_librarys_own_groups)
{
    struct tried tried = try_rejected(FETCH_TWICE(""));
    expect_exit(&tried.result, 0, HELLO);
    expect_line(&tried, "rejected", "connection_used");
    expect_line(&tried, "accepted", NULL);
}

/* The shim asks no records for the proxy's name: the program resolves it without a port. */
Test(tunnels, the_name_of_a_proxy)
{
    struct world *world = start(&(struct world_options){
        .dns_lines = "  local-data: 'proxy.example.org. 60 IN A 127.0.0.6'\n"});
    struct tried tried = try(world, "opportunistic", FROM_PLAIN_DNS,
                             "https_proxy=http://proxy.example.org:3128 " WGET);
    expect_exit(&tried.result, 0, HELLO);
    cr_assert_eq(zone_questions(world, "proxy.example.org"), 0u);
}

/* ---- proxies that speak TLS themselves ---- */

#define TLS_PROXY "127.0.0.53:3443"

static struct world *start_tls_proxy(void)
{
    char paths[3][600];
    struct world *world = start(NULL);
    snprintf(paths[0], sizeof paths[0], "%s/../peers/ech_server", world->pki);
    snprintf(paths[1], sizeof paths[1], "dns.example=%s/resolver.pem=%s/resolver.key", world->pki,
             world->pki);
    snprintf(paths[2], sizeof paths[2], "%s/tls-proxy.log", world->folder);
    char *const argv[] = {paths[0], "--listen",  TLS_PROXY, "--cert",   paths[1], "--log",
                          paths[2], "--forward", PROXY,     "--no-ech", NULL};
    world_spawn(world, "tls-proxy", "listening ", argv);
    return world;
}

Test(tunnels, tls_in_tls_curl)
{
    check_in(start_tls_proxy(),
             "curl -sS -x https://" TLS_PROXY " --proxy-cacert \"$CA\" --cacert \"$CA\" " URL,
             false);
}

#define REQUESTS_BY_TLS "REQUESTS_CA_BUNDLE=\"$CA\" HTTPS_PROXY=https://" TLS_PROXY " " REQUESTS

/* urllib3 1.26.5 (Debian 11) cannot use a TLS proxy that has an address and no name. */
Test(tunnels, tls_in_tls_requests)
{
    need_module("requests");
    struct world *world = start_tls_proxy();
    struct run_result measure = world_shell(world, RUN_PLAIN, NULL, REQUESTS_BY_TLS);
    if (strstr(measure.err, "check_hostname requires server_hostname") != NULL) {
        cr_skip_test("requests fails with this proxy, with or without the shim");
    }
    expect_exit(&measure, 0, HELLO);
    check_in(world, REQUESTS_BY_TLS, false);
}

/* libcurl over GnuTLS. */
Test(tunnels, tls_in_tls_git)
{
    check_in(start_tls_proxy(),
             "rm -rf copy; if [ ! -e www/repo.git ]; then git init -q --bare www/repo.git && "
             "git -C www/repo.git update-server-info; fi; git -c http.proxy=https://" TLS_PROXY
             " -c http.proxySSLCAInfo=\"$CA\" clone -q " URL "repo.git copy && echo " HELLO,
             false);
}

/* ---- preloads that redirect ---- */

/* The path of a library; skips the test where it is not installed. */
static const char *library_at(const char *pattern)
{
    glob_t found = {0};
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL || glob(pattern, 0, NULL, &found) != 0) {
        cr_skip_test("not installed here, or no place for a sanitizer's runtime");
    }
    return found.gl_pathv[0];
}

static void write_configuration(const struct world *world, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *out = fopen(path, "we");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
}

#define CHAIN "strict_chain\nproxy_dns\nquiet_mode\nlocalnet 127.0.0.0/255.0.0.0\n[ProxyList]\n"
#define PROXYCHAINS "/usr/lib/*/libproxychains.so.4"
#define TORSOCKS "/usr/lib/*/torsocks/libtorsocks.so.0"

/* The other library in front of ours, and behind it. */
static void check_preload(const char *library, bool first, const char *chain, const char *command)
{
    char whole[2000];
    const char *path = library_at(library);
    struct world *world = start(NULL);
    start_proxy(world, "second", "127.0.0.7:3128", NULL);
    write_configuration(world, "chain.conf", chain);
    write_configuration(world, "tor.conf",
                        "TorAddress 127.0.0.6\nTorPort 3128\nAllowOutboundLocalhost 1\n");
    snprintf(whole, sizeof whole,
             "export PROXYCHAINS_CONF_FILE=$WORLD/chain.conf TORSOCKS_CONF_FILE=$WORLD/tor.conf "
             "TORSOCKS_LOG_LEVEL=1; export LD_PRELOAD=\"%s%s$LD_PRELOAD%s%s\"; %s",
             first ? path : "", first ? ":" : "", first ? "" : ":", first ? "" : path, command);
    check_in(world, whole, false);
}

#define ONE_PROXY CHAIN "socks5 127.0.0.6 3128\n"
#define TWO_PROXIES CHAIN "http 127.0.0.6 3128\nsocks5 127.0.0.7 3128\n"

Test(tunnels, proxychains_before_ours_curl)
{
    check_preload(PROXYCHAINS, true, ONE_PROXY, CURL);
}

Test(tunnels, proxychains_behind_ours_curl)
{
    check_preload(PROXYCHAINS, false, ONE_PROXY, CURL);
}

Test(tunnels, proxychains_before_ours_wget)
{
    check_preload(PROXYCHAINS, true, ONE_PROXY, WGET);
}

Test(tunnels, proxychains_behind_ours_wget)
{
    check_preload(PROXYCHAINS, false, ONE_PROXY, WGET);
}

Test(tunnels, two_proxies_before_ours_curl)
{
    check_preload(PROXYCHAINS, true, TWO_PROXIES, CURL);
}

Test(tunnels, two_proxies_behind_ours_wget)
{
    check_preload(PROXYCHAINS, false, TWO_PROXIES, WGET);
}

Test(tunnels, torsocks_before_ours_curl)
{
    check_preload(TORSOCKS, true, "", CURL);
}

Test(tunnels, torsocks_behind_ours_curl)
{
    check_preload(TORSOCKS, false, "", CURL);
}

Test(tunnels, torsocks_behind_ours_wget)
{
    check_preload(TORSOCKS, false, "", WGET);
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
    unsigned alerts = lines_with(said, "alert number 121");
    free(said);
    return alerts;
}

static void expect_ech_required(const char *command, const char *reason)
{
    struct world *world = world_start(&(struct world_options){.start_server = start_s_server});
    start_proxy(world, "proxy", PROXY, NULL);
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
    expect_ech_required("curl -sS --curves X25519 --proxy http://" PROXY " --cacert \"$CA\" " URL,
                        "connection_used");
}

Test(tunnels, ech_79_required_through_a_proxy_gnutls)
{
    expect_ech_required("https_proxy=http://" PROXY " wget -nv -O - --tries=1 "
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
