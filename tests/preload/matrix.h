/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_MATRIX_H
#define TESTS_PRELOAD_MATRIX_H

/* One command, four tests: under the shim and without it, with and without HelloRetryRequest. If
 * the tests without the shim (suite baseline_SUITE) pass, a failure of the others is the shim's
 * fault.
 *
 *     MATRIX(SUITE, NAME, CONNECTIONS, TEXT, COMMAND)
 *
 * defines SUITE/NAME, SUITE/NAME_retry, baseline_SUITE/NAME and baseline_SUITE/NAME_retry. COMMAND
 * (for sh, in the world's folder, with $CA, $CLIENTS and $PKI) makes CONNECTIONS handshakes for
 * INNER_NAME and prints TEXT. Declare the suite by MATRIX_SUITE(SUITE) first. */

#include "world.h"

#include <criterion/criterion.h>

struct matrix_row {
    const char *command;
    const char *says;
    unsigned connections;
};

void matrix_check(const struct matrix_row *row, enum run_mode mode, bool hello_retry);

#define MATRIX_SUITE(suite)                                                                        \
    TestSuite(suite, .fini = world_end, .timeout = 120);                                           \
    TestSuite(baseline_##suite, .fini = world_end, .timeout = 120)

#define MATRIX(suite, name, count, text, sh)                                                       \
    static const struct matrix_row suite##_##name = {(sh), (text), (count)};                       \
    Test(suite, name)                                                                              \
    {                                                                                              \
        matrix_check(&suite##_##name, RUN_SHIM, false);                                            \
    }                                                                                              \
    Test(suite, name##_retry)                                                                      \
    {                                                                                              \
        matrix_check(&suite##_##name, RUN_SHIM, true);                                             \
    }                                                                                              \
    Test(baseline_##suite, name)                                                                   \
    {                                                                                              \
        matrix_check(&suite##_##name, RUN_PLAIN, false);                                           \
    }                                                                                              \
    Test(baseline_##suite, name##_retry)                                                           \
    {                                                                                              \
        matrix_check(&suite##_##name, RUN_PLAIN, true);                                            \
    }                                                                                              \
    struct matrix_row

#endif
