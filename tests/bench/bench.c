/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

TestSuite(bench, .fini = world_end, .timeout = 1800);

void bench_add(struct bench_series *series, double value)
{
    cr_assert_lt(series->count, (size_t)BENCH_VALUES);
    series->values[series->count++] = value;
}

static int compare(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

double bench_quantile(const struct bench_series *series, double part)
{
    struct bench_series sorted = *series;
    cr_assert_gt(series->count, (size_t)0);
    qsort(sorted.values, sorted.count, sizeof *sorted.values, compare);
    return sorted.values[(size_t)(part * (double)(sorted.count - 1) + 0.5)];
}

double bench_median(const struct bench_series *series)
{
    return bench_quantile(series, 0.5);
}

double bench_median_added(const struct bench_series *with, const struct bench_series *without)
{
    struct bench_series added = {.count = 0};
    for (size_t i = 0; i < with->count; i++) {
        bench_add(&added, with->values[i] - without->values[i]);
    }
    return bench_median(&added);
}

struct bench_series bench_ratios(const struct bench_series *with,
                                 const struct bench_series *without)
{
    struct bench_series ratios = {.count = 0};
    for (size_t i = 0; i < with->count; i++) {
        bench_add(&ratios, with->values[i] / without->values[i]);
    }
    return ratios;
}

FILE *bench_table(const char *file, const char *title, const char *text)
{
    char name[4096];
    const char *folder = getenv("ECHSHIM_BENCH_RESULTS");
    snprintf(name, sizeof name, "%s/%s.md", folder != NULL ? folder : ".", file);
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out, "%s cannot be written", name);
    fprintf(out, "## %s\n\n%s\n\n", title, text);
    return out;
}

const char *bench_goal(bool met)
{
    return met ? "met" : "MISSED";
}

double bench_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

double bench_children_cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

struct bench_cost bench_run(struct world *world, enum run_mode mode, char *const extra[],
                            char *const argv[])
{
    struct bench_cost before = {bench_now_us(), bench_children_cpu_us()};
    struct run_result result = world_run(world, mode, extra, argv);
    struct bench_cost cost = {bench_now_us() - before.wall_us,
                              bench_children_cpu_us() - before.cpu_us};
    expect_exit(&result, 0, NULL);
    free(result.out);
    free(result.err);
    return cost;
}

struct bench_loop_result bench_loop_run(struct world *world, enum run_mode mode,
                                        char *const extra[], const struct bench_loop *loop)
{
    char program[512];
    char count[16];
    struct bench_loop_result measured;
    snprintf(program, sizeof program, "%s/loop_%s", world->clients, loop->library);
    snprintf(count, sizeof count, "%u", loop->count);
    char *const argv[] = {
        program, (char *)(size_t)loop->server_name, "127.0.0.1", "443", world->ca, count, NULL};
    struct run_result result = world_run(world, mode, extra, argv);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(sscanf(result.out, "%lf %ld", &measured.cpu_us, &measured.grown_kib), 2, "%s",
                 result.out);
    free(result.out);
    free(result.err);
    return measured;
}
