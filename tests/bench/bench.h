/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

/* Figures. A Criterion program like that of the preload tests, whose tests measure: each writes one
 * table into the folder ECHSHIM_BENCH_RESULTS. What is compared runs in turn, so that whatever else
 * the machine does is in both; what is told is the median, and where the machine's noise is as
 * large as what is looked for, also the difference between the quietest of either. A goal that
 * noise can spoil is marked as missed, any other one fails the test. */

#include "tests/preload/world.h"

#include <stdint.h>
#include <stdio.h>

enum { BENCH_VALUES = 1024 };

/* One kind of measurement, repeated. */
struct bench_series {
    double values[BENCH_VALUES];
    size_t count;
};

void bench_add(struct bench_series *series, double value);
double bench_median(const struct bench_series *series);
/* `part` from 0, the least, to 1, the largest. */
double bench_quantile(const struct bench_series *series, double part);
/* Of what `with` has over `without` in the same turn: as a difference, as ratios. */
double bench_median_added(const struct bench_series *with, const struct bench_series *without);
struct bench_series bench_ratios(const struct bench_series *with,
                                 const struct bench_series *without);

/* A table in the results, to be closed by fclose; `text` says how it was measured. */
FILE *bench_table(const char *file, const char *title, const char *text);
const char *bench_goal(bool met);

/* What a program took. */
struct bench_cost {
    double wall_us;
    double cpu_us; /* of the program and what it waited for, in user space and in the kernel */
};

double bench_now_us(void);
/* Of the children that were waited for so far. */
double bench_children_cpu_us(void);
/* Runs it in the world; it has to end with 0. */
struct bench_cost bench_run(struct world *world, enum run_mode mode, char *const extra[],
                            char *const argv[]);

/* One of the looping clients (loop.h), for libraries by these names. */
struct bench_loop {
    const char *library; /* openssl or gnutls */
    const char *server_name;
    unsigned count;
};
struct bench_loop_result {
    double cpu_us; /* of one handshake */
    long grown_kib;
};
struct bench_loop_result bench_loop_run(struct world *world, enum run_mode mode,
                                        char *const extra[], const struct bench_loop *loop);

#endif
