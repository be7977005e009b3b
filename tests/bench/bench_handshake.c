/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a handshake costs the client, and how much memory it keeps. */
#include "bench.h"
#include "loop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROUNDS = 31,
    HANDSHAKES = 100,
    MANY_HANDSHAKES = 10000,
    /* Less than 26 octets a handshake: no allocation remains, only noise of the allocator. */
    GROWTH_MAX_KIB = 256,
};

/* Nothing is logged, as by default. */
#define QUIET "ECHSHIM_LOG=off", "ECHSHIM_REPORT="

struct variant {
    const char *name;
    enum run_mode mode;
    const char *server_name;
    char *extra[6];
};

static const struct variant variants[] = {
    {"without the shim", RUN_PLAIN, INNER_NAME, {NULL}},
    {"shim, `ECHSHIM_MODE=off`", RUN_SHIM, INNER_NAME, {QUIET, "ECHSHIM_MODE=off", NULL}},
    {"shim, port not watched", RUN_SHIM, INNER_NAME, {QUIET, "ECHSHIM_PORTS=444", NULL}},
    {"shim, GREASE (no record, cached)", RUN_SHIM, "plain.example.org", {QUIET, NULL}},
    {"shim, ECH accepted", RUN_SHIM, INNER_NAME, {QUIET, NULL}},
};
enum { VARIANTS = sizeof variants / sizeof *variants, PLAIN = 0, ACCEPTED = VARIANTS - 1 };

static const char *const libraries[] = {"openssl", "gnutls"};

/* A silent measurement must measure what we think it does. */
static void check_variants(struct world *world, const char *library)
{
    unsigned accepted = world_report_count(world, "accepted");
    unsigned greased = world_report_count(world, "grease");
    struct bench_loop loop = {library, INNER_NAME, 1};
    bench_loop_run(world, RUN_SHIM, NULL, &loop);
    loop.server_name = "plain.example.org";
    bench_loop_run(world, RUN_SHIM, NULL, &loop);
    cr_assert_eq(world_report_count(world, "accepted") - accepted, WARM_UP + 1);
    cr_assert_eq(world_report_count(world, "grease") - greased, WARM_UP + 1);
}

static void measure(struct world *world, const char *library, FILE *out)
{
    struct bench_series cpu[VARIANTS] = {{.count = 0}};
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < VARIANTS; i++) {
            const struct variant *variant = &variants[i];
            struct bench_loop loop = {library, variant->server_name, HANDSHAKES};
            bench_add(&cpu[i], bench_loop_run(world, variant->mode, variant->extra, &loop).cpu_us);
        }
    }
    for (size_t i = 0; i < VARIANTS; i++) {
        double added = bench_median_added(&cpu[i], &cpu[PLAIN]);
        struct bench_series ratios = bench_ratios(&cpu[i], &cpu[PLAIN]);
        double quiet = bench_quantile(&cpu[i], 0) - bench_quantile(&cpu[PLAIN], 0);
        fprintf(out, "| %-7s | %-24s | %6.0f | %+6.0f | %5.2f | %+11.0f |\n", library,
                variants[i].name, bench_median(&cpu[i]), added, bench_median(&ratios), quiet);
    }
}

Test(bench, handshake)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    FILE *out = bench_table(
        "1-handshake", "CPU of a handshake",
        "This is the CPU time of the client process alone, user and kernel, from connect() to\n"
        "close(). The client verifies the certificate; the record is cached. Blocks of 100 "
        "handshakes\n"
        "take turns, 31 rounds; medians. Quiet added: between the best blocks of each kind.");
    fprintf(out,
            "| library | kind                     |     us |  added | ratio | quiet added |\n"
            "| ------- | ------------------------ | -----: | -----: | ----: | ----------: |\n");
    for (size_t i = 0; i < 2; i++) {
        check_variants(world, libraries[i]);
        measure(world, libraries[i], out);
    }
    fclose(out);
}

/* ---- beside OpenSSL 4.0, which has its own ECH ---- */

static const struct rival {
    const char *library;
    const char *name;
    enum run_mode mode;
    bool own_ech;
    size_t plain;   /* the row to which this one adds */
    unsigned times; /* the goal, as a multiple of what OpenSSL 4.0 adds to itself; 0: none */
} rivals[] = {
    {"openssl", "without ECH", RUN_PLAIN, false, 0, 0},
    {"openssl", "ECH by the shim", RUN_SHIM, false, 0, 1},
    {"gnutls", "without ECH", RUN_PLAIN, false, 2, 0},
    {"gnutls", "ECH by the shim", RUN_SHIM, false, 2, 1},
    {"openssl4", "without ECH", RUN_PLAIN, false, 4, 0},
    {"openssl4", "ECH by itself", RUN_PLAIN, true, 4, 0},
    {"openssl4", "ECH by the shim", RUN_SHIM, false, 4, 2},
};
enum { RIVALS = sizeof rivals / sizeof *rivals, OWN_ECH = 5 };

static double run_rival(struct world *world, const struct rival *rival, unsigned count)
{
    char list[1100];
    snprintf(list, sizeof list, "LOOP_ECH_CONFIG_LIST=%s", rival->own_ech ? world->configs : "");
    char *const extra[] = {QUIET, list, NULL};
    struct bench_loop loop = {rival->library, INNER_NAME, count};
    struct bench_loop_result result = bench_loop_run(world, rival->mode, extra, &loop);
    return result.cpu_us;
}

/* The server has seen as much ECH as expected. */
static void check_rivals(struct world *world)
{
    for (size_t i = 0; i < RIVALS; i++) {
        bool ech = rivals[i].own_ech || rivals[i].mode == RUN_SHIM;
        unsigned before = world_log_count(world, "accepted", 0);
        (void)run_rival(world, &rivals[i], 1);
        unsigned expected = before + (ech ? WARM_UP + 1 : 0);
        cr_assert_eq(world_log_count(world, "accepted", expected), expected, "%s, %s",
                     rivals[i].library, rivals[i].name);
    }
}

Test(bench, own_ech)
{
    const char *root = getenv("ECHSHIM_BENCH_SID");
    if (root == NULL || *root == '\0') {
        printf("own_ech: skipped: make suites has not made a root with OpenSSL 4.0\n");
        return;
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    struct bench_series cpu[RIVALS] = {{.count = 0}};
    check_rivals(world);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < RIVALS; i++) {
            bench_add(&cpu[i], run_rival(world, &rivals[i], HANDSHAKES));
        }
    }
    double own = bench_quantile(&cpu[OWN_ECH], 0) - bench_quantile(&cpu[rivals[OWN_ECH].plain], 0);
    FILE *out = bench_table(
        "1b-own-ech", "Beside OpenSSL 4.0's own ECH",
        "Measured like the table above, all kinds taking turns in one run, on the same server.\n"
        "OpenSSL 4.0 and its libraries come from Debian's experimental, in a root of their own "
        "(`make\n"
        "suites`); the program gives it the ECHConfigList. The goal: the shim adds no more than\n"
        "OpenSSL 4.0 adds to itself, and to OpenSSL 4.0 no more than twice that: the library "
        "seals its\n"
        "hello, and the shim opens it and seals it again. Most of what the shim adds are three "
        "scalar multiplications "
        "by\n"
        "nettle: two for HPKE, and one for the key share of the outer hello. GnuTLS offers a "
        "second\n"
        "share, on P-256.");
    fprintf(out, "| library  | kind            |     us |  added | ratio | quiet added |"
                 "         goal |        |\n"
                 "| -------- | --------------- | -----: | -----: | ----: | ----------: |"
                 " -----------: | ------ |\n");
    for (size_t i = 0; i < RIVALS; i++) {
        const struct bench_series *plain = &cpu[rivals[i].plain];
        struct bench_series ratios = bench_ratios(&cpu[i], plain);
        double quiet = bench_quantile(&cpu[i], 0) - bench_quantile(plain, 0);
        fprintf(out, "| %-8s | %-15s | %6.0f | %+6.0f | %5.2f | %+11.0f | ", rivals[i].library,
                rivals[i].name, bench_median(&cpu[i]), bench_median_added(&cpu[i], plain),
                bench_median(&ratios), quiet);
        if (rivals[i].times > 0) {
            double goal = own * rivals[i].times;
            fprintf(out, "%+4.0f at most | %-6s |\n", goal, bench_goal(quiet <= goal));
        } else {
            fprintf(out, "%12s | %6s |\n", "", "");
        }
    }
    fclose(out);
}

Test(bench, growth)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    world->run_seconds = 600;
    FILE *out = bench_table("5-growth", "Memory after many handshakes",
                            "Resident size of one process after 10,000 more handshakes with ECH.");
    fprintf(out, "| library | added KiB |         goal |        |\n"
                 "| ------- | --------: | -----------: | ------ |\n");
    for (size_t i = 0; i < 2; i++) {
        struct bench_loop loop = {libraries[i], INNER_NAME, MANY_HANDSHAKES};
        long grown = bench_loop_run(world, RUN_SHIM, variants[ACCEPTED].extra, &loop).grown_kib;
        bool met = grown <= GROWTH_MAX_KIB;
        fprintf(out, "| %-7s | %9ld | %3d at most* | %-6s |\n", libraries[i], grown, GROWTH_MAX_KIB,
                bench_goal(met));
        cr_expect(met, "%s: grown by %ld KiB", libraries[i], grown);
    }
    fprintf(out, "\n\\* less than 26 octets a handshake: what an allocator moves by itself.\n");
    fclose(out);
}
