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
