/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A look-up in the caches, with few and with many names. */
#include "bench.h"

#include "dns/cache.h"
#include "dns/cache_folder.h"
#include "dns/io.h"
#include "dns/message.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NAMES = 100000,
    SAMPLE = 100, /* names that are looked up, in each cache */
    NAME_SIZE = 40,
    ROUNDS = 31,
    TURNS = 200, /* passes through the sample in one round */
    FOLDER_NAMES = 20000,
};

/* A walk through all entries would make it 1,000. */
#define GOAL 2.0

#define RESOLVER "udp://192.0.2.53:53"

static struct dns_question question_number(const char *kind, size_t number)
{
    char host[NAME_SIZE];
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    snprintf(host, sizeof host, "%s-%zu.example.org", kind, number);
    cr_assert_eq(dns_name_of_origin(host, 443, &question.qname), ECH_OK);
    return question;
}

static struct dns_endpoints *an_answer(const struct dns_name *owner)
{
    static const uint8_t list[] = {0, 8, 0xfe, 0x0a, 0, 4, 1, 2, 3, 4};
    const struct https_rr record = {
        .priority = 1, .target = {.len = 1}, .ech = bytes_of(list, sizeof list)};
    const struct dns_answer_origin origin = {.owner = owner, .port = 443};
    struct dns_endpoints *answer = dns_answer_from_records(&record, 1, &origin);
    cr_assert_not_null(answer);
    answer->ttl = 3600;
    return answer;
}

/* Names to look up: `there` in every cache, `not_there` in none, `all` whether there or not. */
static struct dns_question there[SAMPLE];
static struct dns_question not_there[SAMPLE];
static struct dns_question all[NAMES];

/* Puts `names` names, of which `entries` stay; the sample is spread among them. */
static void fill(struct dns_cache *cache, size_t names, size_t entries)
{
    dns_cache_init(cache, 42);
    cache->entries_max = entries;
    for (size_t i = NAMES - names; i < NAMES; i++) {
        struct dns_endpoints *answer = an_answer(&all[i].qname);
        dns_cache_put(cache, RESOLVER, &all[i], answer, 0);
        dns_endpoints_free(answer);
    }
    for (size_t i = 0; i < SAMPLE; i++) {
        struct dns_endpoints *answer = dns_cache_get(cache, RESOLVER, &there[i], 1);
        cr_assert_not_null(answer);
        dns_endpoints_free(answer);
    }
    cr_assert_eq(cache->count, entries);
}

/* Nanoseconds per look-up. */
static double look_up_ns(struct dns_cache *cache, const struct dns_question *names, bool found)
{
    double start = bench_now_us();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < SAMPLE; i++) {
            struct dns_endpoints *answer = dns_cache_get(cache, RESOLVER, &names[i], 1);
            cr_assert_eq(answer != NULL, found);
            dns_endpoints_free(answer);
        }
    }
    return (bench_now_us() - start) * 1000 / (TURNS * SAMPLE);
}

/* Looks up each name once, in an order that no CPU predicts. */
static double scattered_ns(struct dns_cache *cache)
{
    size_t count = cache->count;
    uint32_t state = 1;
    double start = bench_now_us();
    for (size_t i = 0; i < TURNS * SAMPLE; i++) {
        state = state * 1664525 + 1013904223;
        const struct dns_question *name =
            &all[NAMES - count + (size_t)((uint64_t)state * count >> 32)];
        struct dns_endpoints *answer = dns_cache_get(cache, RESOLVER, name, 1);
        dns_endpoints_free(answer);
    }
    return (bench_now_us() - start) * 1000 / (TURNS * SAMPLE);
}

static void make_names(void)
{
    for (size_t i = 0; i < NAMES; i++) {
        all[i] = question_number("site", i);
    }
    for (size_t i = 0; i < SAMPLE; i++) {
        there[i] = all[NAMES - SAMPLE + i];
        not_there[i] = question_number("none", i);
    }
}

static void compare_memory(FILE *out)
{
    static const struct {
        size_t names;
        size_t entries;
    } kinds[] = {{SAMPLE, SAMPLE},
                 {DNS_CACHE_ENTRIES, DNS_CACHE_ENTRIES},
                 {NAMES, DNS_CACHE_ENTRIES},
                 {NAMES, NAMES}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static struct dns_cache caches[KINDS];
    static struct bench_series hit[KINDS];
    static struct bench_series miss[KINDS];
    static struct bench_series scattered[KINDS];
    for (size_t i = 0; i < KINDS; i++) {
        fill(&caches[i], kinds[i].names, kinds[i].entries);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < KINDS; i++) {
            bench_add(&hit[i], look_up_ns(&caches[i], there, true));
            bench_add(&miss[i], look_up_ns(&caches[i], not_there, false));
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < KINDS; i++) {
            bench_add(&scattered[i], scattered_ns(&caches[i]));
        }
    }
    for (size_t i = 0; i < KINDS; i++) {
        struct bench_series hits = bench_ratios(&hit[i], &hit[0]);
        struct bench_series misses = bench_ratios(&miss[i], &miss[0]);
        double ratio = bench_median(&hits);
        double worst = bench_median(&misses) > ratio ? bench_median(&misses) : ratio;
        fprintf(out, "| memory | %6zu | %6zu | %6.0f | %6.0f | %5.2f | %9.0f | %s |\n",
                kinds[i].names, kinds[i].entries, bench_median(&hit[i]), bench_median(&miss[i]),
                worst, bench_median(&scattered[i]), bench_goal(worst <= GOAL));
        cr_expect(worst <= GOAL, "%zu names: ratio %.2f", kinds[i].entries, worst);
        dns_cache_free(&caches[i]);
    }
}

/* ---- the folder ---- */

static double folder_ns(const struct dns_cache_folder *folder, const struct dns_question *names)
{
    double start = bench_now_us();
    for (size_t i = 0; i < SAMPLE; i++) {
        const struct dns_cache_key key = {.resolver_id = RESOLVER, .question = &names[i]};
        dns_endpoints_free(dns_cache_folder_get(folder, &key));
    }
    return (bench_now_us() - start) * 1000 / SAMPLE;
}

static void put_in_folder(const struct dns_cache_folder *folder, const struct dns_question *name)
{
    const struct dns_cache_key key = {.resolver_id = RESOLVER, .question = name};
    struct dns_endpoints *answer = an_answer(&name->qname);
    dns_cache_folder_put(folder, &key, answer);
    dns_endpoints_free(answer);
}

static void compare_folders(FILE *out)
{
    static const size_t kinds[] = {SAMPLE, FOLDER_NAMES};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static char parent[] = "/tmp/echshim-bench.XXXXXX";
    char paths[KINDS][64];
    char command[128];
    struct dns_cache_folder folders[KINDS];
    static struct bench_series hit[KINDS];
    static struct bench_series miss[KINDS];
    cr_assert_not_null(mkdtemp(parent));
    for (size_t i = 0; i < KINDS; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%zu", parent, i);
        dns_cache_folder_init(&folders[i], paths[i], dns_io_libc.random);
        for (size_t j = NAMES - kinds[i]; j < NAMES; j++) {
            put_in_folder(&folders[i], &all[j]);
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < KINDS; i++) {
            bench_add(&hit[i], folder_ns(&folders[i], there));
            bench_add(&miss[i], folder_ns(&folders[i], not_there));
        }
    }
    for (size_t i = 0; i < KINDS; i++) {
        struct bench_series hits = bench_ratios(&hit[i], &hit[0]);
        size_t entries = kinds[i] < (size_t)DNS_CACHE_ENTRIES ? kinds[i] : DNS_CACHE_ENTRIES;
        fprintf(out, "| folder | %6zu | %6zu | %6.0f | %6.0f | %5.2f | %9s | %3s |\n", kinds[i],
                entries, bench_median(&hit[i]), bench_median(&miss[i]), bench_median(&hits), "",
                "");
    }
    snprintf(command, sizeof command, "rm -r %s", parent);
    cr_assert_eq(system(command), 0);
}

Test(bench, cache)
{
    make_names();
    FILE *out = bench_table("6-cache", "Look-ups in the caches",
                            "Nanoseconds of a look-up of the same 100 names, found and not found, "
                            "with the lock and the\n"
                            "reference. Ratio: the larger of the two, compared with a cache of 100 "
                            "names; the goal is 2\n"
                            "at most. *Scattered*: look-ups over all names in the cache, which "
                            "shows the effect of the\n"
                            "CPU's caches. A process asks the folder (`ECHSHIM_CACHE`) once for a "
                            "name; that time is the\n"
                            "time of system calls. 31 rounds in turn, medians.");
    fprintf(out, "| cache  |    put |   kept |  found |   none | ratio | scattered |     |\n"
                 "| ------ | -----: | -----: | -----: | -----: | ----: | --------: | --- |\n");
    compare_memory(out);
    compare_folders(out);
    fclose(out);
}
