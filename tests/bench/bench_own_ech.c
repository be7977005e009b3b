/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shim beside TLS libraries that have ECH themselves: what it costs, and how long the hellos
 * are. */
#include "bench.h"
#include "loop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 31, HANDSHAKES = 100, NONE = -1 };

static const struct rival {
    const char *library; /* of the client */
    const char *name;
    enum run_mode mode;
    bool own_ech;
    int plain; /* the row to which this one adds */
    int own;   /* the row of the library with its own ECH, to which the goal compares this one */
    int times; /* the goal: so many times what that row adds */
} rivals[] = {
    {"openssl", "without ECH", RUN_PLAIN, false, 0, NONE, 0},
    {"openssl", "ECH by the shim", RUN_SHIM, false, 0, 5, 1},
    {"gnutls", "without ECH", RUN_PLAIN, false, 2, NONE, 0},
    {"gnutls", "ECH by the shim", RUN_SHIM, false, 2, 5, 1},
    {"openssl4", "without ECH", RUN_PLAIN, false, 4, NONE, 0},
    {"openssl4", "ECH by itself", RUN_PLAIN, true, 4, NONE, 0},
    {"openssl4", "ECH by the shim", RUN_SHIM, false, 4, 5, 2},
    {"nss", "without ECH", RUN_PLAIN, false, 7, NONE, 0},
    {"nss", "ECH by itself", RUN_PLAIN, true, 7, NONE, 0},
    {"nss", "ECH by the shim", RUN_SHIM, false, 7, 8, 2},
    {"boringssl", "without ECH", RUN_PLAIN, false, 10, NONE, 0},
    {"boringssl", "ECH by itself", RUN_PLAIN, true, 10, NONE, 0},
    {"boringssl", "ECH by the shim", RUN_SHIM, false, 10, 11, 2},
};
enum { RIVALS = sizeof rivals / sizeof *rivals };

/* Are the client and its library here? */
static bool is_here(const struct world *world, const struct rival *rival)
{
    char program[512];
    snprintf(program, sizeof program, "%s/loop_%s", world->clients, rival->library);
    return access(program, X_OK) == 0;
}

static double run_rival(struct world *world, const struct rival *rival, unsigned count)
{
    char list[1100];
    snprintf(list, sizeof list, "LOOP_ECH_CONFIG_LIST=%s", rival->own_ech ? world->configs : "");
    char *const extra[] = {QUIET, list, NULL};
    struct bench_loop loop = {rival->library, INNER_NAME, count};
    return bench_loop_run(world, rival->mode, extra, &loop).cpu_us;
}

/* The server has seen as much ECH as expected. */
static void check_rivals(struct world *world)
{
    for (size_t i = 0; i < RIVALS; i++) {
        if (!is_here(world, &rivals[i])) {
            printf("own_ech: no %s here\n", rivals[i].library);
            continue;
        }
        bool ech = rivals[i].own_ech || rivals[i].mode == RUN_SHIM;
        unsigned before = world_log_count(world, "accepted", 0);
        (void)run_rival(world, &rivals[i], 1);
        unsigned expected = before + (ech ? WARM_UP + 1 : 0);
        cr_assert_eq(world_log_count(world, "accepted", expected), expected, "%s, %s",
                     rivals[i].library, rivals[i].name);
    }
}

static void print_goal(FILE *out, const struct rival *rival, const struct bench_series *cpu,
                       double quiet)
{
    if (rival->own == NONE || cpu[rival->own].count == 0) {
        fprintf(out, "%12s | %6s |\n", "", "");
        return;
    }
    double own =
        bench_quantile(&cpu[rival->own], 0) - bench_quantile(&cpu[rivals[rival->own].plain], 0);
    fprintf(out, "%+4.0f at most | %-6s |\n", own * rival->times,
            bench_goal(quiet <= own * rival->times));
}

Test(bench, own_ech)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    struct bench_series cpu[RIVALS] = {{.count = 0}};
    check_rivals(world);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < RIVALS; i++) {
            if (is_here(world, &rivals[i])) {
                bench_add(&cpu[i], run_rival(world, &rivals[i], HANDSHAKES));
            }
        }
    }
    FILE *out = bench_table(
        "1b-own-ech", "Beside libraries with their own ECH",
        "Measured like the table above, all kinds taking turns in one run, on the same server.\n"
        "OpenSSL 4.0 and its libraries come from Debian's experimental, in a root of their own\n"
        "(`make suites`); NSS and BoringSSL (android-libboringssl) are this machine's. The "
        "program\n"
        "gives its library the ECHConfigList. The goal: the shim adds no more to OpenSSL and\n"
        "GnuTLS than OpenSSL 4.0 adds to itself, and to a library with ECH of its own no more\n"
        "than twice what that adds to itself: NSS seals its hello, and the shim opens it and\n"
        "seals it again.");
    fprintf(out, "| library   | kind            |     us |  added | ratio | quiet added |"
                 "         goal |        |\n"
                 "| --------- | --------------- | -----: | -----: | ----: | ----------: |"
                 " -----------: | ------ |\n");
    for (size_t i = 0; i < RIVALS; i++) {
        if (cpu[i].count == 0) {
            continue;
        }
        const struct bench_series *plain = &cpu[rivals[i].plain];
        struct bench_series ratios = bench_ratios(&cpu[i], plain);
        double quiet = bench_quantile(&cpu[i], 0) - bench_quantile(plain, 0);
        fprintf(out, "| %-9s | %-15s | %6.0f | %+6.0f | %5.2f | %+11.0f | ", rivals[i].library,
                rivals[i].name, bench_median(&cpu[i]), bench_median_added(&cpu[i], plain),
                bench_median(&ratios), quiet);
        print_goal(out, &rivals[i], cpu, quiet);
    }
    fclose(out);
}

Test(bench, own_ech_hellos)
{
    struct world *world = world_start(NULL);
    unsigned connections = 0;
    FILE *out =
        bench_table("4b-own-ech-hellos", "Octets of the hellos beside libraries with their own ECH",
                    "ClientHelloOuter with its handshake header, and its ECH extension\n"
                    "with its header, from the wire.");
    fprintf(out, "| library   | kind            | hello | ECH extension |\n"
                 "| --------- | --------------- | ----: | ------------: |\n");
    for (size_t i = 0; i < RIVALS; i++) {
        if (!is_here(world, &rivals[i])) {
            continue;
        }
        (void)run_rival(world, &rivals[i], 1);
        connections += WARM_UP + 1;
        struct bench_hello hello = bench_wire_hello(world, connections);
        fprintf(out, "| %-9s | %-15s | %5zu | %13zu |\n", rivals[i].library, rivals[i].name,
                hello.octets, hello.ech);
    }
    fclose(out);
}
