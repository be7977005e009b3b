/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_TOOLS_LAUNCHER_TOOL_H
#define TESTS_TOOLS_LAUNCHER_TOOL_H

/* Runs a tool as a user does: what make built, in the folder that ECHSHIM_TEST_TOOLS names. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tool_result {
    int status; /* as waitpid returns it */
    char *out;  /* NUL-terminated; they live as long as the test */
    char *err;
};

/* The folder of the tools, and the path of a tool. */
const char *tool_folder(void);
char *tool_path(const char *name);
/* A program of tests/tools/launcher/programs. */
char *tool_program(const char *name);
/* A folder for this test alone. tool_end removes it: make that the test's .fini. */
const char *tool_temporary(void);
void tool_end(void);
/* Makes a file in that folder, and returns its path. */
char *tool_file(const char *name, const char *text, mode_t mode);

/* `argv[0]` is a tool's name or a path. `environment` has more NAME=VALUE items, and ends with NULL
 * (NULL: none). PATH, HOME and LC_ALL=C are always set. */
struct tool_result tool_run(char *const environment[], char *const argv[]);
/* The same in a child that first calls `before`. */
struct tool_result tool_run_before(void (*before)(void *context), void *context,
                                   char *const environment[], char *const argv[]);
/* Executes the tool in a child that the caller has forked; does not return. */
void tool_exec(char *const environment[], char *const argv[]);

/* The tool ended by exit with this code; otherwise the test fails and shows what the tool said. */
void tool_expect_exit(const struct tool_result *result, int code);
/* The tool's standard error (output) contains `text`. */
void tool_expect_err(const struct tool_result *result, const char *text);
void tool_expect_out(const struct tool_result *result, const char *text);
/* The tool wrote one line of its own on standard error, and nothing more. */
void tool_expect_sentence(const struct tool_result *result, int code, const char *text);

#define ARGV(...) ((char *[]){__VA_ARGS__, NULL})

#endif
