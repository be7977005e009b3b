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

enum { PENDING = 1500, FEW = 300, RUN_SECONDS = 600 };

/* ECHSHIM_TEST_PENDING gives the number (`make check-pending`: 10,000). */
static int pending_count(void)
{
    const char *many = getenv("ECHSHIM_TEST_PENDING");
    return many != NULL ? atoi(many) : PENDING;
}

/* `number` of the holder: each run of a world has its own. */
static struct run_result run_some(struct world *world, enum run_mode mode, char *const extra[],
                                  int number, int pending)
{
    char script[400];
    char holder[64];
    char name[32];
    char out[40];
    char count[16];
    char command[300];
    char done[64];
    snprintf(script, sizeof script, "%s/../../tests/preload/holder.py", world->pki);
    snprintf(count, sizeof count, "%d", pending);
    snprintf(holder, sizeof holder, "127.0.0.%d:443", number);
    snprintf(name, sizeof name, "holder%d", number);
    snprintf(out, sizeof out, "%s.out", name);
    world_spawn(world, name, "listening",
                (char *[]){"/usr/bin/python3", script, holder, RELAY_ADDRESS, count, NULL});
    world->run_seconds = RUN_SECONDS;
    snprintf(command, sizeof command,
             "\"$CLIENTS/pending\" 127.0.0.%d 443 " INNER_NAME " \"$CA\" %s", number, count);
    struct run_result result = world_shell(world, mode, extra, command);
    snprintf(done, sizeof done, "done %s of %s", count, count);
    expect_exit(&result, 0, done);
    cr_assert_not_null(strstr(world_read(world, out, NULL), "all are pending"));
    return result;
}

static struct run_result run(struct world *world, enum run_mode mode, char *const extra[])
{
    return run_some(world, mode, extra, 7, pending_count());
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

static long heap_of(const struct run_result *result)
{
    const char *heap = strstr(result->out, "heap: ");
    cr_assert_not_null(heap, "%s", result->out);
    return atol(heap + strlen("heap: "));
}

static long number_in_report(struct world *world, const char *field)
{
    const char *at = strstr(world_read(world, "report", NULL), field);
    cr_assert_not_null(at, "no %s in the report", field);
    return atol(at + strlen(field));
}

/* A hello that waits holds both hellos, which are needed if the server rejects it or asks again,
 * and at most 4 KiB beside them. */
Test(pending, heap)
{
    enum { BESIDE_HELLOS = 4096 };
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer has an allocator of its own");
    }
    struct world *world = world_start(&(struct world_options){.direct = true});
    struct run_result plain = run_some(world, RUN_PLAIN, NULL, 7, FEW);
    struct run_result shim = run_some(world, RUN_SHIM, NULL, 8, FEW);
    cr_assert_eq(world_report_count(world, "accepted"), FEW);
    long hellos = number_in_report(world, "\"hello_bytes_inner\":") +
                  number_in_report(world, "\"hello_bytes_outer\":");
    long added = heap_of(&shim) - heap_of(&plain);
    printf("a pending hello: %ld octets of heap, of which %ld are hellos\n", added, hellos);
    cr_assert_leq(added, hellos + BESIDE_HELLOS);
}

Test(baseline_pending, all)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    (void)run(world, RUN_PLAIN, NULL);
}
