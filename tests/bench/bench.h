/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

/* The benchmarks are a Criterion program like the preload tests. Each writes one table into the
 * folder ECHSHIM_BENCH_RESULTS. The variants run in turn, so other load on the machine hits all of
 * them. A table shows the median; where the noise is as large as the difference, it also shows the
 * difference between the quietest runs. A goal that noise can spoil is only marked as missed; any
 * other missed goal fails the test. */

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
/* `part` is from 0, the least value, to 1, the largest. */
double bench_quantile(const struct bench_series *series, double part);
/* What `with` costs more than `without` in the same turn: as a difference, as ratios. */
double bench_median_added(const struct bench_series *with, const struct bench_series *without);
struct bench_series bench_ratios(const struct bench_series *with,
                                 const struct bench_series *without);

/* Opens a table in the results; close it with fclose. `text` says how it was measured. */
FILE *bench_table(const char *file, const char *title, const char *text);
const char *bench_goal(bool met);

/* What a program took. */
struct bench_cost {
    double wall_us;
    double cpu_us; /* user and kernel time of the program and of the children it waited for */
};

double bench_now_us(void);
/* CPU time of all children waited for so far. */
double bench_children_cpu_us(void);
/* Runs the command in the world; it must end with 0. */
struct bench_cost bench_run(struct world *world, enum run_mode mode, char *const extra[],
                            char *const argv[]);

/* For programs under the shim: nothing is logged, as by default. */
#define QUIET "ECHSHIM_LOG=off", "ECHSHIM_REPORT="

/* One of the looping clients (loop.h): its library, server name and number of handshakes. */
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

/* What connection `number`, from 1, of a world with a relay shows of its first ClientHello. */
struct bench_hello {
    size_t octets; /* the handshake message with its header */
    size_t ech;    /* the ECH extension with its header; 0: none */
};
struct bench_hello bench_wire_hello(struct world *world, unsigned number);

#endif
