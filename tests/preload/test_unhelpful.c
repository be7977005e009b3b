/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Networks with a resolver that does not do its work. It costs a program a bounded time, and no
 * more ECH than necessary. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

TestSuite(unhelpful, .fini = world_end, .timeout = 120);

/* Six names of one server; each has a record with a working key. */
#define NAMES "one two three four five six"
#define ADDRESSES                                                                                  \
    "  local-data: 'one.example.org. 60 IN A 127.0.0.1'\n"                                         \
    "  local-data: 'two.example.org. 60 IN A 127.0.0.1'\n"                                         \
    "  local-data: 'three.example.org. 60 IN A 127.0.0.1'\n"                                       \
    "  local-data: 'four.example.org. 60 IN A 127.0.0.1'\n"                                        \
    "  local-data: 'five.example.org. 60 IN A 127.0.0.1'\n"                                        \
    "  local-data: 'six.example.org. 60 IN A 127.0.0.1'\n"

/* The certificate is for another name: these tests only measure time. */
#define SIX                                                                                        \
    "for name in " NAMES "; do urls=\"$urls https://$name.example.org/\"; done; "                  \
    "curl -sS -o /dev/null -w '%{http_code} ' -k "                                                 \
    "$(for url in $urls; do echo \"-o /dev/null $url\"; done)"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double time_with(struct world *world, enum run_mode mode, char *const environment[],
                        const char *command, const char *said)
{
    double start = seconds();
    struct run_result result = world_shell(world, mode, environment, command);
    double took = seconds() - start;
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, said, "%s%s", result.out, result.err);
    return took;
}

static double time_of(struct world *world, enum run_mode mode, const char *command,
                      const char *said)
{
    return time_with(world, mode, NULL, command, said);
}

/*
 * Seconds that the shim waits for the resolver: what a run takes beyond one that waits for a
 * millisecond. So the start of the program, and of a sanitizer's runtime, do not count. The least
 * of three runs of each, because others use the machine too.
 */
static double waited(struct world *world, const char *timeout, const char *command,
                     const char *said)
{
    char *const short_wait[] = {"ECHSHIM_TIMEOUT_MS=1", NULL};
    char *const wait[] = {(char *)(uintptr_t)timeout, NULL};
    double least = 1e9;
    double least_short = 1e9;
    for (int i = 0; i < 3; i++) {
        double took = time_with(world, RUN_SHIM, wait, command, said);
        double took_short = time_with(world, RUN_SHIM, short_wait, command, said);
        least = took < least ? took : least;
        least_short = took_short < least_short ? took_short : least_short;
    }
    return least - least_short;
}

static struct world *start(const char *const options[])
{
    struct world *world = world_start(&(struct world_options){.dns_lines = ADDRESSES});
    world_relay_dns(world, options);
    return world;
}

/* The first three names wait for a quarter of a second each, the others for 50 ms. */
Test(unhelpful, dropped_questions_cost_six_names_less_than_a_second_and_a_half)
{
    static const char said[] = "200 200 200 200 200 200 ";
    struct world *world = start((const char *[]){"--type", "65", "--drop", "all", NULL});
    double more = waited(world, NULL, SIX, said);
    cr_assert_lt(more, 1.2, "%f s more", more);
    cr_assert_eq(world_report_count(world, "grease"), 36u);
}

Test(unhelpful, the_first_connection_waits_no_longer_than_a_quarter_of_a_second)
{
    struct world *world = start((const char *[]){"--type", "65", "--drop", "all", NULL});
    double more = waited(world, NULL, CURL, "hello from " INNER_NAME "\n");
    cr_assert_gt(more, 0.15, "%f s more", more);
    cr_assert_lt(more, 0.4, "%f s more", more);
}

Test(unhelpful, records_that_come_150_ms_after_the_addresses_are_used)
{
    struct world *world = start((const char *[]){"--type", "65", "--more-ms", "150", NULL});
    (void)time_of(world, RUN_SHIM, CURL, "hello from " INNER_NAME "\n");
    (void)time_of(world, RUN_SHIM, WGET, "hello from " INNER_NAME "\n");
    world_expect_accepted(world, 2);
}

Test(unhelpful, one_lost_datagram_loses_no_ech)
{
    struct world *world = start((const char *[]){"--type", "65", "--drop", "1", NULL});
    (void)time_of(world, RUN_SHIM, CURL, "hello from " INNER_NAME "\n");
    world_expect_accepted(world, 1);
}

Test(unhelpful, a_slow_resolver_gives_the_next_connection_its_ech)
{
    struct world *world = start((const char *[]){"--type", "65", "--more-ms", "400", NULL});
    (void)time_of(world, RUN_SHIM,
                  "/usr/bin/python3 -c 'import urllib.request as r, time; u = \"" URL "\"\n"
                  "r.urlopen(u); time.sleep(0.5); r.urlopen(u)'",
                  "");
    cr_assert_eq(world_report_count(world, "grease"), 1u);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
}

/* Strict mode needs ECH: it waits as long as the setting says. */
Test(unhelpful, strict_keeps_its_bound)
{
    struct world *world = start((const char *[]){"--type", "65", "--more-ms", "800", NULL});
    char *const strict[] = {"ECHSHIM_MODE=strict", NULL};
    struct run_result result = world_shell(world, RUN_SHIM, strict, CURL);
    expect_exit(&result, 0, "hello from " INNER_NAME);
    world_expect_accepted(world, 1);
    char *const shorter[] = {"ECHSHIM_MODE=strict", "ECHSHIM_TIMEOUT_MS=300", NULL};
    result = world_shell(world, RUN_SHIM, shorter, CURL);
    expect_exit(&result, 35, NULL);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    world_expect_hidden(world);
}

/* ECHSHIM_TIMEOUT_MS can also shorten the wait of opportunistic mode. */
Test(unhelpful, a_shorter_bound_is_kept)
{
    struct world *world = start((const char *[]){"--type", "65", "--drop", "all", NULL});
    double more = waited(world, "ECHSHIM_TIMEOUT_MS=20", CURL, "hello from " INNER_NAME "\n");
    cr_assert_lt(more, 0.15, "%f s more", more);
}

Test(unhelpful, a_resolver_that_refuses_edns)
{
    struct world *world = start((const char *[]){"--edns", "formerr", NULL});
    (void)time_of(world, RUN_SHIM, CURL, "hello from " INNER_NAME "\n");
    world_expect_accepted(world, 1);
}

Test(unhelpful, a_resolver_that_drops_edns)
{
    struct world *world = start((const char *[]){"--edns", "drop", NULL});
    (void)time_of(world, RUN_SHIM, CURL, "hello from " INNER_NAME "\n");
    char *const strict[] = {"ECHSHIM_MODE=strict", NULL};
    struct run_result result = world_shell(world, RUN_SHIM, strict, WGET);
    expect_exit(&result, 0, "hello from " INNER_NAME);
    world_expect_accepted(world, 2);
}

/* ---- records that lead to another host; its addresses do not come ---- */

#define THERE                                                                                      \
    "  local-data: 'led.example.org. 60 IN A 127.0.0.1'\n"                                         \
    "  local-data: 'led.example.org. 60 IN HTTPS 1 there.example.org. ech=\"AAj+CgAEAAAAAA==\"'\n" \
    "  local-data: 'there.example.org. 60 IN A 127.0.0.1'\n"

/* glibc alone would wait for at least 10 seconds. */
static void check_family(const char *type)
{
    struct world *world = world_start(&(struct world_options){.dns_lines = THERE, .direct = true});
    world_relay_dns(world, (const char *[]){"--type", type, "--drop", "all", "--name",
                                            "there.example.org.", NULL});
    static const char ask[] =
        "/usr/bin/python3 -c 'import socket, ssl\n"
        "for i in 1, 2: socket.getaddrinfo(\"led.example.org\", 443, 0, socket.SOCK_STREAM)'";
    double without = time_of(world, RUN_PLAIN, ask, "");
    double with = time_of(world, RUN_SHIM, ask, "");
    cr_assert_lt(with - without, 1.0, "%f s more", with - without);
}

Test(unhelpful, a_target_whose_ipv6_addresses_do_not_come)
{
    check_family("28");
}

Test(unhelpful, a_target_whose_ipv4_addresses_do_not_come)
{
    check_family("1");
}
