/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the shim costs in time on a slow path: it must add no round trip. */
#include "bench.h"
#include "tests/preload/checks.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DELAY_MS = 50, ROUNDS = 25 };
#define GOAL 1.02
#define SLOW_DOH "127.0.0.55"

static void start_slow_dns(struct world *world)
{
    char delay[16];
    snprintf(delay, sizeof delay, "%d", DELAY_MS);
    world_relay_dns(world, (const char *[]){"--delay-ms", delay, NULL});
}

/* One run fetches the page twice: time to the first octet, and from there to the second page. */
struct times {
    double cold_us;
    double warm_us;
};

static struct times fetch(struct world *world, enum run_mode mode, const char *resolver,
                          const char *program)
{
    char command[1000];
    struct times times;
    char *const extra[] = {(char *)(size_t)resolver, NULL};
    snprintf(command, sizeof command, "\"$CLIENTS/first_byte\" %s", program);
    struct run_result result = world_shell(world, mode, extra, command);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(sscanf(result.out, "%lf %lf", &times.cold_us, &times.warm_us), 2, "%s",
                 result.out);
    free(result.out);
    free(result.err);
    return times;
}

#define TWICE_CURL "curl -sS -H 'Connection: close' --cacert \"$CA\" " URL " " URL

static const struct {
    const char *name;
    const char *command;
} programs[] = {
    {"wget", "wget -q -O - --no-http-keep-alive --ca-certificate=\"$CA\" " URL " " URL},
    {"curl", TWICE_CURL},
};

static void tell(FILE *out, const char *program, const char *record,
                 const struct bench_series series[2])
{
    struct bench_series ratios = bench_ratios(&series[1], &series[0]);
    double ratio = bench_median(&ratios);
    fprintf(out, "| %-7s | %-6s | %10.1f | %7.1f | %5.3f | %.3f to %.3f | %.2f at most | %-6s |\n",
            program, record, bench_median(&series[0]) / 1e3, bench_median(&series[1]) / 1e3, ratio,
            bench_quantile(&ratios, 0.25), bench_quantile(&ratios, 0.75), GOAL,
            bench_goal(ratio <= GOAL));
}

Test(bench, latency)
{
    FILE *out = bench_table(
        "6-latency", "Time to the first octet",
        "From the start of the program to the first octet of the page, and from there to a second\n"
        "page. The second page comes over a new connection of the same process, and its record is\n"
        "cached. The system's resolver answers. Relays delay DNS (UDP) and the server's octets by "
        "50\n"
        "ms each way, but not the TCP handshake. With the shim: ECH accepted. 25 pairs in turn,\n"
        "medians, and the quartiles of the pairs' ratios.");
    fprintf(out,
            "| program | record | without ms | with ms | ratio |      quartiles |         goal "
            "|        |\n| ------- | ------ | ---------: | ------: | ----: | -------------: | "
            "-----------: | ------ |\n");
    struct world *world = world_start(&(struct world_options){.delay_ms = DELAY_MS});
    start_slow_dns(world);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        static struct bench_series cold[2];
        static struct bench_series warm[2];
        memset(cold, 0, sizeof cold);
        memset(warm, 0, sizeof warm);
        for (int round = 0; round < ROUNDS; round++) {
            for (int with = 0; with < 2; with++) {
                struct times times = fetch(world, with ? RUN_SHIM : RUN_PLAIN,
                                           "ECHSHIM_RESOLVER=system", programs[i].command);
                bench_add(&cold[with], times.cold_us);
                bench_add(&warm[with], times.warm_us);
            }
        }
        tell(out, programs[i].name, "cold", cold);
        tell(out, programs[i].name, "cached", warm);
    }
    cr_assert_eq(world_report_count(world, "accepted"), 4u * ROUNDS);
    fclose(out);
}

/* ---- DNS over HTTPS ---- */

static void start_slow_doh(struct world *world)
{
    char program[300];
    char record[200];
    char delay[16];
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    snprintf(record, sizeof record, "%s/doh", world->folder);
    snprintf(delay, sizeof delay, "%d", DELAY_MS);
    cr_assert_eq(mkdir(record, 0700), 0);
    char *const argv[] = {program,    "--listen", SLOW_DOH ":443", "--to", DNS_ADDRESS ":443",
                          "--record", record,     "--delay-ms",    delay,  NULL};
    world_spawn(world, "doh-relay", "listening ", argv);
    /* For the client that we compare with; it knows its server by name. */
    char name[200];
    snprintf(name, sizeof name, "%s/hosts", world->folder);
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out);
    fputs("127.0.0.1 localhost\n" SLOW_DOH " dns.example\n", out);
    fclose(out);
}

/* Sequential round trips to the DoH server, on the connection with the most of them. Clears the
 * records. */
static double take_trips(const struct world *world, unsigned *connections)
{
    char pattern[200];
    glob_t found = {0};
    struct stat status;
    double most = 0;
    snprintf(pattern, sizeof pattern, "%s/doh/*.trips", world->folder);
    glob(pattern, 0, NULL, &found);
    *connections = (unsigned)found.gl_pathc;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        cr_assert_eq(stat(found.gl_pathv[i], &status), 0);
        most = (double)status.st_size > most ? (double)status.st_size : most;
        unlink(found.gl_pathv[i]);
    }
    globfree(&found);
    return most;
}

Test(bench, latency_doh)
{
    static const char *const settings[] = {
        "ECHSHIM_MODE=off", "ECHSHIM_RESOLVER=https://dns.example/dns-query#" SLOW_DOH};
    static const char *const commands[] = {"curl -sS --doh-url https://dns.example/dns-query -H "
                                           "'Connection: close' --cacert \"$CA\" " URL " " URL,
                                           TWICE_CURL};
    static const char *const names[] = {"curl --doh-url", "curl under the shim"};
    static struct bench_series cold[2];
    static struct bench_series trips[2];
    unsigned connections[2];
    struct world *world = world_start(&(struct world_options){.delay_ms = DELAY_MS});
    start_slow_doh(world);
    for (int round = 0; round < ROUNDS; round++) {
        for (int with = 0; with < 2; with++) {
            struct times times =
                fetch(world, with ? RUN_SHIM : RUN_PLAIN, settings[with], commands[with]);
            bench_add(&cold[with], times.cold_us);
            bench_add(&trips[with], take_trips(world, &connections[with]));
        }
    }
    cr_assert_eq(world_report_count(world, "accepted"), 2u * ROUNDS);
    FILE *out = bench_table("7-latency-doh", "Time to the first octet with DNS over HTTPS",
                            "Measured like the table above, with DNS over HTTPS behind a relay of "
                            "50 ms each way, which\n"
                            "counts the round trips: TLS and questions. The client in the "
                            "comparison asks for addresses\n"
                            "alone.");
    fprintf(out, "| client              | first octet, ms | ratio | connections | round trips |   "
                 "      goal |        |\n| ------------------- | --------------: | ----: | "
                 "----------: | ----------: | -----------: | ------ |\n");
    for (int with = 0; with < 2; with++) {
        struct bench_series ratios = bench_ratios(&cold[with], &cold[0]);
        double most = bench_median(&trips[with]);
        fprintf(out, "| %-19s | %15.1f | %5.3f | %11u | %11.0f |", names[with],
                bench_median(&cold[with]) / 1e3, bench_median(&ratios), connections[with], most);
        if (with == 0) {
            fprintf(out, "              |        |\n");
        } else {
            fprintf(out, " %.0f at most    | %-6s |\n", bench_median(&trips[0]),
                    bench_goal(most <= bench_median(&trips[0])));
        }
    }
    cr_assert_leq(bench_median(&trips[1]), bench_median(&trips[0]));
    fclose(out);
}
