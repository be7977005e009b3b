/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What echshim costs a Go program of our own (go_program.h). */
#include "tests/tools/launcher/go_program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The way to the server takes 20 ms, so that its round trips show. */
static void say_first(const char *what, const char *options, const struct world_options *given)
{
    struct world_options far = *given;
    far.delay_ms = 20;
    struct world *world = go_program_start(&far);
    if (world == NULL) {
        return;
    }
    char *line = go_program_command("time 127.0.0.1:443 " INNER_NAME " 10");
    struct run_result result =
        options == NULL ? world_shell(world, RUN_PLAIN, NULL, line) : launch(world, options, line);
    go_program_say(what, &result);
    cr_assert_not_null(strstr(result.out, "done 11 "), "%s: %s%s", what, result.out, result.err);
    world_end();
}

Test(go_program, time_of_the_first_handshake)
{
    const struct world_options right = {.delay_ms = 0};
    const struct world_options stale = {.stale_config = true};
    say_first("far, without echshim", NULL, &right);
    say_first("far, --strict", "-q --strict", &right);
    say_first("far, --strict --no-retry: the server is not asked before", "-q --strict --no-retry",
              &right);
    say_first("far, --strict, a stale key", "-q --strict", &stale);
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/* The median, with the shell that begins it. */
static double time_of_start(struct world *world, const char *options)
{
    enum { STARTS = 21 };
    double times[STARTS];
    for (int i = 0; i < STARTS; i++) {
        double begin = milliseconds();
        struct run_result result =
            options == NULL ? world_shell(world, RUN_PLAIN, NULL, go_program_command("start"))
                            : launch(world, options, go_program_command("start"));
        times[i] = milliseconds() - begin;
        expect_exit(&result, 0, NULL);
    }
    qsort(times, STARTS, sizeof *times, compare);
    return times[STARTS / 2];
}

Test(go_program, time)
{
    struct world *world = go_program_start(&(struct world_options){.direct = true});
    if (world == NULL) {
        return;
    }
    char *line = go_program_command("time 127.0.0.1:443 " INNER_NAME " 300");
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, line);
    go_program_say("a handshake without echshim", &result);
    result = launch(world, "-q --strict", line);
    go_program_say("a handshake with ECH, --strict", &result);
    cr_assert_not_null(strstr(result.out, "accepted 301 failed 0"), "%s", result.out);
    result = launch(world, "-q --mode=opportunistic", line);
    go_program_say("a handshake with ECH, opportunistic", &result);
    fprintf(stderr,
            "go_program: %s: a start: %.1f ms; under echshim with --go=off %.1f, opportunistic "
            "%.1f, strict %.1f\n",
            strrchr(go_program(), '/') + 1, time_of_start(world, NULL),
            time_of_start(world, "-q --mode=opportunistic --go=off"),
            time_of_start(world, "-q --mode=opportunistic"), time_of_start(world, "-q --strict"));
}
