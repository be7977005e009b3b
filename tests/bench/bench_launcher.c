/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the launcher adds to the start of a program. */
#include "bench.h"

#include <criterion/criterion.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { TURNS = 300, WAYS = 4, GOAL_US = 5000 };

static double spawn_us(char *const argv[], char *const environment[])
{
    int status = 0;
    pid_t pid;
    double before = bench_now_us();
    cr_assert_eq(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environment), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    return bench_now_us() - before;
}

Test(bench, launcher)
{
    char tool[4096];
    char path[4096];
    const char *folder = getenv("ECHSHIM_TEST_TOOLS");
    cr_assert_not_null(folder);
    snprintf(tool, sizeof tool, "%s/echshim", folder);
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    char *const environment[] = {path, "LC_ALL=C", NULL};
    char *const commands[WAYS][4] = {{"true", NULL},
                                     {tool, "true", NULL},
                                     {tool, "--strict", "true", NULL},
                                     {tool, "--off", "true", NULL}};
    static const char *const names[WAYS] = {"`true`", "`echshim true`", "`echshim --strict true`",
                                            "`echshim --off true`"};
    struct bench_series wall[WAYS] = {{.count = 0}};
    for (int turn = 0; turn < TURNS; turn++) {
        for (int way = 0; way < WAYS; way++) {
            bench_add(&wall[way], spawn_us(commands[way], environment));
        }
    }
    FILE *out = bench_table(
        "2-launcher", "The launcher",
        "posix_spawn, 300 turns; wall time in microseconds, medians. With `--strict` the launcher\n"
        "first asks the dynamic loader what it would load.");
    fprintf(out, "| command                 |    all |  added |          goal |        |\n"
                 "| ----------------------- | -----: | -----: | ------------: | ------ |\n");
    for (int way = 1; way < WAYS; way++) {
        double added = bench_median_added(&wall[way], &wall[0]);
        fprintf(out, "| %-23s | %6.0f | %+6.0f | %+5d at most | %-6s |\n", names[way],
                bench_median(&wall[way]), added, GOAL_US, bench_goal(added <= GOAL_US));
    }
    fclose(out);
}
