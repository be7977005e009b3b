/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Senders of HPKE that are prepared while a connection is made: no two hellos share one. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(prepared, .fini = world_end, .timeout = 120);

enum { TURNS = 10, WORKERS = 8, ENC_LINE = 69, LINES_MAX = 200 };

static int compare(const void *a, const void *b)
{
    return strncmp(*(const char *const *)a, *(const char *const *)b, ENC_LINE - 1);
}

/* All hellos of the run that came with a key, and no two with the same. */
static void expect_different(const char *out, size_t count)
{
    const char *lines[LINES_MAX];
    size_t found = 0;
    for (const char *at = out; (at = strstr(at, "enc ")) != NULL; at += ENC_LINE) {
        cr_assert_lt(found, LINES_MAX);
        lines[found++] = at;
    }
    cr_assert_eq(found, count, "%zu hellos", found);
    qsort(lines, found, sizeof *lines, compare);
    for (size_t i = 1; i < found; i++) {
        cr_assert_neq(compare(&lines[i - 1], &lines[i]), 0, "two hellos have one key:\n%s", out);
    }
}

/* Runs a mode of the client with so many hellos; returns how many were prepared. */
static unsigned run(const char *mode, size_t hellos, char *const extra[])
{
    char command[200];
    unsigned count = 0;
    size_t length;
    struct world *world = world_start(&(struct world_options){.direct = true});
    snprintf(command, sizeof command, "\"$CLIENTS/prepared\" 127.0.0.9 443 " INNER_NAME " %s",
             mode);
    struct run_result result = world_shell(world, RUN_SHIM, extra, command);
    expect_exit(&result, 0, NULL);
    expect_different(result.out, hellos);
    const char *log = world_read(world, "shim.log", &length);
    for (const char *at = log; (at = strstr(at, "was prepared while")) != NULL; at++) {
        count++;
    }
    return count;
}

/* The first hello teaches which config the address needs. */
Test(prepared, ech_20_for_each_hello_but_the_first)
{
    cr_assert_eq(run("repeat", TURNS, NULL), TURNS - 1);
}

Test(prepared, in_strict_mode)
{
    cr_assert_eq(run("repeat", TURNS, (char *[]){"ECHSHIM_MODE=strict", NULL}), TURNS - 1);
}

/* There is no time to use. */
Test(prepared, none_for_a_connect_that_blocks)
{
    cr_assert_eq(run("blocking", TURNS, NULL), 0);
}

/* A program that connects and never speaks TLS has one made, however often it connects. */
Test(prepared, connections_without_tls_use_none)
{
    cr_assert_eq(run("unused", 3, NULL), 1);
}

/* Of the hellos of parent and child, which were both connected before the fork, the parent's alone
 * may be prepared. Both prepare their next. */
Test(prepared, ech_20_across_forks)
{
    enum { FIRST = 1, HELLOS = 5, PREPARED = 4 };
    cr_assert_eq(run("forks", (size_t)TURNS * HELLOS, NULL), TURNS * PREPARED - FIRST);
}

Test(prepared, ech_20_in_threads)
{
    unsigned prepared = run("threads", (size_t)TURNS * WORKERS, NULL);
    cr_assert_gt(prepared, 0);
    cr_assert_lt(prepared, TURNS * WORKERS);
}

/* Where connect() is called in a signal handler, nothing is made there. */
Test(prepared, none_in_a_handler)
{
    cr_assert_eq(run("handlers", 1 + TURNS, NULL), 0);
}

Test(prepared, none_if_a_handler_may_nest)
{
    cr_assert_eq(run("nested", 1 + TURNS, NULL), 0);
}

Test(prepared, a_program_with_handlers_has_them_too)
{
    cr_assert_eq(run("with-handler", TURNS, NULL), TURNS - 1);
}

/* ---- names ---- */

/* getaddrinfo tells the config before the first connection. */
Test(prepared, for_the_first_hello_of_curl)
{
    size_t length;
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    cr_assert_not_null(strstr(world_read(world, "shim.log", &length), "was prepared while"));
}

/* Nothing is made for a host that gets no ECH. */
static void expect_none(struct world *world, char *const extra[])
{
    size_t length;
    struct run_result result = world_shell(world, RUN_SHIM, extra, CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_null(strstr(world_read(world, "shim.log", &length), "was prepared while"));
}

Test(prepared, none_in_mode_grease)
{
    expect_none(world_start(NULL), (char *[]){"ECHSHIM_MODE=grease", NULL});
}

Test(prepared, none_without_a_record)
{
    expect_none(world_start(&(struct world_options){.no_https_record = true}), NULL);
}
