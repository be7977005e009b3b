/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When senders are prepared, who gets them, and that nothing stays. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/engine/config/prepared_senders.h"
#include "tests/unit/hello_tools.h"

enum { SECOND_US = 1000000, PORT = 443, CONFIGS = SHIM_PREPARED_MAX + 2 };

static uint64_t time_us = 1000 * SECOND_US;
static struct shim_handlers handlers;
static struct octets lists[CONFIGS];
static struct ech_config_choice choices[CONFIGS];

static uint64_t now_us(void)
{
    return time_us;
}

/* Configs that differ in config_id alone. */
static void set_up(void)
{
    enum { AT_ID = 6 };
    struct test_server server;
    test_server_init(&server, 0);
    for (size_t i = 0; i < CONFIGS; i++) {
        lists[i] = octets_copy(octets_view(&server.list));
        lists[i].data[AT_ID] = (uint8_t)(100 + i);
        cr_assert_eq(ech_config_list_select(octets_view(&lists[i]), NULL, &choices[i]), ECH_OK);
        cr_assert_eq(choices[i].config.config_id, 100 + i);
    }
    test_server_free(&server);
    shim_prepared_start(now_us, &handlers);
}

static void tear_down(void)
{
    shim_prepared_leave();
    for (size_t i = 0; i < CONFIGS; i++) {
        octets_free(&lists[i]);
    }
}

TestSuite(prepared_senders, .init = set_up, .fini = tear_down, .timeout = 60);

/* 192.0.2.NUMBER */
static struct sockaddr_in address_of(uint8_t number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    address.sin_addr.s_addr = htonl(0xc0000200U | number);
    return address;
}

static void expect_for(size_t config, uint8_t number, uint32_t seconds)
{
    struct sockaddr_in address = address_of(number);
    struct shim_addresses addresses = {.count = 1};
    cr_assert(shim_address_of((const struct sockaddr *)&address, &addresses.list[0]));
    shim_prepared_expect(&choices[config], seconds, &addresses, PORT);
}

static void connect_to(uint8_t number)
{
    struct sockaddr_in address = address_of(number);
    errno = EINPROGRESS;
    shim_prepared_connecting((const struct sockaddr *)&address, sizeof address);
    cr_assert_eq(errno, EINPROGRESS);
}

/* Is there one? It stays. */
static bool is_there(size_t config)
{
    struct ech_prepared_sender *found = shim_prepared_take(&choices[config]);
    bool ready = found != NULL && found->ready;
    cr_assert_not(shim_prepared_give(found));
    return ready;
}

/* As a hello does. False: it had to make its own. */
static bool use(size_t config, uint8_t enc[32])
{
    static const struct ech_random none; /* crashes if it is called */
    struct ech_config_choice choice = choices[config];
    struct ech_hpke hpke;
    choice.prepared = shim_prepared_take(&choices[config]);
    bool used = choice.prepared != NULL;
    if (used) {
        cr_assert_eq(ech_sender_set_up(&hpke, &choice, &none, enc), ECH_OK);
    }
    cr_assert_eq(shim_prepared_give(choice.prepared), used);
    return used;
}

Test(prepared_senders, is_made_while_the_expected_connection_is_made)
{
    cr_assert_not(shim_prepared_is_of_use());
    expect_for(0, 1, 300);
    cr_assert_not(is_there(0));
    connect_to(2);
    cr_assert_not(is_there(0), "the connection leads elsewhere");
    connect_to(1);
    cr_assert(is_there(0));
    cr_assert(shim_prepared_is_of_use());
}

Test(prepared_senders, another_port_is_another_connection)
{
    struct sockaddr_in address = address_of(1);
    expect_for(0, 1, 300);
    address.sin_port = htons(PORT + 1);
    shim_prepared_connecting((const struct sockaddr *)&address, sizeof address);
    cr_assert_not(is_there(0));
}

Test(prepared_senders, nothing_is_read_behind_an_address)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    struct shim_addresses addresses = {.count = 1};
    cr_assert(shim_address_of((const struct sockaddr *)&address, &addresses.list[0]));
    shim_prepared_expect(&choices[0], 300, &addresses, PORT);
    for (size_t length = 0; length < sizeof address; length++) {
        void *exact = malloc(length > 0 ? length : 1);
        memcpy(exact, &address, length);
        shim_prepared_connecting(exact, (socklen_t)length);
        cr_assert_not(is_there(0));
        free(exact);
    }
    shim_prepared_connecting((const struct sockaddr *)&address, sizeof address);
    cr_assert(is_there(0));
}

Test(prepared_senders, ech_20_each_is_used_once)
{
    uint8_t encs[2][32];
    expect_for(0, 1, 300);
    connect_to(1);
    cr_assert(use(0, encs[0]));
    cr_assert_not(use(0, encs[1]));
    connect_to(1);
    cr_assert(use(0, encs[1]));
    cr_assert_neq(memcmp(encs[0], encs[1], sizeof encs[0]), 0);
}

/* A program that connects and never speaks TLS. */
Test(prepared_senders, there_is_one_for_a_config_at_most)
{
    uint8_t enc[32];
    expect_for(0, 1, 300);
    for (int i = 0; i < 10000; i++) {
        connect_to(1);
    }
    cr_assert(use(0, enc));
    cr_assert_not(use(0, enc));
}

Test(prepared_senders, the_oldest_gives_way)
{
    for (size_t i = 0; i < CONFIGS; i++) {
        time_us += SECOND_US;
        expect_for(i, (uint8_t)i, 300);
        connect_to((uint8_t)i);
    }
    for (size_t i = 0; i < CONFIGS; i++) {
        cr_assert_eq(is_there(i), i >= CONFIGS - SHIM_PREPARED_MAX);
    }
}

Test(prepared_senders, ends_with_the_config)
{
    expect_for(0, 1, 10);
    expect_for(1, 2, 300);
    connect_to(1);
    connect_to(2);
    struct ech_prepared_sender *memory = shim_prepared_take(&choices[0]);
    cr_assert_not(shim_prepared_give(memory));
    time_us += 10 * SECOND_US;
    cr_assert(is_there(1));
    cr_assert_eq(memory->config_length, 0, "the other is looked at: this one is wiped");
    cr_assert_not(memory->ready);
    cr_assert_not(is_there(0));
    connect_to(1);
    cr_assert_not(is_there(0), "it is not expected any more");
    time_us += (uint64_t)(SHIM_PREPARED_SECONDS - 10) * SECOND_US;
    cr_assert_not(is_there(1), "however long the config lasts");
}

Test(prepared_senders, is_never_another_configs)
{
    uint8_t enc[32];
    expect_for(0, 1, 300);
    connect_to(1);
    cr_assert_not(use(1, enc));
    struct ech_config_choice other = choices[0];
    other.suite.aead_id = ECH_AEAD_CHACHA20_POLY1305;
    cr_assert_null(shim_prepared_take(&other));
    cr_assert(is_there(0));
}

/* The new config of a name takes over its addresses. */
Test(prepared_senders, both_configs_of_an_address_may_be_needed)
{
    uint8_t enc[32];
    expect_for(0, 1, 300);
    expect_for(1, 1, 300);
    connect_to(1);
    connect_to(1);
    cr_assert(use(0, enc));
    cr_assert(use(1, enc));
}

/* ---- signal handlers ---- */

static void on_signal(int number)
{
    (void)number;
    connect_to(1);
}

static void raise_with(int flags)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    cr_assert_eq(raise(SIGUSR1), 0);
}

Test(prepared_senders, nothing_is_made_in_a_handler)
{
    expect_for(0, 1, 300);
    raise_with(0);
    cr_assert_not(is_there(0));
    connect_to(1);
    cr_assert(is_there(0));
}

Test(prepared_senders, nothing_is_made_if_a_handler_cannot_be_told)
{
    expect_for(0, 1, 300);
    atomic_store(&handlers.undeferred, true);
    raise_with(SA_NODEFER);
    connect_to(1);
    cr_assert_not(is_there(0));
    shim_prepared_start(now_us, NULL);
    connect_to(1);
    cr_assert_not(is_there(0));
}

/* ---- forks ---- */

/* By the system call: no handler of pthread_atfork runs. */
static pid_t bare_fork(void)
{
#ifdef SYS_fork
    return (pid_t)syscall(SYS_fork);
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

static bool child_has_one(void)
{
    uint8_t enc[32];
    bool has = use(0, enc);
    connect_to(1); /* its own */
    return has || !use(0, enc);
}

static void check_fork(pid_t (*make_child)(void))
{
    int status = -1;
    expect_for(0, 1, 300);
    connect_to(1);
    pid_t child = make_child();
    if (child == 0) {
        _exit(child_has_one() ? 1 : 0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert(is_there(0), "the parent keeps its own");
}

static pid_t fork_as_the_engine(void)
{
    pid_t child = fork();
    if (child == 0) {
        shim_prepared_leave();
        expect_for(0, 1, 300);
    }
    return child;
}

Test(prepared_senders, ech_20_a_child_has_none)
{
    check_fork(fork_as_the_engine);
}

Test(prepared_senders, ech_20_a_child_that_no_handler_saw_has_none)
{
    uint8_t enc[32];
    int status = -1;
    expect_for(0, 1, 300);
    connect_to(1);
    pid_t child = bare_fork();
    if (child == 0) {
        struct ech_prepared_sender *found = shim_prepared_take(&choices[0]);
        _exit(found != NULL && found->ready ? 1 : 0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert(use(0, enc));
}

static int use_first(void *enc)
{
    return use(0, enc) ? 0 : 1;
}

/* It shares the memory, so what one of the two has used is used. */
Test(prepared_senders, ech_20_vfork_shares_them)
{
    static max_align_t stack[64 * 1024 / sizeof(max_align_t)];
    static uint8_t encs[2][32];
    int status = -1;
    expect_for(0, 1, 300);
    connect_to(1);
    pid_t child = clone(use_first, stack + sizeof stack / sizeof *stack,
                        CLONE_VM | CLONE_VFORK | SIGCHLD, encs[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_not(use(0, encs[1]));
}

/* ---- threads ---- */

enum { THREADS = 8, TURNS = 200 };
static uint8_t seen[THREADS][TURNS][32];
static bool was_used[THREADS][TURNS];

static void *take_turns(void *argument)
{
    size_t number = *(size_t *)argument;
    for (size_t i = 0; i < TURNS; i++) {
        expect_for(i % 3, 1, 300);
        connect_to(1);
        was_used[number][i] = use(i % 3, seen[number][i]);
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof seen[0][0]);
}

Test(prepared_senders, ech_20_threads_never_share_one)
{
    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    static uint8_t all[THREADS * TURNS][32];
    size_t count = 0;
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, take_turns, &numbers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        for (size_t j = 0; j < TURNS; j++) {
            if (was_used[i][j]) {
                memcpy(all[count++], seen[i][j], sizeof all[0]);
            }
        }
    }
    cr_assert_gt(count, 1);
    qsort(all, count, sizeof all[0], compare);
    for (size_t i = 1; i < count; i++) {
        cr_assert_neq(memcmp(all[i - 1], all[i], sizeof all[0]), 0, "one sender for two hellos");
    }
}
