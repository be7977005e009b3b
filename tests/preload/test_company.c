/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shim beside other preloaded libraries, before and after each of them. Programs work as with
 * the other library alone, and are protected. Each library is set up as its users do. The suite
 * prints a table (company.c: COMPANY) for docs/testing.md. */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(company, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"

static const char *const programs[] = {
    "curl -sS --cacert \"$CA\" " URL,
    "wget -q -O - --tries=1 --ca-certificate=\"$CA\" " URL,
    URLLIB,
};

/* ---- what each library needs ---- */

static void write_text(const struct world *world, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *out = fopen(path, "we");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
}

static void prepare_nss_wrapper(struct world *world)
{
    write_text(world, "hosts.nss", "127.0.0.1 " INNER_NAME "\n");
}

static void prepare_resolv_wrapper(struct world *world)
{
    write_text(world, "resolv.wrapper", "nameserver " DNS_ADDRESS "\n");
}

/* Its clients use UNIX sockets, and it names them: the type, the last octet of the address, the
 * port. Two of them lead to the real server and the real resolver. */
static void prepare_socket_wrapper(struct world *world)
{
    static const char *const names[][3] = {{"T0101BB", "swrap-server", RELAY_ADDRESS},
                                           {"T350035", "swrap-dns", DNS_ADDRESS ":53"}};
    char program[400];
    char path[256];
    snprintf(path, sizeof path, "%s/swrap", world->folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/swrap/%s", world->folder, names[i][0]);
        char *const argv[] = {program, "--listen", path, "--to", (char *)(size_t)names[i][2], NULL};
        world_spawn(world, names[i][1], "listening ", argv);
    }
}

#define SOCKS_PORT "1080"
#define SOCKS "127.0.0.6:" SOCKS_PORT

static void start_socks(struct world *world)
{
    char program[400];
    char log[200];
    snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    char *const argv[] = {program, SOCKS, RELAY_ADDRESS, log, NULL};
    world_spawn(world, "proxy", "listening ", argv);
    write_text(world, "torsocks.conf",
               "TorAddress 127.0.0.6\nTorPort " SOCKS_PORT "\nAllowOutboundLocalhost 1\n");
    write_text(world, "proxychains.conf",
               "strict_chain\nproxy_dns\nremote_dns_subnet 224\n"
               "[ProxyList]\nsocks5 127.0.0.6 " SOCKS_PORT "\n");
}

/* ---- the matrix ---- */

static const struct company {
    const char *name;
    const char *library; /* a pattern for glob */
    /* Its settings, for a shell. */
    const char *settings;
    void (*prepare)(struct world *world);
    /* Names and connections go through a proxy. We set the config by hand, because nothing may be
     * asked in the clear. */
    bool proxied;
    /* The program that starts the others; NULL: none. */
    const char *launcher;
    /* It crashes, or finds no name, where threads ask at the same time, also without the shim. */
    bool no_threads;
} companies[] = {
    {"nss_wrapper", "/usr/lib/*/libnss_wrapper.so", "NSS_WRAPPER_HOSTS=\"$WORLD/hosts.nss\"",
     .prepare = prepare_nss_wrapper, .no_threads = true},
    {"socket_wrapper", "/usr/lib/*/libsocket_wrapper.so",
     "SOCKET_WRAPPER_DIR=\"$WORLD/swrap\" ECHSHIM_RESOLVER=" DNS_TCP,
     .prepare = prepare_socket_wrapper},
    {"resolv_wrapper", "/usr/lib/*/libresolv_wrapper.so",
     "RESOLV_WRAPPER_CONF=\"$WORLD/resolv.wrapper\"", .prepare = prepare_resolv_wrapper},
    {"torsocks", "/usr/lib/*/torsocks/libtorsocks.so",
     "TORSOCKS_CONF_FILE=\"$WORLD/torsocks.conf\" TORSOCKS_LOG_LEVEL=1", .prepare = start_socks,
     .proxied = true},
    {"proxychains4", "/usr/lib/*/libproxychains.so.4",
     "PROXYCHAINS_CONF_FILE=\"$WORLD/proxychains.conf\" PROXYCHAINS_QUIET_MODE=1",
     .prepare = start_socks, .proxied = true},
    {"libfaketime", "/usr/lib/*/faketime/libfaketime.so.1", "FAKETIME=+1h"},
    {"libfaketimeMT", "/usr/lib/*/faketime/libfaketimeMT.so.1", "FAKETIME=+1h"},
    {"jemalloc", "/usr/lib/*/libjemalloc.so.2", ""},
    {"tcmalloc", "/usr/lib/*/libtcmalloc.so.4", ""},
    {"tcmalloc_minimal", "/usr/lib/*/libtcmalloc_minimal.so.4", ""},
    {"red_stderr", "$CLIENTS/libred_stderr.so", "RED_STDERR=1"},
    {"eatmydata", "/usr/lib/*/libeatmydata.so", ""},
    {"fakeroot", "/usr/lib/*/libfakeroot/libfakeroot-sysv.so", "", .launcher = "fakeroot -- "},
};

enum { PROGRAMS = sizeof programs / sizeof *programs };
enum order { ALONE, BEFORE_OURS, AFTER_OURS };

/* The other library's path; NULL: it is not installed. */
static const char *find_library(const struct world *world, const struct company *company)
{
    static char path[PATH_MAX];
    glob_t found = {0};
    if (strncmp(company->library, "$CLIENTS/", 9) == 0) {
        snprintf(path, sizeof path, "%s/%s", world->clients, company->library + 9);
        return path;
    }
    bool there = glob(company->library, 0, NULL, &found) == 0;
    if (there) {
        snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    }
    globfree(&found);
    return there ? path : NULL;
}

static struct run_result run(struct world *world, const struct company *company, enum order order,
                             char *mode, const char *program)
{
    const char *runtime = order != ALONE ? getenv("ECHSHIM_TEST_PRELOAD") : NULL;
    const char *other = find_library(world, company);
    const char *ours = order != ALONE ? world->library : "";
    bool first = order != AFTER_OURS;
    char list[PATH_MAX + 1024];
    char command[1024];
    char shell[1024];
    char configs[1100] = "ECHSHIM_CONFIG_LIST=";
    snprintf(list, sizeof list, "LIST=%s %s %s", runtime != NULL ? runtime : "",
             first ? other : ours, first ? ours : other);
    snprintf(command, sizeof command, "PROGRAM=%s", program);
    snprintf(shell, sizeof shell, "%s exec %s env LD_PRELOAD=\"$LIST\" sh -c \"$PROGRAM\"",
             company->settings, company->launcher != NULL ? company->launcher : "");
    if (company->proxied) {
        snprintf(configs, sizeof configs, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    }
    char *const extra[] = {list, command, mode, configs, "LD_PRELOAD=", NULL};
    return world_shell(world, order != ALONE ? RUN_SHIM : RUN_PLAIN, extra, shell);
}

static void check(const struct company *company)
{
    static struct world nowhere;
    if (find_library(&nowhere, company) == NULL) {
        cr_skip_test("%s is not installed", company->name);
    }
    struct world *world = world_start(NULL);
    if (company->prepare != NULL) {
        company->prepare(world);
    }
    if (company->no_threads && fact_curl_asks_in_threads()) {
        cr_skip_test("%s is not for programs that resolve in threads", company->name);
    }
    struct run_result results[PROGRAMS][5];
    for (int i = 0; i < PROGRAMS; i++) {
        results[i][1] = run(world, company, BEFORE_OURS, OPPORTUNISTIC, programs[i]);
        results[i][2] = run(world, company, BEFORE_OURS, STRICT, programs[i]);
        results[i][3] = run(world, company, AFTER_OURS, OPPORTUNISTIC, programs[i]);
        results[i][4] = run(world, company, AFTER_OURS, STRICT, programs[i]);
    }
    if (results[0][1].exit_code != 0 &&
        run(world, company, ALONE, STRICT, programs[0]).exit_code != 0) {
        cr_skip_test("%s of this release does not work without the shim either", company->name);
    }
    world_expect_accepted(world, PROGRAMS * 4);
    for (int i = 0; i < PROGRAMS; i++) {
        results[i][0] = run(world, company, ALONE, STRICT, programs[i]);
        for (int way = 0; way < 5; way++) {
            expect_exit(&results[i][way], 0, HELLO);
            cr_assert_str_eq(results[i][way].out, results[i][0].out);
            cr_assert_str_eq(results[i][way].err, results[i][0].err);
        }
    }
}

#define COMPANY(name, at)                                                                          \
    Test(company, name)                                                                            \
    {                                                                                              \
        check(&companies[at]);                                                                     \
    }
COMPANY(nss_wrapper, 0)
COMPANY(socket_wrapper, 1)
COMPANY(resolv_wrapper, 2)
COMPANY(torsocks, 3)
COMPANY(proxychains4, 4)
COMPANY(libfaketime, 5)
COMPANY(libfaketimeMT, 6)
COMPANY(jemalloc, 7)
COMPANY(tcmalloc, 8)
COMPANY(tcmalloc_minimal, 9)
COMPANY(red_stderr, 10)
COMPANY(eatmydata, 11)
COMPANY(fakeroot, 12)
