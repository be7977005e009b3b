/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups at a real resolver by each transport, over an open connection, beside drill and kdig. */
#include "bench.h"

#include "dns/encrypted/channel.h"
#include "dns/lookup.h"

#include <criterion/criterion.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LOOK_UPS = 400, /* in one turn */
    TURNS = 7,
    AT_ONCE = 8,
    PROCESSES = 20, /* runs of a program that makes one look-up in each */
};

/* ---- our resolver ---- */

static struct {
    size_t sent;
    size_t received;
} octets;

static ssize_t counting_send(int fd, const void *data, size_t len, int flags)
{
    ssize_t sent = send(fd, data, len, flags);
    octets.sent += sent > 0 ? (size_t)sent : 0;
    return sent;
}

static ssize_t counting_recv(int fd, void *data, size_t len, int flags)
{
    ssize_t got = recv(fd, data, len, flags);
    octets.received += got > 0 ? (size_t)got : 0;
    return got;
}

/* The handshake happens once per connection; do not measure it. */
static bool trust(void *context, const struct bytes *certificates, size_t count, const char *name,
                  struct bytes address)
{
    (void)context, (void)certificates, (void)count, (void)name, (void)address;
    return true;
}

static struct dns_io io;

static struct dns_lookup lookup_by(const char *setting, struct dns_resolver *resolver)
{
    const struct dns_channel_options options = {
        .library = &dns_tls_linked,
        .verifier = {.verify = trust},
        .getaddrinfo = getaddrinfo,
        .freeaddrinfo = freeaddrinfo,
    };
    io = dns_io_libc;
    io.send = counting_send;
    io.recv = counting_recv;
    cr_assert_eq(dns_resolver_parse(setting, resolver, NULL), ECH_OK);
    struct dns_lookup lookup = {.resolver = resolver, .io = &io, .timeout_us = 5000000};
    if (dns_resolver_is_protected(resolver)) {
        lookup.channels.each[0] = dns_channel_new(&resolver->secure[0], &io, &options);
        lookup.channels.count = 1;
        cr_assert_not_null(lookup.channels.each[0]);
    }
    return lookup;
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void look_up(const struct dns_lookup *lookup, size_t at_once)
{
    struct dns_https_pending *pending[AT_ONCE];
    for (size_t i = 0; i < at_once; i++) {
        pending[i] = dns_https_begin(lookup, INNER_NAME, 443);
        cr_assert_not_null(pending[i]);
    }
    for (size_t i = 0; i < at_once; i++) {
        struct dns_endpoints *answer = dns_https_finish(pending[i], UINT64_MAX, NULL);
        cr_assert_eq(answer->result, DNS_FOUND, "%s", dns_reason_name(answer->reason));
        dns_endpoints_free(answer);
    }
}

/* What one look-up takes. */
struct series {
    struct bench_series wall_us;
    struct bench_series cpu_us;
};

static void measure(const struct dns_lookup *lookup, size_t at_once, struct series *series)
{
    double start_cpu = cpu_us();
    double start = bench_now_us();
    for (size_t i = 0; i < LOOK_UPS; i += at_once) {
        look_up(lookup, at_once);
    }
    bench_add(&series->wall_us, (bench_now_us() - start) / LOOK_UPS);
    bench_add(&series->cpu_us, (cpu_us() - start_cpu) / LOOK_UPS);
}

/* ---- other resolvers ---- */

/* kdig, with that many questions in one process. */
static struct bench_cost kdig(struct world *world, char *const options[], size_t questions)
{
    char *argv[16 + 2 * LOOK_UPS] = {"kdig", "@" DNS_ADDRESS, "+short", "+keepopen"};
    size_t count = 4;
    for (size_t i = 0; options[i] != NULL; i++) {
        argv[count++] = options[i];
    }
    for (size_t i = 0; i < questions; i++) {
        argv[count++] = INNER_NAME;
        argv[count++] = "TYPE65";
    }
    argv[count] = NULL;
    return bench_run(world, RUN_PLAIN, NULL, argv);
}

/* What one more question costs in a running process on an open connection. */
static void measure_kdig(struct world *world, char *const options[], struct series *series)
{
    struct bench_cost single = kdig(world, options, 1);
    struct bench_cost all = kdig(world, options, LOOK_UPS);
    bench_add(&series->wall_us, (all.wall_us - single.wall_us) / (LOOK_UPS - 1));
    bench_add(&series->cpu_us, (all.cpu_us - single.cpu_us) / (LOOK_UPS - 1));
}

/* drill makes one look-up per process. */
static void measure_drill(struct world *world, struct series *series)
{
    char *const argv[] = {"drill", "@" DNS_ADDRESS, INNER_NAME, "TYPE65", NULL};
    struct bench_cost cost = {0};
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct bench_cost run = bench_run(world, RUN_PLAIN, NULL, argv);
        cost.wall_us += run.wall_us;
        cost.cpu_us += run.cpu_us;
    }
    bench_add(&series->wall_us, cost.wall_us / PROCESSES);
    bench_add(&series->cpu_us, cost.cpu_us / PROCESSES);
}

/* ---- the table ---- */

static void tell(FILE *out, const char *transport, const char *client, const struct series *series)
{
    fprintf(out, "| %s | %s | %.0f | %.0f | %.0f |", transport, client,
            1e6 / bench_median(&series->wall_us), bench_median(&series->wall_us),
            bench_median(&series->cpu_us));
}

Test(bench, dns, .timeout = 900)
{
    struct {
        const char *name;
        const char *setting;
        char *kdig[4];
        struct dns_resolver resolver;
        struct dns_lookup lookup;
        struct series ours;
        struct series at_once;
        struct series others;
        double sent;
        double received;
    } ways[] = {
        {.name = "UDP", .setting = "udp://" DNS_ADDRESS},
        {.name = "DNS over TLS", .setting = DNS_TLS, .kdig = {"+tls"}},
        {.name = "DNS over HTTPS",
         .setting = "https://dns.example/dns-query#" DNS_ADDRESS,
         .kdig = {"+https=dns.example/dns-query"}},
    };
    enum { WAYS = sizeof ways / sizeof ways[0] };
    static struct series drill;
    struct world *world = world_start(NULL);
    static char authority[300];
    (void)snprintf(authority, sizeof authority, "+tls-ca=%s", world->ca);
    for (size_t i = 0; i < WAYS; i++) {
        if (i > 0) {
            ways[i].kdig[1] = authority;
            ways[i].kdig[2] = "+tls-hostname=dns.example";
        }
        ways[i].lookup = lookup_by(ways[i].setting, &ways[i].resolver);
        look_up(&ways[i].lookup, AT_ONCE);
    }
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < WAYS; i++) {
            memset(&octets, 0, sizeof octets);
            measure(&ways[i].lookup, 1, &ways[i].ours);
            ways[i].sent = (double)octets.sent / LOOK_UPS;
            ways[i].received = (double)octets.received / LOOK_UPS;
            measure(&ways[i].lookup, AT_ONCE, &ways[i].at_once);
            measure_kdig(world, ways[i].kdig, &ways[i].others);
        }
        measure_drill(world, &drill);
    }
    FILE *out = bench_table("dns.md", "Look-ups",
                            "Look-ups of the HTTPS records of one name. unbound on the same "
                            "machine answers from its own\n"
                            "data. Our cache is off, and the connection is already there. One "
                            "look-up after the other,\n"
                            "and eight at the same time. kdig (knot-dnsutils) makes all look-ups "
                            "in one process; the time\n"
                            "of its start is subtracted. drill (ldnsutils) makes one in each "
                            "process, start included. CPU\n"
                            "is the client's. Octets are those of its socket, with padding and "
                            "TLS; kdig pads, too, on\n"
                            "TLS and HTTPS.");
    fprintf(out,
            "| Transport | Client | Look-ups a second | us each | CPU us each | Octets out, in |\n"
            "|---|---|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < WAYS; i++) {
        tell(out, ways[i].name, "libechshim", &ways[i].ours);
        fprintf(out, " %.0f, %.0f |\n", ways[i].sent, ways[i].received);
        tell(out, ways[i].name, "libechshim, eight at once", &ways[i].at_once);
        fprintf(out, " |\n");
        tell(out, ways[i].name, "kdig", &ways[i].others);
        fprintf(out, " |\n");
        if (i == 0) {
            tell(out, ways[i].name, "drill", &drill);
            fprintf(out, " |\n");
        }
        dns_channel_free(ways[i].lookup.channels.each[0]);
    }
    fclose(out);
}
