/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each kind of unhelpful network costs a program: the first connection of a process, the
 * sixth, and all six. Each connection is to another name of the same server. */
#include "bench.h"
#include "tests/preload/pools.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 6, ROUNDS = 3, OPTIONS = 12 };

#define NUMBERED(number, rest) "n" number ".example.org. 60 IN " rest
#define ADDRESS(number) NUMBERED(number, "A 127.0.0.1")
#define OWN(number) ADDRESS(number), NUMBERED(number, "HTTPS 1 . ech={0}")
#define TARGET(number) ADDRESS(number), NUMBERED(number, "HTTPS 1 there.example.org. ech={0}")

static const char *const own_records[] = {OWN("1"), OWN("2"), OWN("3"), OWN("4"),
                                          OWN("5"), OWN("6"), NULL};
/* The server is at 127.0.0.2 too; nothing has an IPv6 address. */
static const char *const with_target[] = {TARGET("1"),
                                          TARGET("2"),
                                          TARGET("3"),
                                          TARGET("4"),
                                          TARGET("5"),
                                          TARGET("6"),
                                          "there.example.org. 60 IN A 127.0.0.1",
                                          NULL};
static const char *const dead_target[] = {TARGET("1"),
                                          TARGET("2"),
                                          TARGET("3"),
                                          TARGET("4"),
                                          TARGET("5"),
                                          TARGET("6"),
                                          "there.example.org. 60 IN A 127.0.0.58",
                                          NULL};

struct network {
    const char *name;
    const char *const *records;
    const char *relay[OPTIONS]; /* of dns_relay */
    const char *resolver;       /* "system" */
    const char *nameservers;    /* text of resolv.conf, instead of the relay alone */
    bool is_dead;               /* waits take seconds: one run is enough */
};

static const struct network networks[] = {
    {.name = "nothing is wrong", .records = own_records},
    {.name = "questions of type 65 are dropped",
     .records = own_records,
     .relay = {"--type", "65", "--drop", "all"}},
    {.name = "answers of type 65 come 150 ms late",
     .records = own_records,
     .relay = {"--type", "65", "--more-ms", "150"}},
    {.name = "the first question of type 65 is lost",
     .records = own_records,
     .relay = {"--type", "65", "--drop", "1"}},
    {.name = "EDNS is refused", .records = own_records, .relay = {"--edns", "formerr"}},
    {.name = "questions with EDNS are dropped",
     .records = own_records,
     .relay = {"--edns", "drop"}},
    {.name = "answers are cut, and TCP is refused",
     .records = own_records,
     .relay = {"--type", "65", "--cut"}},
    {.name = "answers are cut, and TCP is silent",
     .records = own_records,
     .relay = {"--type", "65", "--cut", "--listen", "127.0.0.59:53"},
     .nameservers = "nameserver 127.0.0.59\n"},
    {.name = "TargetName's AAAA is dropped",
     .records = with_target,
     .relay = {"--type", "28", "--drop", "all", "--name", "there.example.org."}},
    {.name = "TargetName's A is dropped",
     .records = with_target,
     .relay = {"--type", "1", "--drop", "all", "--name", "there.example.org."}},
    {.name = "the endpoint is dead", .records = dead_target, .is_dead = true},
    {.name = "the first of two nameservers is dead",
     .records = own_records,
     .nameservers = "nameserver 127.0.0.57\nnameserver " RELAYED_DNS_ADDRESS "\n",
     .is_dead = true},
    {.name = "an encrypted resolver that is dead",
     .records = own_records,
     .resolver = "tls://127.0.0.57",
     .is_dead = true},
};

static void start_silence(struct world *world)
{
    char program[300];
    snprintf(program, sizeof program, "%s/../peers/silent", world->pki);
    char *const argv[] = {program,          "--udp", "127.0.0.57:53", "--tcp",
                          "127.0.0.57:853", "--tcp", "127.0.0.59:53", "--full",
                          "127.0.0.58:443", NULL};
    world_spawn(world, "silent", "listening ", argv);
}

static struct world *start(const struct network *network)
{
    const char *relay[OPTIONS + 4] = {"--to", "127.0.0.55:53"};
    char name[200];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    zone_start(world, network->records, NULL);
    start_silence(world);
    memcpy(relay + 2, network->relay, sizeof network->relay);
    world_relay_dns(world, relay);
    if (network->nameservers != NULL) {
        snprintf(name, sizeof name, "%s/resolv.conf", world->folder);
        FILE *out = fopen(name, "we");
        cr_assert_not_null(out);
        fputs(network->nameservers, out);
        fclose(out);
    }
    world->run_seconds = 120;
    return world;
}

/* Milliseconds of each connection; the certificate is for another name. */
static void fetch(struct world *world, enum run_mode mode, const char *resolver, double ms[NAMES])
{
    char setting[64];
    snprintf(setting, sizeof setting, "ECHSHIM_RESOLVER=%s",
             resolver != NULL ? resolver : "system");
    char *const extra[] = {setting, NULL};
    struct run_result result = world_shell(
        world, mode, extra,
        "for n in 1 2 3 4 5 6; do all=\"$all -o /dev/null https://n$n.example.org/\"; done; "
        "curl -sk --connect-timeout 8 -w '%{time_total} ' $all; true");
    char *at = result.out;
    for (size_t i = 0; i < NAMES; i++) {
        ms[i] = strtod(at, &at) * 1e3;
    }
    free(result.out);
    free(result.err);
}

struct row {
    struct bench_series first[2];
    struct bench_series later[2];
    struct bench_series all[2];
    unsigned accepted;
    unsigned handshakes;
};

static double sum(const double ms[NAMES])
{
    double all = 0;
    for (size_t i = 0; i < NAMES; i++) {
        all += ms[i];
    }
    return all;
}

static void measure(const struct network *network, struct row *row)
{
    struct world *world = start(network);
    unsigned rounds = network->is_dead ? 1 : ROUNDS;
    for (unsigned round = 0; round < rounds; round++) {
        for (int with = 0; with < 2; with++) {
            double ms[NAMES];
            fetch(world, with ? RUN_SHIM : RUN_PLAIN, network->resolver, ms);
            bench_add(&row->first[with], ms[0]);
            bench_add(&row->later[with], ms[NAMES - 1]);
            bench_add(&row->all[with], sum(ms));
        }
    }
    row->accepted = world_report_count(world, "accepted");
    row->handshakes = rounds * NAMES;
    world_end();
}

static void tell(FILE *out, const struct network *network, const struct row *row)
{
    fprintf(out, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %u of %u |\n", network->name,
            bench_median(&row->first[0]), bench_median(&row->first[1]),
            bench_median(&row->later[0]), bench_median(&row->later[1]), bench_median(&row->all[0]),
            bench_median(&row->all[1]), row->accepted, row->handshakes);
}

Test(bench, unhelpful)
{
    FILE *out = bench_table(
        "8-unhelpful", "Unhelpful networks",
        "curl gets six names of one server in one process, each over its own connection, with "
        "plain\n"
        "DNS in `opportunistic`. The times, in milliseconds, are those of the first name, of the\n"
        "sixth, and of all six. Medians of three runs, or one run if something is dead. Relays\n"
        "between curl and a resolver on the same machine play the networks. Behind a dead "
        "encrypted\n"
        "resolver no name resolves: that is the time until curl fails. If the records lead to a "
        "dead\n"
        "endpoint alone, curl may reach no other (RFC 9848, 5.1): curl's own limit ends it, here\n"
        "eight seconds.");
    fprintf(out, "| The network | first, without | first, with | sixth, without | sixth, with | "
                 "all, without | all, with | ECH accepted |\n"
                 "|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        static struct row row;
        row = (struct row){.accepted = 0};
        measure(&networks[i], &row);
        tell(out, &networks[i], &row);
        fflush(out);
    }
    fclose(out);
}
