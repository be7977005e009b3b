/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that a program resolves by itself, by the system's resolver: the C library gives the
 * same results with and without the shim. */
#include "../facts.h"
#include "checks.h"
#include "names.h"
#include "sniff.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(names, .fini = world_end, .timeout = 300);

Test(names, the_same_by_the_system)
{
    check_usual("ECHSHIM_RESOLVER=system");
}

Test(names, search_rules_by_the_system)
{
    check_search("ECHSHIM_RESOLVER=system");
}

/* ---- on the wire ---- */

/* RFC 9460, 3: the shim asks for records and addresses at the same time. */
static void check_ahead(const char *program)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result result = world_shell(world, RUN_SHIM, NULL, program);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    cr_assert_eq(sniff_queries(INNER_NAME, TYPE_HTTPS), 1u);
    cr_assert_geq(sniff_queries(INNER_NAME, TYPE_A), 1u);
    cr_assert_lt(sniff_place(INNER_NAME, TYPE_HTTPS), sniff_place(INNER_NAME, TYPE_A),
                 "the records were asked for after the addresses");
}

Test(names, svcb_32_the_records_are_asked_for_with_the_addresses_wget)
{
    check_ahead(WGET);
}

Test(names, svcb_32_the_records_are_asked_for_with_the_addresses_curl)
{
    check_ahead(CURL);
}

Test(names, svcb_32_the_records_are_asked_for_with_the_addresses_urllib)
{
    check_ahead(URLLIB);
}

Test(names, svcb_32_the_records_are_asked_for_with_the_addresses_asyncio)
{
    check_ahead(ASYNCIO);
}

/* An unreachable resolver, one with a foreign certificate, and texts that name none. */
Test(names, an_encrypted_resolver_that_is_no_use_is_not_replaced)
{
    struct world *world = start_names();
    static const struct {
        const char *resolver;
        const char *word;
    } bad[] = {
        {"ECHSHIM_RESOLVER=tls://127.0.0.99:853#dns.example", "AGAIN"},
        {"ECHSHIM_RESOLVER=tls://" DNS_ADDRESS ":853#other.example", NULL},
        {"ECHSHIM_RESOLVER=https://dns.example:1/dns-query#" DNS_ADDRESS, NULL},
        {"ECHSHIM_RESOLVER=tsl://" DNS_ADDRESS ":853#dns.example", "FAIL"},
        {"ECHSHIM_RESOLVER=tls://dns.example", "FAIL"},
    };
    sniff_start();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct difference given = {.setting = bad[i].resolver};
        char *said =
            run_client(world, RUN_SHIM, &given, "threads both.example.org hosted.example.org");
        cr_assert_null(strstr(said, "127.0.0.8"), "%s: %s", bad[i].resolver, said);
        cr_assert_not_null(strstr(said, "127.0.0.77"), "%s: %s", bad[i].resolver, said);
        cr_assert(bad[i].word == NULL || strstr(said, bad[i].word) != NULL, "%s: %s",
                  bad[i].resolver, said);
        cr_assert_null(strstr(said, "NONAME"), "%s: %s", bad[i].resolver, said);
        free(said);
        free(run_client(world, RUN_SHIM, &given, "old both.example.org"));
        free(run_client(world, RUN_SHIM, &given, "list both.example.org"));
        cr_assert_eq(sniff_packets(), 0u, "%s", bad[i].resolver);
    }
}

/* The shim asks nothing ahead for names without records, nor where nothing would use the answer. */
Test(names, svcb_57_no_query_ahead_that_nobody_wants)
{
    struct world *world = start_names();
    sniff_start();
    static const char *const settings[] = {"ECHSHIM_MODE=off", "ECHSHIM_MODE=grease",
                                           "ECHSHIM_CONFIG_LIST=AAj+CgAEAAAAAA==",
                                           "ECHSHIM_RESOLVER=udp://nonsense", "ECHSHIM_PORTS=8443"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct difference given = {.setting = settings[i]};
        free(run_client(world, RUN_SHIM, &given, "descriptors both.example.org"));
        cr_assert_eq(sniff_queries(NULL, TYPE_HTTPS), 0u, "%s", settings[i]);
    }
    const struct difference given = {.setting = "ECHSHIM_MODE=opportunistic"};
    free(run_client(world, RUN_SHIM, &given,
                    "threads localhost one-label nosuch printer.lan 192.0.2.1 ::1"));
    cr_assert_eq(sniff_queries(NULL, TYPE_HTTPS), 0u);
    free(run_client(world, RUN_SHIM, &given, "threads both.example.org"));
    cr_assert_geq(sniff_queries("both.example.org", TYPE_HTTPS), 1u);
}

/* The program resolves names and never connects. */
static void check_descriptors(const char *resolver, const char *dns)
{
    struct world *world = start_names();
    start_bad_dns(world, dns);
    const struct difference given = {.setting = resolver};
    char *said = run_client(world, RUN_SHIM, &given,
                            "descriptors a.example.org b.example.org c.example.org d.example.org "
                            "e.example.org f.example.org g.example.org h.example.org i.example.org "
                            "j.example.org both.example.org four.example.org");
    int open_ones = -1;
    cr_assert_eq(sscanf(said, "%d descriptors", &open_ones), 1, "%s", said);
    cr_assert_leq(open_ones, 8);
}

Test(names, no_descriptors_pile_up)
{
    check_descriptors("ECHSHIM_RESOLVER=system", "silent");
}

Test(names, no_descriptors_pile_up_where_nobody_answers)
{
    check_descriptors("ECHSHIM_RESOLVER=" BAD_DNS, "silent");
}

/* ---- programs that ask the DNS by themselves ---- */

#define OWN_DNS                                                                                    \
    "/usr/bin/python3 -c 'import socket as s\n"                                                    \
    "q = bytes.fromhex(\"000101000001000000000000\" \"0667656368656d\" \"036f7267\" \"00\" "       \
    "\"00010001\")\n"                                                                              \
    "def attempt(kind, how):\n"                                                                    \
    "    try:\n"                                                                                   \
    "        with s.socket(s.AF_INET, kind) as k: how(k)\n"                                        \
    "        print(\"sent\")\n"                                                                    \
    "    except OSError as e: print(e.__class__.__name__)\n"                                       \
    "a = (\"" DNS_ADDRESS "\", 53)\n"                                                              \
    "attempt(s.SOCK_DGRAM, lambda k: k.sendto(q, a))\n"                                            \
    "attempt(s.SOCK_DGRAM, lambda k: (k.connect(a), k.send(q)))\n"                                 \
    "attempt(s.SOCK_STREAM, lambda k: (k.connect(a), k.send(len(q).to_bytes(2, \"big\") + q)))\n"  \
    "'"

static void check_own_dns(const char *mode, const char *resolver, const char *said,
                          unsigned queries)
{
    struct world *world = world_start(NULL);
    sniff_start();
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){(char *)(size_t)mode, (char *)(size_t)resolver, NULL}, OWN_DNS);
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, said, "%s%s", result.out, result.err);
    cr_assert_eq(sniff_queries(NULL, 0), queries);
    char *report = world_read(world, "report", NULL);
    cr_assert_eq(strstr(report, "plain_dns") != NULL, queries == 0, "%s", report);
}

Test(names, strict_mode_refuses_plain_dns_beside_an_encrypted_resolver)
{
    check_own_dns("ECHSHIM_MODE=strict", ENCRYPTED,
                  "PermissionError\nPermissionError\nConnectionAbortedError\n", 0);
}

Test(names, plain_dns_passes_in_opportunistic_mode)
{
    check_own_dns("ECHSHIM_MODE=opportunistic", ENCRYPTED, "sent\nsent\nsent\n", 2);
}

Test(names, plain_dns_passes_beside_a_plain_resolver)
{
    check_own_dns("ECHSHIM_MODE=strict", "ECHSHIM_RESOLVER=system", "sent\nsent\nsent\n", 2);
}

/* ---- the C library's own client ---- */

/* Every way to ask the C library's client, under today's names and those from before glibc 2.34,
 * which had only some of today's. Each prints its result: a positive length of the answer, or
 * h_errno. apt asks for SRV records this way, with the labels of a service in front. */
#define OWN_RES                                                                                    \
    "/usr/bin/python3 -c 'import ctypes\n"                                                         \
    "r = ctypes.CDLL(\"libresolv.so.2\", ctypes.RTLD_GLOBAL)\n"                                    \
    "old_libc = not hasattr(ctypes.CDLL(\"libc.so.6\"), \"res_query\")\n"                          \
    "c = ctypes.CDLL(None)\n"                                                                      \
    "c.__res_state.restype = c.__h_errno_location.restype = ctypes.c_void_p\n"                     \
    "h = ctypes.cast(c.__h_errno_location(), ctypes.POINTER(ctypes.c_int))\n"                      \
    "s = ctypes.c_void_p(c.__res_state())\n"                                                       \
    "n = b\"_https._tcp." INNER_NAME "\"\n"                                                        \
    "b = ctypes.create_string_buffer(2048)\n"                                                      \
    "rest = (1, 33, b, 2048)\n"                                                                    \
    "q = bytes([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])\n"                                            \
    "q += b\"\".join(bytes([len(l)]) + l for l in n.split(b\".\")) + bytes([0, 0, 33, 0, 1])\n"    \
    "c.__res_init()\n"                                                                             \
    "for old in (\"\", \"__\"):\n"                                                                 \
    "    for name, arguments in ((\"query\", (n, *rest)), (\"search\", (n, *rest)),\n"             \
    "            (\"querydomain\", (n[:18], n[19:], *rest)), (\"send\", (q, len(q), b, 2048))):\n" \
    "        for kind, more in ((\"\", ()), (\"n\", (s,))):\n"                                     \
    "            function = old + \"res_\" + kind + name\n"                                        \
    "            if old_libc and not hasattr(r, function):\n"                                      \
    "                print(\"absent\")\n"                                                          \
    "                continue\n"                                                                   \
    "            h[0] = 0\n"                                                                       \
    "            done = getattr(c, function)(*more, *arguments)\n"                                 \
    "            print(\"asked\" if done > 0 else h[0])\n"                                         \
    "'"

/* `conf`: a configuration file, used instead of `mode`. */
static void check_own_client(const char *mode, const char *conf, const char *says, bool passes)
{
    struct world *world = world_start(&(struct world_options){
        .dns_lines = "  local-data: '_https._tcp." INNER_NAME ". 60 IN SRV 1 1 443 x.example.'\n"});
    char *setting = conf != NULL ? conf_setting(world, conf) : (char *)(size_t)mode;
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){setting, ENCRYPTED, NULL}, OWN_RES);
    expect_exit(&result, 0, NULL);
    unsigned lines = text_count(result.out, says);
    unsigned absent = text_count(result.out, "absent\n");
    cr_assert_eq(lines + absent, 16, "%s%s", result.out, result.err);
    cr_assert(FACT_GLIBC_BEFORE_2_34 ? lines >= 8 : absent == 0, "%s", result.out);
    cr_assert_eq(sniff_queries_below(INNER_NAME), passes ? lines : 0);
    cr_assert_eq(strstr(world_read(world, "report", NULL), "plain_dns") == NULL, passes);
}

Test(names, strict_mode_refuses_res_query_beside_an_encrypted_resolver)
{
    check_own_client("ECHSHIM_MODE=strict", NULL, "3\n", false);
}

Test(names, res_query_passes_in_opportunistic_mode)
{
    check_own_client("ECHSHIM_MODE=opportunistic", NULL, "asked\n", true);
}

Test(names, res_query_for_a_strict_host_among_others)
{
    check_own_client(NULL, "[host \"" INNER_NAME "\"]\nmode = strict\n", "3\n", false);
}

Test(names, res_query_beside_a_strict_host)
{
    check_own_client(NULL, "[host \"other.example.net\"]\nmode = strict\n", "asked\n", true);
}

/* ---- missing files, and files that are not needed ---- */

/* Copies these of our libraries to a folder without the others. Gives LD_PRELOAD. */
static char *copy_libraries(const struct world *world, const char *names)
{
    static char preload[1024];
    char command[1024];
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(command, sizeof command,
             "mkdir '%s/copy' && for name in %s; do cp \"$(dirname '%s')/$name\" '%s/copy/'; done",
             world->folder, names, world->library, world->folder);
    cr_assert_eq(system(command), 0);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s %s/copy/libechshim.so",
             runtime != NULL ? runtime : "", world->folder);
    return preload;
}

static void check_missing(const char *names, const char *said)
{
    struct world *world = start_names();
    char *preload = copy_libraries(world, names);
    sniff_start();
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){preload, ENCRYPTED, NULL},
        "\"$CLIENTS/names_client\" threads both.example.org hosted.example.org 192.0.2.7");
    expect_exit(&result, 0, NULL);
    cr_assert_not_null(strstr(result.out, "flags 0: FAIL"), "%s", result.out);
    cr_assert_null(strstr(result.out, "127.0.0.8"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "127.0.0.77"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "192.0.2.7"), "%s", result.out);
    char *log = world_read(world, "shim.log", NULL);
    cr_assert(strstr(result.err, said) != NULL || strstr(log, said) != NULL, "%s%s", result.err,
              log);
    cr_assert_eq(sniff_packets(), 0u);
}

Test(names, ech_107_without_the_engine_names_are_not_resolved)
{
    check_missing("libechshim.so", "names are not resolved");
}

Test(names, ech_107_without_the_service_names_are_not_resolved)
{
    check_missing("libechshim.so libechshim-engine.so", "libnss_echshim.so.2");
}

/* A program without TLS costs one check. */
Test(names, the_engine_is_loaded_only_where_it_has_a_part)
{
    struct world *world = start_names();
    static const char *const command =
        "LD_DEBUG=files getent ahosts both.example.org 2>&1 >/dev/null | grep -c 'calling init.*"
        "libechshim-engine'";
    struct run_result plain = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&plain, 1, "0\n");
    struct run_result protected =
        world_shell(world, RUN_SHIM, (char *[]){ENCRYPTED, NULL}, command);
    expect_exit(&protected, 0, "1\n");
    struct run_result off =
        world_shell(world, RUN_SHIM, (char *[]){ENCRYPTED, "ECHSHIM_MODE=off", NULL}, command);
    expect_exit(&off, 1, "0\n");
}
