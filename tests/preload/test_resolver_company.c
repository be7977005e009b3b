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
#define FAR_RESOLVER FAR_ADDRESS ":853"

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

static void start_peers(struct world *world)
{
    char program[2][400];
    char log[200];
    char record[200];
    snprintf(program[0], sizeof program[0], "%s/../peers/connect_proxy", world->pki);
    snprintf(program[1], sizeof program[1], "%s/../peers/relay", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    snprintf(record, sizeof record, "%s/resolver-wire", world->folder);
    require(mkdir(record, 0700) == 0, "%s: %s", record, strerror(errno));
    char *const proxy[] = {program[0], PROXY, RELAY_ADDRESS, log, NULL};
    char *const resolver[] = {program[1],         "--listen", FAR_RESOLVER, "--to",
                              DNS_ADDRESS ":853", "--record", record,       NULL};
    world_spawn(world, "proxy", "listening ", proxy);
    world_spawn(world, "resolver", "listening ", resolver);
    write_file(world, "tor.conf", "TorAddress 127.0.0.6\nTorPort 1080\nAllowOutboundLocalhost 1\n");
    write_file(world, "chain.conf",
               "strict_chain\nproxy_dns\nquiet_mode\n[ProxyList]\n"
               "socks5 127.0.0.6 1080\n");
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
    snprintf(pattern, sizeof pattern, "%s/resolver-wire/*.c2s", world->folder);
    glob(pattern, 0, NULL, &found);
    unsigned connections = (unsigned)found.gl_pathc;
    globfree(&found);
    return connections;
}

/* The other library in front of ours, as its launcher puts it, or behind it. */
static void check(const char *pattern, bool first, const char *command)
{
    char whole[2000];
    glob_t found = {0};
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL || glob(pattern, 0, NULL, &found) != 0) {
        cr_skip_test("not installed here, or no place for a sanitizer's runtime");
    }
    const char *library = found.gl_pathv[0];
    struct world *world = world_start(NULL);
    add_address(FAR_ADDRESS);
    start_peers(world);
    snprintf(whole, sizeof whole,
             "export TORSOCKS_CONF_FILE=$WORLD/tor.conf TORSOCKS_LOG_LEVEL=1 "
             "PROXYCHAINS_CONF_FILE=$WORLD/chain.conf LD_PRELOAD=\"%s%s$LD_PRELOAD%s%s\"; %s",
             first ? library : "", first ? ":" : "", first ? "" : ":", first ? "" : library,
             command);
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    (char *[]){"ECHSHIM_MODE=strict",
                               "ECHSHIM_RESOLVER=tls://" FAR_ADDRESS "#dns.example", NULL},
                    whole);
    const char *log = world_read(world, "proxy.log", NULL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    cr_assert_geq(count(log, FAR_RESOLVER), 1u, "the proxy was not asked for the resolver: %s",
                  log);
    cr_assert_eq(taken(world), count(log, FAR_RESOLVER), "past the proxy: %u connections, %s",
                 taken(world), log);
    globfree(&found);
}

#define COMPANY(name, pattern)                                                                     \
    Test(resolver_company, name##_before_ours_curl)                                                \
    {                                                                                              \
        check(pattern, true, CURL);                                                                \
    }                                                                                              \
    Test(resolver_company, name##_behind_ours_curl)                                                \
    {                                                                                              \
        check(pattern, false, CURL);                                                               \
    }                                                                                              \
    Test(resolver_company, name##_before_ours_wget)                                                \
    {                                                                                              \
        check(pattern, true, WGET);                                                                \
    }                                                                                              \
    struct world

COMPANY(torsocks, "/usr/lib/*/torsocks/libtorsocks.so.0");
COMPANY(proxychains4, "/usr/lib/*/libproxychains.so.4");
