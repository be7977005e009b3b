/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Through proxies on ports that are not watched (tunnel.h), by every program's own way. */
#include "checks.h"
#include "pools.h"
#include "tunnel.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(tunnels, .fini = world_end, .timeout = 180);

/* ---- programs with proxy settings ---- */

Test(tunnels, curl_connect)
{
    tunnel_check("curl -sS -x http://" TUNNEL_PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_connect_1_0)
{
    tunnel_check("curl -sS -p --proxy1.0 " TUNNEL_PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks5h)
{
    tunnel_check("curl -sS -x socks5h://" TUNNEL_PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks5)
{
    tunnel_check("curl -sS -x socks5://" TUNNEL_PROXY " --cacert \"$CA\" " URL, true);
}

Test(tunnels, curl_socks4a)
{
    tunnel_check("curl -sS -x socks4a://" TUNNEL_PROXY " --cacert \"$CA\" " URL, false);
}

Test(tunnels, curl_socks4)
{
    tunnel_check("curl -sS --socks4 " TUNNEL_PROXY " --cacert \"$CA\" " URL, true);
}

Test(tunnels, wget_environment)
{
    tunnel_check("https_proxy=http://" TUNNEL_PROXY " " WGET, false);
}

/* git uses libcurl over GnuTLS. */
Test(tunnels, git_environment)
{
    tunnel_check("rm -rf copy; if [ ! -e www/repo.git ]; then git init -q --bare www/repo.git && "
                 "git -C www/repo.git update-server-info; fi; "
                 "HTTPS_PROXY=http://" TUNNEL_PROXY " git clone -q " URL
                 "repo.git copy && echo " HELLO,
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
    tunnel_check("HTTPS_PROXY=http://" TUNNEL_PROXY " " URLLIB, false);
}

Test(tunnels, requests_environment)
{
    need_module("requests");
    tunnel_check("REQUESTS_CA_BUNDLE=\"$CA\" HTTPS_PROXY=http://" TUNNEL_PROXY " " REQUESTS, false);
}

Test(tunnels, requests_socks)
{
    need_module("requests, socks");
    tunnel_check("REQUESTS_CA_BUNDLE=\"$CA\" HTTPS_PROXY=socks5h://" TUNNEL_PROXY " " REQUESTS,
                 false);
}

/* TLS over memory; the program carries the octets to a socket. The shim does not learn the
 * descriptor from the library. */
Test(tunnels, memory_over_socks)
{
    tunnel_check("/usr/bin/python3 -c 'import socket, ssl\n"
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
    "(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1) | ncat --proxy " TUNNEL_PROXY                  \
    " --proxy-type " kind " --ssl-verify --ssl-trustfile \"$CA\" " INNER_NAME " 443 | grep hello"

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
    struct world *world = tunnel_start(NULL);
    struct run_result measure = world_shell(world, RUN_PLAIN, NULL, command);
    if (measure.exit_code != 0) {
        cr_skip_test("ncat fails with a proxy, with or without the shim");
    }
    tunnel_check_in(world, command, false);
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
    struct world *world = tunnel_start(NULL);
    tunnel_proxy_start(world, "strict-proxy", "127.0.0.9:3128", "user:pass");
    snprintf(command, sizeof command, "curl -sS --cacert \"$CA\" %s " URL, option);
    tunnel_check_in(world, command, false);
}

Test(tunnels, connect_after_a_407)
{
    check_password("--proxy-anyauth -x http://user:pass@127.0.0.9:3128");
}

Test(tunnels, socks5_with_a_password)
{
    check_password("-x socks5h://user:pass@127.0.0.9:3128");
}

/* The shim asks no records for the proxy's name: the program resolves it without a port. */
Test(tunnels, the_name_of_a_proxy)
{
    struct world *world = tunnel_start(&(struct world_options){
        .dns_lines = "  local-data: 'proxy.example.org. 60 IN A 127.0.0.6'\n"});
    struct tunnel_run tried = tunnel_try(world, "opportunistic", FROM_PLAIN_DNS,
                                         "https_proxy=http://proxy.example.org:3128 " WGET);
    expect_exit(&tried.result, 0, HELLO);
    cr_assert_eq(zone_questions(world, "proxy.example.org"), 0u);
}

/* ---- proxies that speak TLS themselves ---- */

#define TLS_PROXY "127.0.0.53:3443"

static struct world *start_tls_proxy(void)
{
    char paths[3][600];
    struct world *world = tunnel_start(NULL);
    snprintf(paths[0], sizeof paths[0], "%s/../peers/ech_server", world->pki);
    snprintf(paths[1], sizeof paths[1], "dns.example=%s/resolver.pem=%s/resolver.key", world->pki,
             world->pki);
    snprintf(paths[2], sizeof paths[2], "%s/tls-proxy.log", world->folder);
    char *const argv[] = {paths[0], "--listen",  TLS_PROXY,    "--cert",   paths[1], "--log",
                          paths[2], "--forward", TUNNEL_PROXY, "--no-ech", NULL};
    world_spawn(world, "tls-proxy", "listening ", argv);
    return world;
}

Test(tunnels, tls_in_tls_curl)
{
    tunnel_check_in(
        start_tls_proxy(),
        "curl -sS -x https://" TLS_PROXY " --proxy-cacert \"$CA\" --cacert \"$CA\" " URL, false);
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
    tunnel_check_in(world, REQUESTS_BY_TLS, false);
}

/* libcurl over GnuTLS. */
Test(tunnels, tls_in_tls_git)
{
    tunnel_check_in(
        start_tls_proxy(),
        "rm -rf copy; if [ ! -e www/repo.git ]; then git init -q --bare www/repo.git && "
        "git -C www/repo.git update-server-info; fi; git -c http.proxy=https://" TLS_PROXY
        " -c http.proxySSLCAInfo=\"$CA\" clone -q " URL "repo.git copy && echo " HELLO,
        false);
}
