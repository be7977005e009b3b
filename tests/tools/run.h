/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a tool of ECHSHIM_TEST_TOOLS as a shell would, and keeps what it printed.
 */
#ifndef TESTS_TOOLS_RUN_H
#define TESTS_TOOLS_RUN_H

enum { RUN_OUTPUT_MAX = 1 << 18 };

struct run {
    int status; /* exit status; 128 + the signal that ended it */
    char out[RUN_OUTPUT_MAX];
    char err[RUN_OUTPUT_MAX];
};

/* arguments[0] is the tool's name; the last one is NULL. `input` goes to standard input, or is
 * NULL. The test fails if the tool cannot run. */
void run_tool(struct run *run, const char *input, const char *const *arguments);

#define RUN(run, ...) run_tool(run, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* The test fails, and shows all of the output, if the output does not contain `text`. */
void assert_printed(const char *output, const char *text);

#endif
