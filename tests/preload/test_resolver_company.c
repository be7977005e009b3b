/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An encrypted resolver for a program under torsocks or proxychains4: the channel to the resolver
 * goes through the same proxy as the program's connections, without any setting of ours, and never
 * past it.
 */
#include "checks.h"
#include "require.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(resolver_company, .fini = world_end, .timeout = 120);

#define PROXY "127.0.0.6:1080"
/* Both preloads connect to addresses of loopback by themselves. */
#define FAR_ADDRESS "192.0.2.53"
#define FAR_TLS "tls://" FAR_ADDRESS "#dns.example"
#define FAR_HTTPS "https://dns.example:444/dns-query#" FAR_ADDRESS
/* Of the resolver there, and here. The proxy leads port 443 to the server. */
static const char *const ports[][2] = {{"853", "853"}, {"444", "443"}};

/* Gives this network another address. */
static void add_address(const char *address)
{
    struct ifreq request = {.ifr_name = "lo:1"};
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(address)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memcpy(&request.ifr_addr, &value, sizeof value);
    require(ioctl(fd, SIOCSIFADDR, &request) == 0, "%s: %s", address, strerror(errno));
    close(fd);
}

static void write_file(const struct world *world, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "we");
    require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", strerror(errno));
}

/* Gives the process of the proxy. */
static pid_t start_peers(struct world *world)
{
    char proxy_program[400];
    char relay_program[400];
    char log[200];
    snprintf(proxy_program, sizeof proxy_program, "%s/../peers/connect_proxy", world->pki);
    snprintf(relay_program, sizeof relay_program, "%s/../peers/relay", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    char *const proxy[] = {proxy_program, PROXY, RELAY_ADDRESS, log, NULL};
    pid_t pid = world_spawn(world, "proxy", "listening ", proxy);
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        char from[40];
        char to[40];
        char name[40];
        char record[200];
        snprintf(name, sizeof name, "resolver-%s", ports[i][0]);
        snprintf(record, sizeof record, "%s/%s", world->folder, name);
        require(mkdir(record, 0700) == 0, "%s: %s", record, strerror(errno));
        snprintf(from, sizeof from, FAR_ADDRESS ":%s", ports[i][0]);
        snprintf(to, sizeof to, DNS_ADDRESS ":%s", ports[i][1]);
        char *const resolver[] = {relay_program, "--listen", from, "--to", to,
                                  "--record",    record,     NULL};
        world_spawn(world, name, "listening ", resolver);
    }
    write_file(world, "tor.conf", "TorAddress 127.0.0.6\nTorPort 1080\nAllowOutboundLocalhost 1\n");
    write_file(world, "chain.conf",
               "strict_chain\nproxy_dns\nquiet_mode\n[ProxyList]\n"
               "socks5 127.0.0.6 1080\n");
    return pid;
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) {
        found++;
    }
    return found;
}

/* Connections that the resolver took, from whomever. */
static unsigned taken(const struct world *world)
{
    char pattern[200];
    glob_t found = {0};
    snprintf(pattern, sizeof pattern, "%s/resolver-*/*.c2s", world->folder);
    glob(pattern, 0, NULL, &found);
    unsigned connections = (unsigned)found.gl_pathc;
    globfree(&found);
    return connections;
}

static struct world *start(pid_t *proxy)
{
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no place for a sanitizer's runtime");
    }
    struct world *world = world_start(NULL);
    add_address(FAR_ADDRESS);
    *proxy = start_peers(world);
    return world;
}

static struct run_result run(struct world *world, const char *resolver, const char *command)
{
    char setting[200];
    char whole[2000];
    snprintf(setting, sizeof setting, "ECHSHIM_RESOLVER=%s", resolver);
    snprintf(whole, sizeof whole,
             "export TORSOCKS_CONF_FILE=$WORLD/tor.conf TORSOCKS_LOG_LEVEL=1 "
             "PROXYCHAINS_CONF_FILE=$WORLD/chain.conf; %s",
             command);
    return world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", setting, NULL}, whole);
}

/* The proxy was asked for the resolver, and nobody else has reached it. */
static void check_run(struct world *world, const char *resolver, const char *command)
{
    struct run_result result = run(world, resolver, command);
    const char *log = world_read(world, "proxy.log", NULL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    unsigned asked = count(log, FAR_ADDRESS ":");
    cr_assert_geq(asked, 1u, "the proxy was not asked for the resolver: %s", log);
    cr_assert_eq(taken(world), asked, "past the proxy: %u connections, %s", taken(world), log);
}

/* The other library in front of ours, as its launcher puts it, or behind it. */
static void check(const char *pattern, bool first, const char *resolver, const char *command)
{
    char whole[1500];
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) != 0) {
        cr_skip_test("not installed here");
    }
    const char *library = found.gl_pathv[0];
    pid_t proxy;
    struct world *world = start(&proxy);
    snprintf(whole, sizeof whole, "export LD_PRELOAD=\"%s%s$LD_PRELOAD%s%s\"; %s",
             first ? library : "", first ? ":" : "", first ? "" : ":", first ? "" : library,
             command);
    check_run(world, resolver, whole);
    globfree(&found);
}

#define COMPANY(name, pattern)                                                                     \
    Test(resolver_company, name##_before_ours_curl)                                                \
    {                                                                                              \
        check(pattern, true, FAR_TLS, CURL);                                                       \
    }                                                                                              \
    Test(resolver_company, name##_behind_ours_curl)                                                \
    {                                                                                              \
        check(pattern, false, FAR_HTTPS, CURL);                                                    \
    }                                                                                              \
    Test(resolver_company, name##_before_ours_wget)                                                \
    {                                                                                              \
        check(pattern, true, FAR_HTTPS, WGET);                                                     \
    }                                                                                              \
    Test(resolver_company, name##_behind_ours_wget)                                                \
    {                                                                                              \
        check(pattern, false, FAR_TLS, WGET);                                                      \
    }                                                                                              \
    struct world

COMPANY(torsocks, "/usr/lib/*/torsocks/libtorsocks.so.0");
COMPANY(proxychains4, "/usr/lib/*/libproxychains.so.4");

/* The programs themselves set LD_PRELOAD. The proxy has died: nothing goes past it. */
static void check_program(const char *program, const char *command)
{
    if (access(program, X_OK) != 0) {
        cr_skip_test("not installed here");
    }
    pid_t proxy;
    struct world *world = start(&proxy);
    check_run(world, FAR_TLS, command);
    unsigned before = taken(world);
    kill(proxy, SIGKILL);
    struct run_result result = run(world, FAR_TLS, command);
    cr_assert_neq(result.exit_code, 0, "without its proxy: %s", result.out);
    cr_assert_eq(taken(world), before, "past the proxy, which is away");
    world_expect_hidden(world);
}

Test(resolver_company, torsocks_itself)
{
    check_program("/usr/bin/torsocks", "torsocks " CURL);
}

Test(resolver_company, proxychains4_itself)
{
    check_program("/usr/bin/proxychains4", "proxychains4 -q -f $WORLD/chain.conf " CURL);
}
