/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fault injection: runs a scenario again and again. Each run lets one more call succeed before one
 * fails, until a run ends without a failure. Only two things fail: allocations of the code under
 * test (it is linked with malloc and the like wrapped; the tests' tools are not), and random
 * sources that ask faults_hit. They fail only between faults_enter and faults_leave.
 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/unit/hello_tools.h"

enum fault_kind { FAULT_MEMORY, FAULT_RANDOM };

/*
 * Runs the scenario until it meets no fault. After each run the code under test must have freed all
 * it allocated. Prints the number of faults, and fails if there were fewer than `least`. Passes the
 * context on.
 */
void faults_run(const char *name, enum fault_kind kind, size_t least,
                void (*scenario)(const void *context), const void *context);

/* Was there a fault in this run? */
bool faults_injected(void);
/* True if this call, of that kind, must fail. */
bool faults_hit(enum fault_kind kind);

/* Put these around the tested call. They do not nest. A callback calls faults_pause, with
 * faults_leave after it by faults_resume. */
void faults_enter(void);
void faults_leave(void);
bool faults_pause(void);
void faults_resume(bool was_inside);

/* The value of a call that may meet faults. */
#define FAULTY(call)                                                                               \
    ({                                                                                             \
        faults_enter();                                                                            \
        __typeof__(call) faulty_value = (call);                                                    \
        faults_leave();                                                                            \
        faulty_value;                                                                              \
    })

/* The code under test's free, for what a caller must free. */
void faults_free(void *block);

/* The same octets in every run; fails where a fault is due. */
struct ech_random faults_random(struct test_source *source);

#endif
