/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One table of all that ECH by the shim costs, by library, beside what OpenSSL 4 pays for its own:
 * each figure is what ECH adds to the same client without it, all of one run.
 */
#include "bench.h"
#include "loop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 31, HANDSHAKES = 100, COUNTED = 10, THREADS = 8 };

/* The first is the one that the others are compared with. */
static const struct subject {
    const char *library; /* of the client */
    const char *name;
    bool own_ech;
    double cpu_goal; /* times what the first adds, with nettle alone */
} subjects[] = {
    {"openssl4", "OpenSSL 4, its own ECH", true, 0},
    {"openssl", "OpenSSL of this machine", false, 1.0},
    {"openssl35", "OpenSSL of Debian 13", false, 1.0},
    {"gnutls", "GnuTLS of this machine", false, 1.0},
    {"gnutls38", "GnuTLS of Debian 13", false, 1.0},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };
static const double first_write_goal = 0.5;
/* With threads the shim adds the same part of the plain handshake as with one; the rest is noise.
 */
static const double threads_noise = 1.1;
enum { HEAP_GOAL = 4096, CALLS_GOAL = 4, ALLOCATIONS_GOAL = 10 };

/* Without ECH, and with it. */
struct pair {
    struct bench_series cpu[2];
    struct bench_series threads[2]; /* the CPU of a handshake, with THREADS of them at a time */
    struct bench_series first[2];
    struct bench_series connecting[2];
    double heap[2];
    double calls[2];
    double allocations; /* of the engine */
    size_t octets[2];
    bool here;
};
static struct pair pairs[SUBJECTS];

static bool is_here(const struct world *world, const struct subject *subject)
{
    char program[512];
    snprintf(program, sizeof program, "%s/loop_%s", world->clients, subject->library);
    return access(program, X_OK) == 0;
}

static enum run_mode mode_of(const struct subject *subject, bool ech)
{
    return ech && !subject->own_ech ? RUN_SHIM : RUN_PLAIN;
}

/* Runs the client through the shell; `before` stands before its name. */
static struct run_result run(struct world *world, const struct subject *subject, bool ech,
                             const char *before, unsigned count, const char *setting)
{
    char list[1100];
    char command[700];
    snprintf(list, sizeof list, "LOOP_ECH_CONFIG_LIST=%s",
             ech && subject->own_ech ? world->configs : "");
    char *const extra[] = {QUIET, list, (char *)(size_t)setting, NULL};
    snprintf(command, sizeof command,
             "%s \"$CLIENTS/loop_%s\" " INNER_NAME " 127.0.0.1 443 \"$CA\" %u", before,
             subject->library, count);
    struct run_result result = world_shell(world, mode_of(subject, ech), extra, command);
    expect_exit(&result, 0, NULL);
    return result;
}

static void measure_times(struct world *world, const struct subject *subject, struct pair *pair,
                          bool ech)
{
    double first_us;
    double connecting_us;
    char setting[32];
    struct run_result result = run(world, subject, ech, "", HANDSHAKES, "LOOP=");
    bench_add(&pair->cpu[ech], strtod(result.out, NULL));
    free(result.out);
    free(result.err);
    snprintf(setting, sizeof setting, "LOOP_THREADS=%d", THREADS);
    result = run(world, subject, ech, "", HANDSHAKES / THREADS, setting);
    bench_add(&pair->threads[ech], strtod(result.out, NULL));
    free(result.out);
    free(result.err);
    result = run(world, subject, ech, "", HANDSHAKES, "LOOP_FIRST_WRITE=1");
    cr_assert_eq(sscanf(result.out, "%lf %lf", &first_us, &connecting_us), 2, "%s", result.out);
    bench_add(&pair->first[ech], first_us);
    bench_add(&pair->connecting[ech], connecting_us);
    free(result.out);
    free(result.err);
}

/*
 * What a waiting handshake holds. malloc counts the chunks in its thread cache as used, so what the
 * handshakes before have left there would hide what this one takes. So this run is made without
 * that cache. And with priorities of its own each GnuTLS session holds 8 KB of them, in place of
 * which the engine gives it one object that all share: a gain of one client, not of the engine.
 */
static void measure_heap(struct world *world, const struct subject *subject, struct pair *pair,
                         bool ech)
{
    struct run_result result = run(
        world, subject, ech, "LOOP_SHARED_PRIORITIES=1 GLIBC_TUNABLES=glibc.malloc.tcache_count=0",
        HANDSHAKES, "LOOP_FIRST_WRITE=1");
    cr_assert_eq(sscanf(result.out, "%*f %*f %lf", &pair->heap[ech]), 1, "%s", result.out);
    free(result.out);
    free(result.err);
}

/* System calls of `count` handshakes and the rest of the program. */
static unsigned lines_of(struct world *world, const struct subject *subject, bool ech,
                         unsigned count)
{
    size_t length;
    unsigned lines = 0;
    (void)run(world, subject, ech, "strace -f -qq -o \"$HOME/strace\"", count, "LOOP=");
    char *text = world_read(world, "strace", &length);
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    free(text);
    return lines;
}

static unsigned allocations_of(struct world *world, const struct subject *subject, unsigned count)
{
    unsigned counted = 0;
    struct run_result result =
        run(world, subject, true, "LD_PRELOAD=\"$LD_PRELOAD:$CLIENTS/liballocations.so\"", count,
            "LOOP=");
    const char *told = strstr(result.err, "allocations: ");
    cr_assert_not_null(told, "%s", result.err);
    cr_assert_eq(sscanf(told, "allocations: %u", &counted), 1);
    return counted;
}

static void count(struct world *world, const struct subject *subject, struct pair *pair)
{
    for (int ech = 0; ech < 2; ech++) {
        unsigned more =
            lines_of(world, subject, ech, 2 * COUNTED) - lines_of(world, subject, ech, COUNTED);
        /* Whole ones: resolv.conf is looked at ten times a second, not for each handshake. */
        pair->calls[ech] = (more + COUNTED / 2) / COUNTED;
        measure_heap(world, subject, pair, ech != 0);
    }
    if (!subject->own_ech) {
        pair->allocations = (double)(allocations_of(world, subject, 2 * COUNTED) -
                                     allocations_of(world, subject, COUNTED)) /
                            COUNTED;
    }
}

/* ---- the table ---- */

static void print_row(FILE *out, const struct subject *subject, const char *figure, double native,
                      double added, double goal)
{
    char of_native[32] = "";
    char ratio[32] = "";
    char bound[32] = "";
    if (native != 0) {
        snprintf(of_native, sizeof of_native, "%+.0f", native);
        snprintf(ratio, sizeof ratio, "%.2f", added / native);
    }
    if (goal != 0) {
        snprintf(bound, sizeof bound, "%+.0f at most", goal);
    }
    fprintf(out, "| %-23s | %-26s | %9s | %+8.1f | %5s | %13s | %-6s |\n", subject->name, figure,
            of_native, added, ratio, bound, goal != 0 ? bench_goal(added <= goal) : "");
}

static double added_to(const struct bench_series series[2])
{
    return bench_median_added(&series[1], &series[0]);
}

static void print_pair(FILE *out, size_t number)
{
    const struct subject *subject = &subjects[number];
    const struct pair *own = &pairs[number];
    const struct pair *native = &pairs[0];
    double cpu = native->here ? added_to(native->cpu) : 0;
    double first = native->here ? added_to(native->first) : 0;
    print_row(out, subject, "CPU, us", cpu, added_to(own->cpu), cpu * subject->cpu_goal);
    print_row(out, subject, "CPU with 8 threads, us", native->here ? added_to(native->threads) : 0,
              added_to(own->threads),
              added_to(own->cpu) / bench_median(&own->cpu[0]) * bench_median(&own->threads[0]) *
                  threads_noise);
    print_row(out, subject, "CPU to the first write, us", first, added_to(own->first),
              first * first_write_goal);
    print_row(out, subject, "CPU while it is connected", 0, added_to(own->connecting), 0);
    print_row(out, subject, "octets of the hello",
              (double)native->octets[1] - (double)native->octets[0],
              (double)own->octets[1] - (double)own->octets[0], 0);
    /* Two hellos are kept beside what the goal is for, and one more record by the library. */
    print_row(out, subject, "heap while it waits", native->heap[1] - native->heap[0],
              own->heap[1] - own->heap[0], (double)(HEAP_GOAL + 2 * own->octets[1]));
    print_row(out, subject, "system calls", native->calls[1] - native->calls[0],
              own->calls[1] - own->calls[0], CALLS_GOAL);
    print_row(out, subject, "allocations by the engine", 0, own->allocations, ALLOCATIONS_GOAL - 1);
}

/* Octets need a relay that records, so they have a world of their own: see bench/outer_octets. */
static void read_octets(void)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/outer-octets", getenv("ECHSHIM_BENCH_RESULTS"));
    FILE *in = fopen(name, "re");
    for (size_t i = 0; in != NULL && i < SUBJECTS; i++) {
        if (fscanf(in, "%zu %zu", &pairs[i].octets[0], &pairs[i].octets[1]) != 2) {
            break;
        }
    }
    if (in != NULL) {
        fclose(in);
    }
}

Test(bench, outer_a_octets)
{
    char name[4096];
    struct world *world = world_start(NULL);
    unsigned connections = 0;
    snprintf(name, sizeof name, "%s/outer-octets", getenv("ECHSHIM_BENCH_RESULTS"));
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out);
    for (size_t i = 0; i < SUBJECTS; i++) {
        size_t octets[2] = {0, 0};
        for (int ech = 0; is_here(world, &subjects[i]) && ech < 2; ech++) {
            (void)run(world, &subjects[i], ech, "", 1, "LOOP=");
            connections += WARM_UP + 1;
            octets[ech] = bench_wire_hello(world, connections).octets;
        }
        fprintf(out, "%zu %zu\n", octets[0], octets[1]);
    }
    fclose(out);
}

Test(bench, outer_b_table)
{
    struct world *world = world_start(&(struct world_options){.direct = true});
    for (size_t i = 0; i < SUBJECTS; i++) {
        pairs[i].here = is_here(world, &subjects[i]);
        if (pairs[i].here) {
            count(world, &subjects[i], &pairs[i]);
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < SUBJECTS; i++) {
            for (int ech = 0; pairs[i].here && ech < 2; ech++) {
                measure_times(world, &subjects[i], &pairs[i], ech);
            }
        }
    }
    read_octets();
    FILE *out = bench_table(
        "1c-outer", "What ECH adds to a handshake, by library",
        "Each figure is what ECH adds to the same client without it. All clients take turns in "
        "one\n"
        "run on the same server, 31 rounds of 100 handshakes; medians of the pairs. *CPU to the\n"
        "first write*: of the first call of a handshake on a non-blocking socket, until the hello\n"
        "is out; the config was known before the connection. *While it is connected*: of\n"
        "connect(), which returns before the connection is there. *Heap*: what a handshake holds\n"
        "while it waits for the answer, with the hellos. System calls and allocations are exact. "
        "*Native*:\n"
        "what OpenSSL 4 adds with its own ECH. *With 8 threads*: the CPU of one handshake while\n"
        "eight are made at a time. The goal there: the shim adds the same part of a plain\n"
        "handshake as with one thread, and 10 % for noise. The other goals of CPU are those with\n"
        "nettle alone; with lib25519 they are 0.75 of native for OpenSSL and 0.6 for GnuTLS. The\n"
        "root of Debian 13 has lib25519; this machine has libsodium (`make bench` needs neither).");
    fprintf(out, "| client                  | what is added              |    native | the shim |"
                 " ratio |          goal |        |\n"
                 "| ----------------------- | -------------------------- | --------: | -------: |"
                 " ----: | ------------: | ------ |\n");
    for (size_t i = 1; i < SUBJECTS; i++) {
        if (pairs[i].here) {
            print_pair(out, i);
        }
    }
    fclose(out);
}
