/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/cache.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/sanitized.h"

enum { SECOND = 1000000 };

static struct dns_cache cache;

static void setup(void)
{
    dns_cache_init(&cache, 42);
}

static void forget_all(void)
{
    dns_cache_free(&cache);
    setup();
}

static void teardown(void)
{
    dns_cache_free(&cache);
    cr_assert_eq(cache.count, 0);
    cr_assert_eq(cache.octets, 0);
}

TestSuite(dns_cache, .init = setup, .fini = teardown);

static void put(const char *id, const char *qname, enum dns_result result, uint32_t ttl,
                uint64_t now)
{
    struct dns_question question = {name_of(qname), DNS_TYPE_HTTPS};
    struct dns_endpoints *answer = dns_answer_new(result, DNS_REASON_OK);
    answer->ttl = ttl;
    dns_cache_put(&cache, id, &question, answer, now);
    dns_endpoints_free(answer);
}

static bool has(const char *id, const char *qname, uint64_t now)
{
    struct dns_question question = {name_of(qname), DNS_TYPE_HTTPS};
    struct dns_endpoints *answer = dns_cache_get(&cache, id, &question, now);
    bool found = answer != NULL;
    dns_endpoints_free(answer);
    return found;
}

Test(dns_cache, lives_for_its_ttl)
{
    put("r", "a.example", DNS_FOUND, 60, 0);
    cr_assert(has("r", "a.example", 60 * SECOND - 1));
    cr_assert_not(has("r", "a.example", 60 * SECOND));
    put("r", "b.example", DNS_NONE, 60, 0);
    cr_assert_not(has("r", "b.example", 60 * SECOND));
    /* The cache still knows that there were records. */
    cr_assert_eq(cache.count, 1);
}

static bool had(const char *id, const char *qname, uint64_t now)
{
    struct dns_question question = {name_of(qname), DNS_TYPE_HTTPS};
    return dns_cache_had_records(&cache, id, &question, now);
}

Test(dns_cache, knows_which_names_had_records)
{
    put("r", "a.example", DNS_FOUND, 60, 0);
    put("r", "b.example", DNS_NONE, 60, 0);
    cr_assert(had("r", "a.example", 0));
    cr_assert(had("r", "a.example", 600 * SECOND));
    cr_assert_not(had("r", "b.example", 0));
    cr_assert_not(had("r", "c.example", 0));
    cr_assert_not(had("another", "a.example", 0));
    put("r", "a.example", DNS_NONE, 60, 60 * SECOND);
    cr_assert_not(had("r", "a.example", 60 * SECOND));
}

Test(dns_cache, bounds_of_the_ttl)
{
    put("r", "a.example", DNS_FOUND, 0, 0);
    cr_assert(has("r", "a.example", 5 * SECOND - 1));
    cr_assert_not(has("r", "a.example", 5 * SECOND));
    put("r", "b.example", DNS_FOUND, 1000000, 0);
    cr_assert(has("r", "b.example", UINT64_C(86399) * SECOND));
    cr_assert_not(has("r", "b.example", UINT64_C(86400) * SECOND));
    put("r", "c.example", DNS_NONE, 1000000, 0);
    cr_assert(has("r", "c.example", UINT64_C(3599) * SECOND));
    cr_assert_not(has("r", "c.example", UINT64_C(3600) * SECOND));
}

Test(dns_cache, failures_are_not_kept)
{
    put("r", "a.example", DNS_FAILED, 60, 0);
    cr_assert_not(has("r", "a.example", 0));
}

Test(dns_cache, svcb_53_keyed_by_resolver_and_name)
{
    put("r", "a.example", DNS_FOUND, 60, 0);
    cr_assert_not(has("s", "a.example", 0));
    cr_assert_not(has("r", "b.example", 0));
    cr_assert(has("r", "A.Example", 0));
    forget_all();
    cr_assert_not(has("r", "a.example", 0));
}

Test(dns_cache, keyed_by_type)
{
    put("r", "a.example", DNS_FOUND, 60, 0);
    for (uint16_t type = DNS_TYPE_A; type <= DNS_TYPE_AAAA; type += DNS_TYPE_AAAA - DNS_TYPE_A) {
        struct dns_question question = {name_of("a.example"), type};
        cr_assert_null(dns_cache_get(&cache, "r", &question, 0));
    }
}

Test(dns_cache, a_new_answer_takes_the_place_of_the_old)
{
    put("r", "a.example", DNS_FOUND, 60, 0);
    put("r", "a.example", DNS_NONE, 60, 0);
    struct dns_question question = {name_of("a.example"), DNS_TYPE_HTTPS};
    struct dns_endpoints *answer = dns_cache_get(&cache, "r", &question, 0);
    cr_assert_eq(answer->result, DNS_NONE);
    forget_all();
    cr_assert_eq(answer->result, DNS_NONE, "a reference outlives the entry");
    dns_endpoints_free(answer);
    cr_assert_eq(cache.count, 0);
}

Test(dns_cache, the_oldest_use_leaves_first)
{
    char name[32];
    put("r", "kept.example", DNS_FOUND, 60, 0);
    put("r", "oldest.example", DNS_FOUND, 60, 0);
    for (unsigned i = 0; i < DNS_CACHE_ENTRIES - 2; i++) {
        (void)snprintf(name, sizeof name, "n%u.example", i);
        put("r", name, DNS_FOUND, 60, 0);
    }
    cr_assert_eq(cache.count, DNS_CACHE_ENTRIES);
    cr_assert(has("r", "kept.example", 0));
    put("r", "one-more.example", DNS_FOUND, 60, 0);
    cr_assert_eq(cache.count, DNS_CACHE_ENTRIES);
    cr_assert(has("r", "kept.example", 0));
    cr_assert_not(has("r", "oldest.example", 0));
}

/* Usual answers are small enough that the cache can hold its maximum number of them. */
Test(dns_cache, room_for_usual_answers)
{
    static const uint8_t list[300] = {0};
    struct https_rr record = {
        .priority = 1, .target = {.len = 1}, .ech = bytes_of(list, sizeof list)};
    for (unsigned i = 0; i < DNS_CACHE_ENTRIES + 100; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "number-%u.of.many.names.example", i);
        struct dns_question question = {name_of(text), DNS_TYPE_HTTPS};
        const struct dns_answer_origin origin = {.owner = &question.qname, .port = 443};
        struct dns_endpoints *answer = dns_answer_from_records(&record, 1, &origin);
        answer->ttl = 60;
        dns_cache_put(&cache, "udp://[2001:db8::1]:53,udp://192.0.2.1:53", &question, answer, 0);
        dns_endpoints_free(answer);
    }
    cr_assert_eq(cache.count, DNS_CACHE_ENTRIES);
}

Test(dns_cache, the_bound_may_be_another_one)
{
    cache.entries_max = 3;
    put("r", "a.example", DNS_FOUND, 60, 0);
    put("r", "b.example", DNS_FOUND, 60, 0);
    put("r", "c.example", DNS_FOUND, 60, 0);
    put("r", "d.example", DNS_FOUND, 60, 0);
    cr_assert_eq(cache.count, 3);
    cr_assert_not(has("r", "a.example", 0));
    cr_assert(has("r", "b.example", 0) && has("r", "c.example", 0) && has("r", "d.example", 0));
}

/* The network that the machine is in, and how often the cache asked for it; 0: unknown. */
static uint64_t the_network;
static unsigned network_asked;

static bool network(uint64_t *id)
{
    network_asked++;
    *id = the_network;
    return the_network != 0;
}

Test(dns_cache, svcb_53_keyed_by_network)
{
    cache.network = network;
    the_network = 1;
    put("udp://192.168.1.1:53", "a.example", DNS_FOUND, 60, 0);
    cr_assert(has("udp://192.168.1.1:53", "a.example", 0));
    the_network = 2;
    cr_assert_not(has("udp://192.168.1.1:53", "a.example", 2 * SECOND));
    the_network = 1;
    cr_assert(has("udp://192.168.1.1:53", "a.example", 4 * SECOND), "back again");
}

/* A change is seen within a second. A put, which follows a query, does not use the older look. */
Test(dns_cache, the_network_is_looked_at_once_a_second)
{
    cache.network = network;
    the_network = 1;
    for (unsigned i = 0; i < 100; i++) {
        (void)has("r", "a.example", i * 10000);
    }
    cr_assert_eq(network_asked, 1);
    (void)has("r", "a.example", SECOND);
    cr_assert_eq(network_asked, 2);
    the_network = 2;
    put("r", "a.example", DNS_FOUND, 60, SECOND);
    cr_assert(has("r", "a.example", SECOND));
    cr_assert_eq(network_asked, 3);
    the_network = 1;
    cr_assert_not(has("r", "a.example", 3 * SECOND));
}

Test(dns_cache, a_network_that_cannot_be_told)
{
    cache.network = network;
    put("r", "a.example", DNS_FOUND, 60, 0);
    cr_assert(has("r", "a.example", 0));
    the_network = 1;
    cr_assert_not(has("r", "a.example", 2 * SECOND));
}

Test(dns_cache, bounded_in_octets)
{
    for (unsigned i = 0; i < 200; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "n%u.example", i);
        struct dns_question question = {name_of(text), DNS_TYPE_HTTPS};
        struct dns_endpoints *answer = dns_answer_new(DNS_FOUND, DNS_REASON_OK);
        answer->size = 65536;
        answer->ttl = 60;
        dns_cache_put(&cache, "r", &question, answer, 0);
        dns_endpoints_free(answer);
    }
    cr_assert_leq(cache.octets, cache.entries_max * DNS_CACHE_OCTETS_EACH);
    cr_assert_lt(cache.count, 128);
    cr_assert(has("r", "n199.example", 0));
    cr_assert_not(has("r", "n0.example", 0));
}

static void *hammer(void *arg)
{
    for (unsigned i = 0; i < 2000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i % 50);
        put("r", name, DNS_FOUND, 60, 0);
        (void)!has("r", name, i % 7 == 0 ? 61 * SECOND : 0);
    }
    return arg;
}

Test(dns_cache, threads)
{
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert_leq(cache.count, 50);
}

static void before(void)
{
    dns_cache_before_fork(&cache);
}

static void after(void)
{
    dns_cache_after_fork(&cache);
}

Test(dns_cache, fork_while_another_thread_works, .disabled = FORK_IS_UNSAFE)
{
    pthread_t thread;
    cr_assert_eq(pthread_atfork(before, after, after), 0);
    put("r", "kept.example", DNS_FOUND, 60, 0);
    cr_assert_eq(pthread_create(&thread, NULL, hammer, NULL), 0);
    for (unsigned i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            _exit(has("r", "kept.example", 0) ? 0 : 1);
        }
        int status = -1;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
    }
    pthread_join(thread, NULL);
}
