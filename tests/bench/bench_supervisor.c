/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the filter and the supervisor of strict mode add to system calls. */
#include "bench.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { TURNS = 15, CALLS = 5 };

static void run_calls(const char *prefix, const char *program, struct bench_series out[CALLS])
{
    char command[8192];
    double values[CALLS];
    snprintf(command, sizeof command, "%s %s/%s 2000", prefix, getenv("ECHSHIM_BENCH_CLIENTS"),
             program);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    int count = fscanf(pipe, "%lf %lf %lf %lf %lf", &values[0], &values[1], &values[2], &values[3],
                       &values[4]);
    cr_assert_eq(pclose(pipe), 0);
    cr_assert_eq(count, CALLS);
    for (size_t i = 0; i < CALLS; i++) {
        bench_add(&out[i], values[i]);
    }
}

/* Goals in nanoseconds: a connect, other calls. */
enum { GOAL_CONNECT = 20000, GOAL_OTHER = 100 };

Test(bench, supervisor)
{
    static const char *const names[CALLS] = {"connect", "getppid", "read", "write",
                                             "sendmsg, no address"};
    char launcher[4096];
    snprintf(launcher, sizeof launcher, "%s/echshim -q --strict", getenv("ECHSHIM_TEST_TOOLS"));
    struct bench_series plain[CALLS] = {{.count = 0}};
    struct bench_series held[CALLS] = {{.count = 0}};
    struct bench_series hooked[CALLS] = {{.count = 0}};
    for (int turn = 0; turn < TURNS; turn++) {
        run_calls("", "calls_static", plain);
        run_calls(launcher, "calls_static", held);
        run_calls(launcher, "calls", hooked);
    }
    FILE *out = bench_table("2-supervisor", "The supervisor",
                            "One system call, in nanoseconds, medians of 15 turns with 2,000 and "
                            "more calls each: a static\n"
                            "program, the same held by `echshim --strict`, and a dynamic one "
                            "there, with the shim in it.\n"
                            "connect is to a UNIX socket, so nothing of the network is in it.");
    fprintf(out,
            "| call                | static | held, added | with the shim, added |            goal "
            "|        |\n"
            "| ------------------- | -----: | ----------: | -------------------: | --------------: "
            "| ------ |\n");
    for (int call = 0; call < CALLS; call++) {
        double added = bench_median_added(&held[call], &plain[call]);
        double ours = bench_median_added(&hooked[call], &plain[call]);
        bool asks = call == 0 || call == CALLS - 1; /* the supervisor is asked */
        int goal = asks ? GOAL_CONNECT : GOAL_OTHER;
        fprintf(out, "| %-19s | %6.0f | %+11.0f | %+20.0f | %+7d at most | %-6s |\n", names[call],
                bench_median(&plain[call]), added, ours, goal, bench_goal(added <= goal));
    }
    fclose(out);
}
