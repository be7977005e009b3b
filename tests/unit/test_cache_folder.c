/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/cache.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/folder_rig.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/stored_answers.h"

TestSuite(cache_folder, .init = rig_setup, .fini = rig_teardown);

Test(cache_folder, what_is_put_is_there)
{
    struct stat status;
    struct dns_endpoints *expected = answer_with_endpoints();
    cr_assert_not(rig_has());
    rig_put(dns_endpoints_hold(expected));
    rig_time += 10;
    struct dns_endpoints *answer = rig_get();
    assert_same_answer(answer, expected);
    cr_assert_eq(answer->ttl, 50, "what is left: %u", answer->ttl);
    dns_endpoints_free(answer);
    dns_endpoints_free(expected);
    cr_assert_eq(stat(rig_path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    cr_assert_eq(stat(rig_entry(), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    cr_assert_eq(status.st_mtim.tv_sec, RIG_START_S + 60);
    cr_assert_eq(rig_count("new."), 0);
    cr_assert_null(strstr(rig_entry() + strlen(rig_path), "secret"));
}

Test(cache_folder, that_there_is_nothing_is_kept_too)
{
    struct dns_endpoints *answer = dns_answer_new(DNS_NONE, DNS_REASON_NODATA);
    answer->ttl = 100000;
    rig_put(answer);
    answer = rig_get();
    cr_assert_eq(answer->result, DNS_NONE);
    cr_assert_eq(answer->reason, DNS_REASON_NODATA);
    cr_assert_eq(answer->ttl, DNS_CACHE_NEGATIVE_TTL_MAX);
    dns_endpoints_free(answer);
    rig_time += DNS_CACHE_NEGATIVE_TTL_MAX;
    cr_assert_not(rig_has());
}

Test(cache_folder, lives_for_its_ttl_and_is_removed_then)
{
    rig_put(answer_with_endpoints());
    rig_time = RIG_START_S + 59;
    cr_assert(rig_has());
    rig_time = RIG_START_S + 60;
    cr_assert_not(rig_has());
    cr_assert_str_eq(rig_entry(), "");
}

Test(cache_folder, bounds_of_the_ttl)
{
    rig_put_named("short.example", 0);
    rig_put_named("long.example", 1000000);
    rig_time = RIG_START_S + 4;
    cr_assert(rig_has_named("short.example"));
    rig_time = RIG_START_S + 5;
    cr_assert_not(rig_has_named("short.example"));
    rig_time = RIG_START_S + 86399;
    cr_assert(rig_has_named("long.example"));
    rig_time = RIG_START_S + 86400;
    cr_assert_not(rig_has_named("long.example"));
}

/* After the clock is set back, every answer is from the future. */
Test(cache_folder, a_clock_that_jumped)
{
    rig_put(answer_with_endpoints());
    rig_time = RIG_START_S - 1;
    cr_assert_not(rig_has());
    cr_assert_str_eq(rig_entry(), "", "removed");
    rig_put(answer_with_endpoints());
    rig_time = 0;
    cr_assert_not(rig_has());
}

Test(cache_folder, svcb_53_keyed_by_network_and_resolver)
{
    rig_put(answer_with_endpoints());
    rig_key.network = 2;
    cr_assert_not(rig_has());
    rig_key.network = 1;
    rig_key.resolver_id = "udp://127.0.0.2:53";
    cr_assert_not(rig_has());
    rig_key.resolver_id = "udp://127.0.0.1:53";
    rig_question.type = DNS_TYPE_A;
    cr_assert_not(rig_has());
    rig_question.type = DNS_TYPE_HTTPS;
    cr_assert(rig_has());
    cr_assert_not(rig_has_named("other.example"));
}

Test(cache_folder, a_new_answer_takes_the_place_of_the_old)
{
    rig_put(answer_with_endpoints());
    rig_put(dns_answer_new(DNS_NONE, DNS_REASON_NXDOMAIN));
    struct dns_endpoints *answer = rig_get();
    cr_assert_eq(answer->reason, DNS_REASON_NXDOMAIN);
    dns_endpoints_free(answer);
    cr_assert_eq(rig_count(""), 2, "the entry, and when the folder was swept");
}

/* ---- bounds ---- */

Test(cache_folder, never_more_files_than_there_are_places, .timeout = 120)
{
    unsigned live = 0;
    for (unsigned i = 0; i < 6000; i++) {
        struct dns_endpoints *answer = dns_answer_new(DNS_NONE, DNS_REASON_NODATA);
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i);
        rig_question.qname = name_of(name);
        answer->ttl = 60 + i % 100;
        dns_cache_folder_put(&rig_folder, &rig_key, answer);
        dns_endpoints_free(answer);
    }
    cr_assert_leq(rig_count(""), DNS_FOLDER_SETS * DNS_FOLDER_WAYS + 1);
    for (unsigned i = 0; i < 6000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i);
        live += rig_has_named(name);
    }
    cr_assert_eq(live + 1, rig_count(""), "each file holds an answer that is found");
    cr_assert_gt(live, 3500);
    cr_assert(rig_has_named("n5999.example"), "the last one has got its place");
}

/* An expired answer goes when another one is put, even if it is never asked for again. */
Test(cache_folder, what_has_expired_is_swept)
{
    char name[400];
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "n%u.example", i);
        rig_put_named(name, 60);
    }
    rig_put_named("long.example", 86400);
    rig_time += DNS_FOLDER_SWEEP_S - 1;
    rig_put_named("early.example", 86400);
    cr_assert_eq(rig_count(""), 13, "not yet");
    rig_time += 1;
    rig_put_named("due.example", 86400);
    cr_assert_eq(rig_count(""), 4, "three answers that live, and the time");
    cr_assert(rig_has_named("long.example") && rig_has_named("early.example") &&
              rig_has_named("due.example"));
}

Test(cache_folder, what_a_dead_writer_left_is_swept)
{
    char left[128];
    char strange[128];
    rig_put(answer_with_endpoints());
    (void)snprintf(left, sizeof left, "%s/new.0123456789abcdef", rig_path);
    (void)snprintf(strange, sizeof strange, "%s/notes.txt", rig_path);
    (void)close(open(left, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    (void)close(open(strange, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const struct timespec times[2] = {{.tv_sec = RIG_START_S}, {.tv_sec = RIG_START_S}};
    cr_assert_eq(utimensat(AT_FDCWD, left, times, 0), 0);
    cr_assert_eq(utimensat(AT_FDCWD, strange, times, 0), 0);
    rig_time += DNS_FOLDER_SWEEP_S;
    rig_put(answer_with_endpoints());
    cr_assert_eq(access(left, F_OK), -1);
    cr_assert_eq(access(strange, F_OK), 0, "what is not ours stays");
}

/* The time of the last sweep may be anything too. */
Test(cache_folder, a_sweep_in_the_future_is_no_hindrance)
{
    rig_put_named("short.example", 60);
    rig_time -= 100000;
    rig_put_named("a.example", 60);
    cr_assert_eq(rig_count(""), 2, "the one of the future is gone");
}

Test(cache_folder, a_bound_on_files_is_kept)
{
    const struct rlimit tight = {.rlim_cur = 100, .rlim_max = 100};
    rig_put_named("a.example", 60);
    pid_t child = fork();
    if (child == 0) {
        (void)setrlimit(RLIMIT_FSIZE, &tight);
        rig_put_named("b.example", 60);
        _exit(rig_has_named("a.example") && !rig_has_named("b.example") && rig_count("new.") == 0
                  ? 0
                  : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "not killed by SIGXFSZ");
}

Test(cache_folder, no_descriptor_to_be_had)
{
    rig_put(answer_with_endpoints());
    pid_t child = fork();
    if (child == 0) {
        int last = dup(0);
        const struct rlimit none = {.rlim_cur = (rlim_t)last + 1, .rlim_max = (rlim_t)last + 1};
        (void)setrlimit(RLIMIT_NOFILE, &none);
        struct dns_endpoints *answer = answer_with_endpoints();
        bool failed = dns_cache_folder_get(&rig_folder, &rig_key) == NULL; /* not even the folder */
        dns_cache_folder_put(&rig_folder, &rig_key, answer);
        (void)close(last);
        failed = failed && dns_cache_folder_get(&rig_folder, &rig_key) == NULL; /* no file in it */
        dns_cache_folder_put(&rig_folder, &rig_key, answer);
        dns_endpoints_free(answer);
        _exit(failed ? 0 : 1);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert(rig_has(), "nothing was removed for lack of a descriptor");
    cr_assert_eq(rig_count(""), 2);
}

static bool no_random(void *out, size_t len)
{
    (void)out;
    (void)len;
    return false;
}

Test(cache_folder, no_randomness)
{
    rig_folder.random = no_random;
    rig_put(answer_with_endpoints());
    cr_assert_not(rig_has());
    cr_assert_eq(rig_count("new."), 0);
}

/* ---- several users at a time ---- */

static void work(unsigned seed)
{
    for (unsigned i = 0; i < 300; i++) {
        char name[32];
        struct dns_question mine;
        struct dns_cache_key mine_key = rig_key;
        (void)snprintf(name, sizeof name, "n%u.example", (i * 7 + seed) % 20);
        mine = (struct dns_question){name_of(name), DNS_TYPE_HTTPS};
        mine_key.question = &mine;
        struct dns_endpoints *expected = answer_with_endpoints();
        dns_cache_folder_put(&rig_folder, &mine_key, expected);
        struct dns_endpoints *answer = dns_cache_folder_get(&rig_folder, &mine_key);
        if (answer != NULL) {
            assert_same_answer(answer, expected);
        }
        dns_endpoints_free(answer);
        dns_endpoints_free(expected);
    }
}

static void *work_in_thread(void *arg)
{
    work(*(const unsigned *)arg);
    return NULL;
}

Test(cache_folder, threads_and_processes, .timeout = 120, .disabled = FORK_IS_UNSAFE)
{
    pthread_t threads[8];
    unsigned seeds[8];
    pid_t children[3];
    for (unsigned i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            work(100 + i);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        seeds[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, work_in_thread, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < 3; i++) {
        int status = -1;
        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_assert_eq(status, 0);
    }
    cr_assert_eq(rig_count("new."), 0);
    for (unsigned i = 0; i < 20; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i);
        cr_assert(rig_has_named(name), "%s", name);
    }
}

/* Killing a writer at any time leaves whole answers or none. */
Test(cache_folder, a_writer_that_is_killed, .timeout = 60)
{
    for (unsigned i = 0; i < 30; i++) {
        pid_t child = fork();
        if (child == 0) {
            for (;;) {
                work(0);
            }
        }
        (void)usleep(2000 + i * 500);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        for (unsigned j = 0; j < 20; j++) {
            char name[32];
            struct dns_endpoints *expected = answer_with_endpoints();
            (void)snprintf(name, sizeof name, "n%u.example", j);
            rig_question.qname = name_of(name);
            struct dns_endpoints *answer = rig_get();
            if (answer != NULL) {
                assert_same_answer(answer, expected);
            }
            dns_endpoints_free(answer);
            dns_endpoints_free(expected);
        }
    }
    cr_assert_neq(rig_entry()[0], '\0');
}

/* ---- the folder behind the memory of a process ---- */

static bool a_network(uint64_t *id)
{
    *id = 1;
    return true;
}

static bool no_network(uint64_t *id)
{
    *id = 1;
    return false;
}

enum { SECOND = 1000000 };

Test(cache_folder, one_process_after_another)
{
    struct dns_cache first;
    struct dns_cache second;
    struct dns_endpoints *expected = answer_with_endpoints();
    dns_cache_init(&first, 1);
    dns_cache_init(&second, 2);
    first.folder = second.folder = &rig_folder;
    first.network = second.network = a_network;
    dns_cache_put(&first, "r", &rig_question, expected, 0);
    dns_cache_free(&first);
    rig_time += 20;
    struct dns_endpoints *answer = dns_cache_get(&second, "r", &rig_question, 77 * SECOND);
    assert_same_answer(answer, expected);
    cr_assert_eq(answer->ttl, 40);
    dns_endpoints_free(answer);
    /* From here on it is in memory, for the rest of its time. */
    cr_assert_eq(second.count, 1);
    cr_assert_eq(unlink(rig_entry()), 0);
    answer = dns_cache_get(&second, "r", &rig_question, 117 * SECOND - 1);
    cr_assert_not_null(answer);
    dns_endpoints_free(answer);
    cr_assert_null(dns_cache_get(&second, "r", &rig_question, 117 * SECOND));
    dns_endpoints_free(expected);
    dns_cache_free(&second);
}

/* In memory it would live for five seconds more. */
Test(cache_folder, the_last_seconds_are_not_made_longer)
{
    struct dns_cache cache;
    struct dns_endpoints *answer = answer_with_endpoints();
    dns_cache_init(&cache, 1);
    cache.folder = &rig_folder;
    dns_cache_put(&cache, "r", &rig_question, answer, 0);
    dns_endpoints_free(answer);
    dns_cache_free(&cache);
    dns_cache_init(&cache, 1);
    cache.folder = &rig_folder;
    rig_time += 57;
    answer = dns_cache_get(&cache, "r", &rig_question, 57 * SECOND);
    cr_assert_not_null(answer);
    dns_endpoints_free(answer);
    rig_time += 3;
    cr_assert_null(dns_cache_get(&cache, "r", &rig_question, 60 * SECOND));
    dns_cache_free(&cache);
}

Test(cache_folder, svcb_53_nothing_is_shared_in_an_unknown_network)
{
    struct dns_cache cache;
    struct dns_endpoints *answer = answer_with_endpoints();
    dns_cache_init(&cache, 1);
    cache.folder = &rig_folder;
    cache.network = no_network;
    dns_cache_put(&cache, "r", &rig_question, answer, 0);
    dns_endpoints_free(answer);
    cr_assert_eq(access(rig_path, F_OK), -1);
    answer = dns_cache_get(&cache, "r", &rig_question, 0);
    cr_assert_not_null(answer, "the process itself goes on with it");
    dns_endpoints_free(answer);
    dns_cache_free(&cache);
}

Test(cache_folder, failures_are_not_kept)
{
    struct dns_cache cache;
    struct dns_endpoints *answer = dns_answer_new(DNS_FAILED, DNS_REASON_TIMEOUT);
    dns_cache_init(&cache, 1);
    cache.folder = &rig_folder;
    dns_cache_put(&cache, "r", &rig_question, answer, 0);
    dns_endpoints_free(answer);
    cr_assert_eq(access(rig_path, F_OK), -1);
    dns_cache_free(&cache);
}
