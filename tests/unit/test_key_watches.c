/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Watches for private keys: what is taken, by which session, and that nothing stays. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "shim/engine/session/program_keys.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/key_watches.h"

/* A library whose keys are numbers. */
static atomic_int living;

struct number_key {
    struct shim_seen_key base;
    uint8_t number;
};

static struct shim_seen_key *take(const void *library, const struct shim_made_key *made)
{
    if (made->function != library) {
        return NULL;
    }
    struct number_key *key = calloc(1, sizeof *key);
    cr_assert_not_null(key);
    key->number = *(const uint8_t *)made->private_key;
    atomic_fetch_add(&living, 1);
    return &key->base;
}

static bool is(const struct shim_seen_key *key, uint16_t group, struct bytes key_exchange)
{
    return group == 29 &&
           bytes_equal(key_exchange, BYTES(((const struct number_key *)key)->number));
}

static enum ech_status agree(const struct shim_seen_key *key, uint16_t group, struct bytes peer,
                             struct writer *shared_secret)
{
    (void)group, (void)peer;
    wr_u8(shared_secret, ((const struct number_key *)key)->number);
    return ECH_OK;
}

static void drop(struct shim_seen_key *key)
{
    atomic_fetch_sub(&living, 1);
    free(key);
}

static const struct shim_key_functions functions = {
    .take = take, .is = is, .agree = agree, .drop = drop};
static const char a_library;
static const char another_library;

/* The stub's side: the watch of this thread. */
static __thread uint64_t watched;

uint64_t test_watch_keys(uint64_t watch)
{
    uint64_t before = watched;
    watched = watch;
    return before;
}

static bool make_by(const void *library, uint8_t number)
{
    const struct shim_made_key made = {.function = library, .private_key = &number};
    return watched != 0 && shim_program_key_made(watched, &made);
}

static bool make(uint8_t number)
{
    return make_by(&a_library, number);
}

static void watch(struct shim_program_keys *keys)
{
    shim_program_keys_watch(keys, &functions, &a_library);
}

static bool have(struct shim_program_keys *keys, uint8_t number)
{
    struct ech_program_keys program = shim_program_keys_for_exchange(keys);
    return program.have(program.context, 29, BYTES(number));
}

Test(key_watches, only_what_is_asked_for_is_kept)
{
    struct shim_program_keys keys = {.watch = 0};
    struct ech_program_keys program = shim_program_keys_for_exchange(&keys);
    struct writer secret;
    wr_init(&secret, 0);
    cr_assert_not(make(1), "nobody watches");
    watch(&keys);
    cr_assert(make(1) && make(2) && make(3));
    cr_assert(make_by(&another_library, 4));
    shim_program_keys_close(&keys);
    cr_assert_eq(watched, 0);
    cr_assert_not(make(5));
    cr_assert(have(&keys, 2) && !have(&keys, 4) && !have(&keys, 5));
    cr_assert_eq(atomic_load(&living), 3);
    shim_program_keys_keep_believed(&keys);
    cr_assert_eq(atomic_load(&living), 1);
    cr_assert(have(&keys, 2) && !have(&keys, 1));
    cr_assert_eq(program.agree(program.context, 29, BYTES(2), BYTES(9), &secret), ECH_OK);
    assert_octets(wr_view(&secret), BYTES(2), "secret");
    cr_assert_eq(program.agree(program.context, 29, BYTES(1), BYTES(9), &secret), ECH_ERR_CRYPTO);
    shim_program_keys_drop(&keys);
    cr_assert_eq(atomic_load(&living), 0);
    wr_free(&secret);
}

Test(key_watches, of_many_keys_the_newest_are_kept)
{
    struct shim_program_keys keys = {.watch = 0};
    watch(&keys);
    for (uint8_t i = 1; i <= 100; i++) {
        cr_assert(make(i));
    }
    cr_assert_eq(atomic_load(&living), SHIM_SEEN_KEYS_MAX);
    shim_program_keys_close(&keys);
    cr_assert(have(&keys, 100) && have(&keys, 101 - SHIM_SEEN_KEYS_MAX) && !have(&keys, 1));
    shim_program_keys_drop(&keys);
    cr_assert_eq(atomic_load(&living), 0);
}

Test(key_watches, a_handshake_within_another)
{
    struct shim_program_keys outside = {.watch = 0};
    struct shim_program_keys within = {.watch = 0};
    watch(&outside);
    cr_assert(make(1));
    watch(&within);
    cr_assert(make(2));
    shim_program_keys_close(&within);
    cr_assert(make(3));
    shim_program_keys_close(&outside);
    cr_assert(have(&outside, 1) && have(&outside, 3) && !have(&outside, 2));
    cr_assert(have(&within, 2) && !have(&within, 1) && !have(&within, 3));
    shim_program_keys_drop(&outside);
    shim_program_keys_drop(&within);
    cr_assert_eq(atomic_load(&living), 0);
}

/* The program jumped out of the call, and the session ended where the thread does not see it. */
static void *end_session(void *keys)
{
    shim_program_keys_drop(keys);
    return NULL;
}

Test(key_watches, a_session_that_ends_in_another_thread)
{
    struct shim_program_keys keys = {.watch = 0};
    pthread_t thread;
    watch(&keys);
    cr_assert(make(1));
    cr_assert_eq(pthread_create(&thread, NULL, end_session, &keys), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(atomic_load(&living), 0);
    cr_assert_neq(watched, 0);
    cr_assert_not(make(2), "the watch is over");
    cr_assert_eq(atomic_load(&living), 0);
}

/* More open watches than there is room for: the last ones see nothing. */
Test(key_watches, too_many)
{
    enum { MANY = 80, ROOM = 64 };
    static struct shim_program_keys keys[MANY];
    for (size_t i = 0; i < MANY; i++) {
        watched = 0;
        watch(&keys[i]);
        cr_assert_eq(watched != 0, i < ROOM);
        (void)make(1);
    }
    cr_assert_eq(atomic_load(&living), ROOM);
    for (size_t i = 0; i < MANY; i++) {
        shim_program_keys_drop(&keys[i]);
    }
    cr_assert_eq(atomic_load(&living), 0);
    watch(&keys[0]);
    cr_assert(make(1));
    shim_program_keys_drop(&keys[0]);
    cr_assert_eq(atomic_load(&living), 0);
}

/* Threads that still have the numbers of watches, while others close and open them. */
static _Atomic uint64_t shared_watch;
static atomic_bool stop;

static void *make_all_the_time(void *context)
{
    (void)context;
    while (!atomic_load(&stop)) {
        watched = atomic_load(&shared_watch);
        (void)make(7);
    }
    return NULL;
}

Test(key_watches, threads)
{
    enum { THREADS = 3, ROUNDS = 3000 };
    pthread_t threads[THREADS];
    struct shim_program_keys keys = {.watch = 0};
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, make_all_the_time, NULL), 0);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        watch(&keys);
        atomic_store(&shared_watch, keys.watch);
        (void)make(1);
        shim_program_keys_close(&keys);
        (void)have(&keys, 7);
        shim_program_keys_keep_believed(&keys);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    shim_program_keys_drop(&keys);
    cr_assert_eq(atomic_load(&living), 0);
}
