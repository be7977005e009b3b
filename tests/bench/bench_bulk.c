/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A large download: after the handshake the shim must cost nothing. */
#include "bench.h"

#include <criterion/criterion.h>

enum { PAIRS = 15 };

static const double GOAL_RATIO = 1.02;

#define URL "https://" INNER_NAME "/bulk/1073741824"

static void measure(struct world *world, char *const argv[], FILE *out)
{
    struct bench_series wall[2] = {{.count = 0}};
    struct bench_series cpu[2] = {{.count = 0}};
    for (int i = 0; i < PAIRS; i++) {
        for (int turn = 0; turn < 2; turn++) {
            /* The order alternates, so that neither always runs in the other's wake. */
            int with = (i + turn) % 2;
            struct bench_cost cost = bench_run(world, with ? RUN_SHIM : RUN_PLAIN, NULL, argv);
            bench_add(&wall[with], cost.wall_us / 1e6);
            bench_add(&cpu[with], cost.cpu_us / 1e6);
        }
    }
    const struct bench_series *both[] = {cpu, wall};
    static const char *const names[] = {"CPU", "wall"};
    for (int i = 0; i < 2; i++) {
        struct bench_series ratios = bench_ratios(&both[i][1], &both[i][0]);
        double ratio = bench_median(&ratios);
        fprintf(out, "| %-7s | %-4s | %9.2f | %6.2f | %5.2f | %4.2f to %4.2f | %12s | %-6s |\n",
                argv[0], names[i], bench_median(&both[i][0]), bench_median(&both[i][1]), ratio,
                bench_quantile(&ratios, 0.25), bench_quantile(&ratios, 0.75), "1.02 at most",
                bench_goal(ratio <= GOAL_RATIO));
    }
}

Test(bench, bulk)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    char *const curl[] = {"curl", "-sS", "-o", "/dev/null", URL, NULL};
    char *const wget[] = {"wget",    "-q", "-O", "/dev/null", "--tries=1", "--ca-certificate",
                          world->ca, URL,  NULL};
    FILE *out = bench_table(
        "3-bulk", "Bulk data",
        "1 GiB over loopback, seconds of the whole program with its handshake; with the shim: ECH\n"
        "accepted. 15 pairs in turn, medians, and the quartiles of the pairs' ratios, which tell "
        "the\n"
        "machine's noise.");
    fprintf(
        out,
        "| program | time | without s | with s | ratio |    quartiles |         goal |        |\n"
        "| ------- | ---- | --------: | -----: | ----: | -----------: | -----------: | ------ |\n");
    measure(world, curl, out);
    measure(world, wget, out);
    fclose(out);
    cr_assert_eq(world_report_count(world, "accepted"), 2 * PAIRS);
}
