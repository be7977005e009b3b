/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the shim costs a program that does not use TLS. */
#include "bench.h"

#include <criterion/criterion.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAIRS = 500,
    NODE_TURNS = 61,
    MEMORY_PAIRS = 31,
    GOAL_START_US = 300,
    GOAL_DETOURS_US = 1000,
    GOAL_HELD_US = 5000 + GOAL_START_US + GOAL_DETOURS_US, /* with the launcher's own */
    GOAL_RESIDENT_KIB = 1024
};

static struct bench_cost spawn(char *const argv[], char *const environment[])
{
    int status = 0;
    pid_t pid;
    struct bench_cost before = {bench_now_us(), bench_children_cpu_us()};
    cr_assert_eq(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environment), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return (struct bench_cost){bench_now_us() - before.wall_us,
                               bench_children_cpu_us() - before.cpu_us};
}

/* Runs a program by posix_spawn again and again, with and without the stub. The
 * names are those of its two rows. */
static void measure_program(const struct world *world, FILE *out, char *const argv[],
                            const char *wall_name, const char *cpu_name, int goal_us)
{
    char preload[300];
    char path[4096];
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", world->library);
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    char *const plain[] = {path, "LC_ALL=C", NULL};
    char *const shim[] = {path, "LC_ALL=C", preload, NULL};
    struct bench_series wall[2] = {{.count = 0}};
    struct bench_series cpu[2] = {{.count = 0}};
    for (int i = 0; i < PAIRS; i++) {
        for (int with = 0; with < 2; with++) {
            struct bench_cost cost = spawn(argv, with ? shim : plain);
            bench_add(&wall[with], cost.wall_us);
            bench_add(&cpu[with], cost.cpu_us);
        }
    }
    const struct bench_series *both[] = {wall, cpu};
    const char *const names[] = {wall_name, cpu_name};
    for (int i = 0; i < 2; i++) {
        double added = bench_median_added(&both[i][1], &both[i][0]);
        fprintf(out, "| %-23s | %7.0f | %6.0f | %+6.0f | %+5d at most | %-6s |\n", names[i],
                bench_median(&both[i][0]), bench_median(&both[i][1]), added, goal_us,
                bench_goal(added <= goal_us));
    }
}

/* The official node, which contains OpenSSL: `make node`. */
static void measure_node(const struct world *world, FILE *out)
{
    enum { PLAIN, SHIM, WITHOUT_DETOURS, STRICT, WAYS };
    char node[4096];
    char tool[4096];
    char preload[300];
    char path[4096];
    snprintf(node, sizeof node, "%s/../node/bin/node", world->clients);
    if (access(node, X_OK) != 0) {
        fprintf(stderr, "bench: skipped: node is not there (make node)\n");
        return;
    }
    snprintf(tool, sizeof tool, "%s/echshim", getenv("ECHSHIM_TEST_TOOLS"));
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", world->library);
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    char *const program[] = {node, "-e", "0", NULL};
    char *const held[] = {tool, "--strict", node, "-e", "0", NULL};
    char *const plain[] = {path, "LC_ALL=C", NULL};
    char *const shim[] = {path, "LC_ALL=C", preload, NULL};
    char *const off[] = {path, "LC_ALL=C", preload, "ECHSHIM_DETOURS=off", NULL};
    const struct {
        char *const *argv;
        char *const *environment;
    } ways[WAYS] = {{program, plain}, {program, shim}, {program, off}, {held, plain}};
    static const struct {
        const char *name;
        int without;
        int with;
        int goal_us;
    } rows[] = {{"`node -e 0`, CPU, us", PLAIN, SHIM, GOAL_START_US + GOAL_DETOURS_US},
                {"node, detours, CPU, us", WITHOUT_DETOURS, SHIM, GOAL_DETOURS_US},
                {"node, held, CPU, us", PLAIN, STRICT, GOAL_HELD_US}};
    struct bench_series cpu[WAYS] = {{.count = 0}};
    for (int turn = 0; turn < NODE_TURNS; turn++) {
        for (int way = 0; way < WAYS; way++) {
            bench_add(&cpu[way], spawn(ways[way].argv, ways[way].environment).cpu_us);
        }
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct bench_series *without = &cpu[rows[i].without];
        const struct bench_series *with = &cpu[rows[i].with];
        double added = bench_median_added(with, without);
        fprintf(out, "| %-23s | %7.0f | %6.0f | %+6.0f | %+5d at most | %-6s |\n", rows[i].name,
                bench_median(without), bench_median(with), added, rows[i].goal_us,
                bench_goal(added <= rows[i].goal_us));
    }
}

static double resident_kib(struct world *world, enum run_mode mode)
{
    char *const argv[] = {"cat", "/proc/self/smaps_rollup", NULL};
    struct run_result result = world_run(world, mode, NULL, argv);
    expect_exit(&result, 0, "Rss:");
    double kib = strtod(strstr(result.out, "Rss:") + strlen("Rss:"), NULL);
    free(result.out);
    free(result.err);
    return kib;
}

static void measure_memory(struct world *world, FILE *out)
{
    struct bench_series plain = {.count = 0};
    struct bench_series shim = {.count = 0};
    for (int i = 0; i < MEMORY_PAIRS; i++) {
        bench_add(&plain, resident_kib(world, RUN_PLAIN));
        bench_add(&shim, resident_kib(world, RUN_SHIM));
    }
    double added = bench_median_added(&shim, &plain);
    fprintf(out, "| %-23s | %7.0f | %6.0f | %+6.0f | %+5d at most | %-6s |\n",
            "`cat`, resident, KiB", bench_median(&plain), bench_median(&shim), added,
            GOAL_RESIDENT_KIB, bench_goal(added < GOAL_RESIDENT_KIB));
    cr_expect_lt(added, GOAL_RESIDENT_KIB);
}

/* The loader itself reports what it maps, also for the program that env executes. */
static void check_mappings(struct world *world, FILE *out)
{
    static const char *const never[] = {"libechshim-engine", "libgnutls", "libldns", "libnghttp2",
                                        "libnettle"};
    char *const argv[] = {"/usr/bin/env", "true", NULL};
    char *const extra[] = {"LD_DEBUG=files", NULL};
    struct run_result result = world_run(world, RUN_SHIM, extra, argv);
    expect_exit(&result, 0, "libechshim.so");
    bool met = true;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        bool mapped = strstr(result.err, never[i]) != NULL;
        met = met && !mapped;
        cr_expect_not(mapped, "%s is mapped by /usr/bin/env true", never[i]);
    }
    fprintf(out,
            "\n`/usr/bin/env true` maps the stub, and neither the engine nor GnuTLS, nettle or "
            "ldns: %s.\n",
            bench_goal(met));
}

Test(bench, start)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    FILE *out = bench_table("2-start", "Programs without TLS",
                            "`true`, and a program that gets detours, by posix_spawn, 500 pairs in "
                            "turn each; the official\nnode, 61 turns, with the shim, its detours "
                            "alone, and under `echshim --strict`; resident size\nof `cat`, 31 "
                            "pairs; medians.");
    fprintf(out,
            "| figure                  | without |   with |  added |          goal |        |\n"
            "| ----------------------- | ------: | -----: | -----: | ------------: | ------ |\n");
    measure_program(world, out, (char *[]){"true", NULL}, "`true`, wall, us", "`true`, CPU, us",
                    GOAL_START_US);
    char inside[300];
    snprintf(inside, sizeof inside, "%s/openssl_inside", world->clients);
    measure_program(world, out, (char *[]){inside, NULL}, "with detours, wall, us",
                    "with detours, CPU, us", GOAL_DETOURS_US);
    measure_node(world, out);
    measure_memory(world, out);
    check_mappings(world, out);
    fclose(out);
}
