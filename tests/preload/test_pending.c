/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One process with thousands of handshakes that wait for the server's answer. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(pending, .fini = world_end, .timeout = 900);
TestSuite(baseline_pending, .fini = world_end, .timeout = 900);

#define HOLDER "127.0.0.7:443"

enum { PENDING = 1500, RUN_SECONDS = 600 };

/* ECHSHIM_TEST_PENDING gives the number (`make check-pending`: 10,000). */
static int pending_count(void)
{
    const char *many = getenv("ECHSHIM_TEST_PENDING");
    return many != NULL ? atoi(many) : PENDING;
}

static struct run_result run(struct world *world, enum run_mode mode, char *const extra[])
{
    char script[400];
    char count[16];
    char command[300];
    char done[64];
    snprintf(script, sizeof script, "%s/../../tests/preload/holder.py", world->pki);
    snprintf(count, sizeof count, "%d", pending_count());
    world_spawn(world, "holder", "listening",
                (char *[]){"/usr/bin/python3", script, HOLDER, RELAY_ADDRESS, count, NULL});
    world->run_seconds = RUN_SECONDS;
    snprintf(command, sizeof command,
             "\"$CLIENTS/pending\" 127.0.0.7 443 " INNER_NAME " \"$CA\" %s", count);
    struct run_result result = world_shell(world, mode, extra, command);
    snprintf(done, sizeof done, "done %s of %s", count, count);
    expect_exit(&result, 0, done);
    cr_assert_not_null(strstr(world_read(world, "holder.out", NULL), "all are pending"));
    return result;
}

/* Each is sealed and accepted. The guard takes none for TLS without hooks. None is more expensive
 * than the first ones. */
Test(pending, strict)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    unsigned count = (unsigned)pending_count();
    struct run_result result = run(world, RUN_SHIM, (char *[]){"ECHSHIM_MODE=strict", NULL});
    cr_assert_eq(world_report_count(world, "accepted"), count);
    cr_assert_eq(world_report_count(world, "refused"), 0);
    cr_assert_eq(world_log_count(world, "accepted", count), count);
    const char *ratio = strstr(result.out, "ratio ");
    printf("%s", result.out);
    cr_assert_lt(atof(ratio + strlen("ratio ")), 3.0, "%s", result.out);
}

Test(baseline_pending, all)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    (void)run(world, RUN_PLAIN, NULL);
}
