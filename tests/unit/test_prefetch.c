/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Look-ups that begin before they are needed. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/engine/config/prefetch.h"
#include "tests/unit/dns_responder.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/vectors.h"

enum { FLAGS = MSG_QR | MSG_RA_RD, SECOND = 1000000, THREADS = 8, ROUNDS = 50 };

static struct responder server;
static struct dns_resolver resolver;
static struct dns_io io;
static struct dns_cache cache;
static struct dns_lookup lookup;

/* A record with the number of earlier queries as its priority. */
static enum responder_act answer(const struct dns_query *q, unsigned round, struct message *m)
{
    (void)round;
    if (strncmp(q->name, "silent", 6) == 0 || (strncmp(q->name, "once", 4) == 0 && q->number > 0)) {
        return RESPONDER_DROP;
    }
    if (strncmp(q->name, "late", 4) == 0) {
        usleep(SECOND / 2);
    }
    message_begin(m, q->id, FLAGS, q->name, q->type);
    message_https(m, NULL, 60, (uint16_t)(q->number + 1), ".", "");
    return RESPONDER_SEND;
}

/* The clock of tomorrow. */
static uint64_t later(void)
{
    return dns_io_libc.now_us() + UINT64_C(2) * DNS_CACHE_TTL_MAX * SECOND;
}

static void setup(void)
{
    char setting[64];
    responder_start(&server, answer);
    (void)snprintf(setting, sizeof setting, "udp://127.0.0.1:%u", server.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
    io = dns_io_libc;
    dns_cache_init(&cache, 1);
    lookup = (struct dns_lookup){
        .resolver = &resolver, .io = &io, .cache = &cache, .timeout_us = SECOND / 2};
}

TestSuite(prefetch, .init = setup);

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static void expect_found(struct dns_endpoints *found)
{
    cr_assert_not_null(found);
    cr_assert_eq(found->result, DNS_FOUND, "%s", dns_reason_name(found->reason));
    dns_endpoints_free(found);
}

Test(prefetch, what_was_begun_is_taken_up)
{
    struct dns_lookup_report report;
    shim_prefetch_begin(&lookup, "a.example", 443);
    usleep(100000);
    responder_stop(&server);
    /* The server is gone, so this is the first query's answer. */
    expect_found(shim_prefetch_https(&lookup, "A.example", 443, SHIM_PATIENT, &report));
    cr_assert_eq(server.count, 1u);
    cr_assert_lt(report.lookup_us, SECOND / 20);
    cr_assert_eq(strncmp(report.resolver, "udp://127.0.0.1:", 16), 0);
}

Test(prefetch, another_name_or_port_is_looked_up_by_itself)
{
    shim_prefetch_begin(&lookup, "a.example", 443);
    expect_found(shim_prefetch_https(&lookup, "b.example", 443, SHIM_PATIENT, NULL));
    expect_found(shim_prefetch_https(&lookup, "a.example", 8443, SHIM_PATIENT, NULL));
    expect_found(shim_prefetch_https(&lookup, "a.example", 443, SHIM_PATIENT, NULL));
    responder_stop(&server);
    cr_assert_eq(server.count, 3u);
}

Test(prefetch, twice_is_once)
{
    for (int i = 0; i < 10; i++) {
        shim_prefetch_begin(&lookup, "a.example", 443);
    }
    expect_found(shim_prefetch_https(&lookup, "a.example", 443, SHIM_PATIENT, NULL));
    shim_prefetch_begin(&lookup, "a.example", 443); /* known by now */
    responder_stop(&server);
    cr_assert_eq(server.count, 1u);
}

Test(prefetch, peek_waits_no_longer_than_it_may)
{
    unsigned before = descriptors();
    uint64_t start = io.now_us();
    shim_prefetch_begin(&lookup, "silent.example", 443);
    cr_assert_null(shim_prefetch_peek(&lookup, "silent.example", 443, 0));
    cr_assert_null(shim_prefetch_peek(&lookup, "silent.example", 443, io.now_us() + 30000));
    cr_assert_lt(io.now_us() - start, SECOND / 4);
    cr_assert_eq(descriptors(), before + 1);
    shim_prefetch_drop(&lookup, "silent.example", 443);
    cr_assert_eq(descriptors(), before);
    expect_found(shim_prefetch_peek(&lookup, "a.example", 443, io.now_us() + SECOND));
    cr_assert_eq(descriptors(), before);
}

static void use_health(void)
{
    static struct dns_resolver_health health = DNS_RESOLVER_HEALTH_INIT;
    lookup.health = &health;
    lookup.timeout_us = 2 * SECOND;
}

/* How long a program that has its addresses waits for a name without an answer. */
static uint64_t wait_for(const char *name)
{
    uint64_t start = io.now_us();
    shim_prefetch_begin(&lookup, name, 443);
    shim_prefetch_addresses_came(&lookup, name, 443);
    struct dns_endpoints *found = shim_prefetch_https(&lookup, name, 443, SHIM_IMPATIENT, NULL);
    cr_assert_not_null(found);
    cr_assert_eq(found->reason, DNS_REASON_TIMEOUT);
    dns_endpoints_free(found);
    return io.now_us() - start;
}

Test(prefetch, impatience_ends_sooner_once_a_resolver_is_known_to_drop)
{
    static const char *const names[] = {"silent1.example", "silent2.example", "silent3.example"};
    use_health();
    for (size_t i = 0; i < 3; i++) {
        uint64_t waited = wait_for(names[i]);
        cr_assert_geq(waited, 250000, "%s: %lu", names[i], (unsigned long)waited);
        cr_assert_lt(waited, SECOND);
    }
    cr_assert_lt(wait_for("silent4.example"), 250000);
    /* Any answer, whatever its name, restores the patience. */
    expect_found(shim_prefetch_https(&lookup, "a.example", 443, SHIM_IMPATIENT, NULL));
    cr_assert_geq(wait_for("silent5.example"), 250000);
}

Test(prefetch, a_name_alone_makes_no_resolver_one_that_drops)
{
    use_health();
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_geq(wait_for("silent.example"), 250000);
    }
}

/* ---- two threads ask for one name, as curl 8.23 does for its two address families ---- */

static int (*when_waiting)(void); /* what another thread does meanwhile */

static int poll_beside(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int (*other)(void) = when_waiting;
    when_waiting = NULL;
    if (other != NULL && timeout_ms != 0) {
        (void)other();
    } else {
        when_waiting = other;
    }
    return poll(fds, count, timeout_ms);
}

static const char *beside; /* the name */

/* The second thread comes while the first waits for the answer. */
static int all_of_second(void)
{
    shim_prefetch_begin(&lookup, beside, 443);
    shim_prefetch_addresses_came(&lookup, beside, 443);
    dns_endpoints_free(shim_prefetch_peek(&lookup, beside, 443, io.now_us() + 20000));
    return 0;
}

static int begin_of_second(void)
{
    shim_prefetch_begin(&lookup, beside, 443);
    return 0;
}

static void resolve_beside(const char *name, int (*other)(void))
{
    io.poll = poll_beside;
    beside = name;
    when_waiting = other;
    shim_prefetch_begin(&lookup, name, 443);
    shim_prefetch_addresses_came(&lookup, name, 443);
    dns_endpoints_free(shim_prefetch_peek(&lookup, name, 443, io.now_us() + 20000));
    cr_assert_null(when_waiting);
}

static uint64_t wait_beside(const char *name)
{
    uint64_t start = io.now_us();
    resolve_beside(name, all_of_second);
    struct dns_endpoints *found = shim_prefetch_https(&lookup, name, 443, SHIM_IMPATIENT, NULL);
    cr_assert_eq(found->reason, DNS_REASON_TIMEOUT);
    dns_endpoints_free(found);
    return io.now_us() - start;
}

Test(prefetch, names_that_two_threads_resolve_count_too)
{
    static const char *const names[] = {"silent1.example", "silent2.example", "silent3.example"};
    use_health();
    for (size_t i = 0; i < 3; i++) {
        cr_assert_geq(wait_beside(names[i]), 250000);
    }
    cr_assert_lt(wait_beside("silent4.example"), 250000);
}

static int addresses_come(void)
{
    shim_prefetch_addresses_came(&lookup, beside, 443);
    return 0;
}

/* The addresses come while another thread works on the look-up. */
Test(prefetch, addresses_are_noted_while_another_thread_works)
{
    static const char *const names[] = {"silent1.example", "silent2.example", "silent3.example"};
    use_health();
    io.poll = poll_beside;
    for (size_t i = 0; i < 3; i++) {
        beside = names[i];
        shim_prefetch_begin(&lookup, beside, 443);
        when_waiting = addresses_come;
        dns_endpoints_free(shim_prefetch_peek(&lookup, beside, 443, io.now_us() + 20000));
        cr_assert_null(when_waiting);
        dns_endpoints_free(shim_prefetch_https(&lookup, beside, 443, SHIM_IMPATIENT, NULL));
    }
    cr_assert_lt(wait_for("silent4.example"), 250000);
}

Test(prefetch, what_another_thread_works_on_is_not_begun_again)
{
    unsigned before = descriptors();
    resolve_beside("silent.example", begin_of_second);
    cr_assert_eq(descriptors(), before + 1);
    usleep(SECOND / 10);
    responder_stop(&server);
    cr_assert_eq(server.count, 1u);
}

/* Of two look-ups for a name one stays, and nothing of the other. */
Test(prefetch, two_for_a_name_become_one)
{
    unsigned before = descriptors();
    resolve_beside("silent.example", all_of_second);
    cr_assert_eq(descriptors(), before + 1);
    shim_prefetch_drop(&lookup, "silent.example", 443);
    cr_assert_eq(descriptors(), before);
}

/* A program may leave the thread that works on it for good. */
static int begin_when_lost(void)
{
    unsigned before = descriptors();
    shim_prefetch_begin(&lookup, beside, 443);
    cr_assert_eq(descriptors(), before);
    usleep(SECOND / 10);
    shim_prefetch_begin(&lookup, beside, 443);
    cr_assert_eq(descriptors(), before + 1);
    return 0;
}

Test(prefetch, a_look_up_that_is_lost_is_begun_again)
{
    lookup.timeout_us = SECOND / 20;
    resolve_beside("silent.example", begin_when_lost);
}

/* Without addresses the network itself may be down. */
Test(prefetch, names_without_addresses_do_not_count)
{
    use_health();
    for (unsigned i = 0; i < 4; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "silent%u.example", i);
        dns_endpoints_free(shim_prefetch_https(&lookup, name, 443, SHIM_IMPATIENT, NULL));
    }
    cr_assert_geq(wait_for("silent.example"), 250000);
}

/* The record has expired, and the resolver no longer answers. */
Test(prefetch, a_name_that_had_records_is_waited_for)
{
    use_health();
    expect_found(shim_prefetch_https(&lookup, "once.example", 443, SHIM_IMPATIENT, NULL));
    io.now_us = later;
    uint64_t waited = wait_for("once.example");
    cr_assert_geq(waited, 2 * SECOND, "%lu", (unsigned long)waited);
}

Test(prefetch, what_comes_later_is_there_for_the_next_connection)
{
    use_health();
    shim_prefetch_begin(&lookup, "late.example", 443);
    shim_prefetch_addresses_came(&lookup, "late.example", 443);
    struct dns_endpoints *found =
        shim_prefetch_https(&lookup, "late.example", 443, SHIM_IMPATIENT, NULL);
    cr_assert_eq(found->reason, DNS_REASON_TIMEOUT);
    dns_endpoints_free(found);
    usleep(SECOND / 2);
    expect_found(shim_prefetch_https(&lookup, "late.example", 443, SHIM_IMPATIENT, NULL));
}

Test(prefetch, no_answer_is_told_within_the_bound)
{
    shim_prefetch_begin(&lookup, "silent.example", 443);
    uint64_t start = io.now_us();
    struct dns_endpoints *found =
        shim_prefetch_https(&lookup, "silent.example", 443, SHIM_PATIENT, NULL);
    cr_assert_not_null(found);
    cr_assert_eq(found->reason, DNS_REASON_TIMEOUT);
    cr_assert_lt(io.now_us() - start, SECOND);
    dns_endpoints_free(found);
}

Test(prefetch, what_nobody_takes_up_does_not_pile_up)
{
    char name[32];
    unsigned before = descriptors();
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "silent%d.example", i);
        shim_prefetch_begin(&lookup, name, 443);
        cr_assert_leq(descriptors(), before + SHIM_PREFETCH_MAX);
    }
    cr_assert_eq(descriptors(), before + SHIM_PREFETCH_MAX);
    /* The oldest are gone, the newest are there. */
    shim_prefetch_drop(&lookup, "silent0.example", 443);
    cr_assert_eq(descriptors(), before + SHIM_PREFETCH_MAX);
    shim_prefetch_drop(&lookup, "silent99.example", 443);
    cr_assert_eq(descriptors(), before + SHIM_PREFETCH_MAX - 1);
    /* Expired look-ups go when the next one begins. */
    usleep(SECOND / 2 + 100000);
    shim_prefetch_begin(&lookup, "a.example", 443);
    cr_assert_leq(descriptors(), before + 1);
}

Test(prefetch, answers_that_have_come_keep_no_descriptor)
{
    char name[32];
    unsigned before = descriptors();
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "n%d.example", i);
        shim_prefetch_begin(&lookup, name, 443);
    }
    usleep(200000);
    shim_prefetch_begin(&lookup, "n0.example", 443);
    cr_assert_eq(descriptors(), before);
    responder_stop(&server);
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof name, "n%d.example", i);
        expect_found(shim_prefetch_https(&lookup, name, 443, SHIM_PATIENT, NULL));
    }
}

Test(prefetch, what_is_no_name_of_the_dns_is_nothing)
{
    char name[400];
    unsigned before = descriptors();
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    shim_prefetch_begin(&lookup, name, 443);
    shim_prefetch_begin(&lookup, "192.0.2.1", 443);
    shim_prefetch_begin(&lookup, "localhost", 443);
    cr_assert_eq(descriptors(), before);
    struct dns_endpoints *found =
        shim_prefetch_https(&lookup, "192.0.2.1", 443, SHIM_PATIENT, NULL);
    cr_assert_eq(found->reason, DNS_REASON_NO_QUERY);
    dns_endpoints_free(found);
}

static void *hurry(void *argument)
{
    (void)argument;
    char name[32];
    for (int i = 0; i < ROUNDS; i++) {
        (void)snprintf(name, sizeof name, "n%d.example", i);
        shim_prefetch_begin(&lookup, name, 443);
        struct dns_endpoints *found = shim_prefetch_https(&lookup, name, 443, SHIM_PATIENT, NULL);
        if (found == NULL || found->result != DNS_FOUND) {
            dns_endpoints_free(found);
            return &server;
        }
        dns_endpoints_free(found);
    }
    return NULL;
}

Test(prefetch, threads)
{
    pthread_t threads[THREADS];
    unsigned before = descriptors();
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, hurry, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    shim_prefetch_begin(&lookup, "n0.example", 443);
    usleep(100000);
    shim_prefetch_begin(&lookup, "n1.example", 443);
    cr_assert_leq(descriptors(), before + 1);
}

Test(prefetch, the_child_of_a_fork_begins_with_none, .disabled = FORK_IS_UNSAFE)
{
    unsigned before = descriptors();
    shim_prefetch_begin(&lookup, "silent.example", 443);
    shim_prefetch_begin(&lookup, "a.example", 443);
    shim_prefetch_before_fork();
    pid_t child = fork();
    if (child == 0) {
        shim_prefetch_leave();
        shim_prefetch_after_fork();
        struct dns_endpoints *found =
            shim_prefetch_https(&lookup, "a.example", 443, SHIM_PATIENT, NULL);
        bool good = descriptors() <= before && found != NULL && found->result == DNS_FOUND;
        _exit(good ? 0 : 1);
    }
    shim_prefetch_after_fork();
    int status = 1;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    expect_found(shim_prefetch_https(&lookup, "a.example", 443, SHIM_PATIENT, NULL));
}
