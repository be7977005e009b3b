/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fault injection: a scenario is run again and again, and each time one call more goes well before
 * one fails, until a run ends without a failure. What fails are the allocations of the code under
 * test alone (it is linked with its malloc and the like wrapped, the tests' tools are not), and the
 * random sources that ask faults_hit; and only between faults_enter and faults_leave.
 */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/unit/hello_tools.h"

enum fault_kind { FAULT_MEMORY, FAULT_RANDOM };

/*
 * Runs the scenario until it meets no fault; after each run, everything that the code under test
 * has allocated must be freed. Prints how many faults there were, and fails if there were fewer
 * than `least`. A context is passed on.
 */
void faults_run(const char *name, enum fault_kind kind, size_t least,
                void (*scenario)(const void *context), const void *context);

/* Was there a fault in this run? */
bool faults_injected(void);
/* True if this call, of that kind, is the one that has to fail. */
bool faults_hit(enum fault_kind kind);

/* Around what is tested. They do not nest; faults_pause in a callback, with faults_leave after it
 * by faults_resume. */
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

/* The free of the code under test, for what a caller has to free. */
void faults_free(void *block);

/* The same octets in every run, and a fault where one is due. */
struct ech_random faults_random(struct test_random *source);

#endif
