/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the launcher adds to the start of a program. */
#include "bench.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { TURNS = 300, WAYS = 4, GOAL_US = 5000 };

static double spawn_us(char *const argv[], char *const environment[],
                       const posix_spawn_file_actions_t *actions, int exit_status)
{
    int status = 0;
    pid_t pid;
    double before = bench_now_us();
    cr_assert_eq(posix_spawnp(&pid, argv[0], actions, NULL, argv, environment), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == exit_status);
    return bench_now_us() - before;
}

/* A Go program that prints its help. The launcher reads its file, starts a supervisor and leads it.
 * Nobody waits for that more than once, and a look-up over DNS takes as long. */
static void measure_go(FILE *out, const char *program, char *tool, char *const environment[])
{
    enum { GO_TURNS = 60, GO_WAYS = 4, GO_GOAL_US = 50000, GO_STATUS = 2 };
    char *go = (char *)(size_t)program;
    char *const commands[GO_WAYS][5] = {{go, "-h", NULL},
                                        {tool, "--go=off", go, "-h", NULL},
                                        {tool, "-q", go, "-h", NULL},
                                        {tool, "--strict", go, "-h", NULL}};
    static const char *const names[GO_WAYS] = {"a Go program", "`echshim --go=off GO`",
                                               "`echshim GO`", "`echshim --strict GO`"};
    struct bench_series wall[GO_WAYS] = {{.count = 0}};
    posix_spawn_file_actions_t silent;
    cr_assert_eq(posix_spawn_file_actions_init(&silent), 0);
    cr_assert_eq(posix_spawn_file_actions_addopen(&silent, 2, "/dev/null", O_WRONLY, 0), 0);
    for (int turn = 0; turn < GO_TURNS; turn++) {
        for (int way = 0; way < GO_WAYS; way++) {
            bench_add(&wall[way], spawn_us(commands[way], environment, &silent, GO_STATUS));
        }
    }
    for (int way = 1; way < GO_WAYS; way++) {
        double added = bench_median_added(&wall[way], &wall[0]);
        fprintf(out, "| %-23s | %6.0f | %+6.0f | %+5d at most | %-6s |\n", names[way],
                bench_median(&wall[way]), added, GO_GOAL_US, bench_goal(added <= GO_GOAL_US));
    }
    (void)posix_spawn_file_actions_destroy(&silent);
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
            bench_add(&wall[way], spawn_us(commands[way], environment, NULL, 0));
        }
    }
    FILE *out = bench_table(
        "2-launcher", "The launcher",
        "posix_spawn, 300 turns; wall time in microseconds, medians. With `--strict` the launcher\n"
        "first asks the dynamic loader what it would load. `GO` is hey, a Go program whose ECH "
        "the\n"
        "launcher switches on (60 turns; it is of Debian 13, or BENCH_GO names it): its "
        "file\n"
        "is read, a supervisor starts, and the program is traced to its first instruction.");
    fprintf(out, "| command                 |    all |  added |          goal |        |\n"
                 "| ----------------------- | -----: | -----: | ------------: | ------ |\n");
    for (int way = 1; way < WAYS; way++) {
        double added = bench_median_added(&wall[way], &wall[0]);
        fprintf(out, "| %-23s | %6.0f | %+6.0f | %+5d at most | %-6s |\n", names[way],
                bench_median(&wall[way]), added, GOAL_US, bench_goal(added <= GOAL_US));
    }
    const char *go = getenv("ECHSHIM_BENCH_GO");
    if (go != NULL && *go != '\0') {
        measure_go(out, go, tool, environment);
    }
    fclose(out);
}
