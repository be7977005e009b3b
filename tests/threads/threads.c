/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State that all threads of a process share, used by eight threads at once: the cache, the
 * rejection cache, the downgrade rule, and the guard's tables. It is for ThreadSanitizer (`make
 * check-threads`), which does not work with Criterion; the results are also checked without it.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/cache.h"
#include "shim/engine/base/object_table.h"
#include "shim/engine/config/rejection_cache.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/state/state.h"
#include "shim/stub/guard.h"

enum { THREADS = 8, ROUNDS = 400, NAMES = 100 };

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "threads.c:%d: not so: %s\n", line, what);
        exit(1);
    }
}
#define CHECK(condition) check((condition), #condition, __LINE__)

/* ---- stand-ins for the rest of the shim ---- */

_Atomic unsigned stub_guard_work;

const struct shim_engine_state *shim_state(void)
{
    static const struct shim_stub stub = {.connect = connect, .send = send};
    static const struct shim_engine_state state = {.stub = &stub};
    return &state;
}

/* ---- eight threads ---- */

struct job {
    void (*step)(unsigned thread, unsigned round);
    unsigned thread;
};

static void *work(void *argument)
{
    const struct job *job = argument;
    for (unsigned round = 0; round < ROUNDS; round++) {
        job->step(job->thread, round);
    }
    return NULL;
}

static void in_threads(void (*step)(unsigned thread, unsigned round))
{
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){step, i};
        CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void name_it(char name[32], unsigned number)
{
    snprintf(name, 32, "n%u.example", number % NAMES);
}

static struct dns_cache cache;

static void use_cache(unsigned thread, unsigned round)
{
    char text[32];
    name_it(text, thread * 7 + round);
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    CHECK(dns_name_of_origin(text, 443, &question.qname) == ECH_OK);
    struct dns_endpoints *answer = dns_answer_new(DNS_FOUND, DNS_REASON_OK);
    CHECK(answer != NULL);
    answer->ttl = 60;
    dns_cache_put(&cache, "r", &question, answer, round);
    dns_endpoints_free(answer);
    answer = dns_cache_get(&cache, "r", &question, round);
    CHECK(answer != NULL);
    CHECK(answer->result == DNS_FOUND);
    dns_endpoints_free(answer);
    if (round % 100 == 99) {
        dns_cache_before_fork(&cache);
        dns_cache_after_fork(&cache);
    }
}

static void use_kept(unsigned thread, unsigned round)
{
    char name[32];
    uint8_t *list = NULL;
    size_t length = 0;
    uint8_t octets[40];
    name_it(name, thread + round);
    struct shim_rejection_source source = {
        .host = name, .port = 443, .endpoint = "", .ech_config_list = bytes_of("list", 4)};
    memset(octets, (int)thread, sizeof octets);
    shim_rejection_cache_put(&source, bytes_of(octets, round % 3 == 0 ? 0 : sizeof octets), round,
                             1000000);
    if (shim_rejection_cache_get(&source, round, &list, &length) == SHIM_CACHED_RETRY_CONFIGS) {
        /* Of one thread, whole. */
        CHECK(length == sizeof octets);
        CHECK(list[0] == list[sizeof octets - 1]);
    }
    free(list);
}

static struct shim_downgrade downgrade = SHIM_DOWNGRADE_INIT;

static void use_downgrade(unsigned thread, unsigned round)
{
    char name[32];
    name_it(name, thread);
    shim_downgrade_note(&downgrade, name, NULL, 300, round);
    CHECK(shim_downgrade_forbids(&downgrade, name, NULL, round));
}

static void use_announcements(unsigned thread, unsigned round)
{
    uint8_t random[SHIM_HELLO_RANDOM_SIZE];
    enum shim_watch watch;
    int fd;
    memset(random, (int)thread + 1, sizeof random);
    memcpy(random + 8, &round, sizeof round);
    CHECK(stub_announce(random, SHIM_WATCH_SENT));
    CHECK(stub_known_hello(random, &watch) == STUB_KNOWN_ANNOUNCED);
    CHECK(!stub_descriptor_of(random, &fd)); /* not sent yet */
    stub_announced_sent(random, -1, round + 1);
    stub_withdraw(random);
    CHECK(stub_known_hello(random, &watch) == STUB_KNOWN_NOT);
}

static void use_progress(unsigned thread, unsigned round)
{
    uint8_t prefix[SHIM_HELLO_FOLLOWED] = {22};
    uint8_t seen[SHIM_HELLO_FOLLOWED];
    uint64_t socket = (uint64_t)thread * ROUNDS + round + 1;
    prefix[1] = (uint8_t)thread;
    CHECK(stub_progress_open(socket));
    stub_progress_set(socket, prefix, 2);
    CHECK(stub_progress_any());
    CHECK(stub_progress_get(socket, seen) == 2);
    CHECK(seen[1] == thread);
    stub_progress_close(socket);
    (void)stub_tell_once(socket);
}

/* Numbers pass from thread to thread; each thread still owns its socket. */
static void use_own_sockets(unsigned thread, unsigned round)
{
    const struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9)};
    int fd = shim_own_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(fd >= 0);
    CHECK(shim_own_connect(fd, (const struct sockaddr *)&nobody, sizeof nobody) == 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    CHECK(shim_own_poll(&wait, 1, 1000) == 1);
    CHECK(shim_own_close(fd) == 0);
    (void)thread, (void)round;
}

/* An entry that one thread replaces while others read it: what it leads to must be visible, too. */
static void use_objects(unsigned thread, unsigned round)
{
    static struct shim_object_table table;
    static const char objects[4];
    static struct thing {
        unsigned number;
        unsigned again;
    } things[THREADS][ROUNDS];
    struct thing *mine = &things[thread][round];
    const char *object = &objects[round % sizeof objects];
    struct shim_object_entry entry = {.value = mine};
    mine->number = thread * ROUNDS + round;
    mine->again = mine->number;
    struct shim_object_entry seen = {.value = mine};
    (void)shim_object_get(&table, object, &seen);
    const struct thing *found = seen.value;
    CHECK(found->number == found->again);
    CHECK(shim_object_put(&table, object, &entry));
}

int main(void)
{
    dns_cache_init(&cache, 42);
    in_threads(use_cache);
    dns_cache_free(&cache);
    CHECK(cache.octets == 0);
    in_threads(use_kept);
    in_threads(use_downgrade);
    in_threads(use_objects);
    in_threads(use_own_sockets);
    in_threads(use_announcements);
    in_threads(use_progress);
    CHECK(!stub_progress_any());
    printf("threads: %d, %d times each: all is well\n", THREADS, ROUNDS);
    return 0;
}
