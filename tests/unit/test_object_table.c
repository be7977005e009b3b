/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/object_table.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

enum { MANY = 20000, THREADS = 8, EACH = 2000, SEGMENTS = 5, JUMPS = 500 };

static struct shim_object_table table;

/* Addresses like malloc's: multiples of 16. */
static const void *object(size_t number)
{
    const uint64_t first = sizeof(void *) < sizeof(uint64_t) ? 0x55000000 : 0x550000000000;
    return (const void *)(uintptr_t)(first + 16 * number);
}

static void put(size_t number, void *value)
{
    const struct shim_object_entry entry = {.owner = &table, .value = value};
    cr_assert(shim_object_put(&table, object(number), &entry));
}

static void *value_of(size_t number)
{
    struct shim_object_entry entry = {.value = NULL};
    return shim_object_get(&table, object(number), &entry) ? entry.value : NULL;
}

Test(object_table, what_was_put_is_found_changed_and_removed)
{
    int values[2];
    struct shim_object_entry entry;
    cr_assert_not(shim_object_get(&table, object(1), &entry));
    cr_assert_not(shim_object_remove(&table, object(1), &entry));
    put(1, &values[0]);
    cr_assert_eq(value_of(1), &values[0]);
    cr_assert_null(value_of(2));
    put(1, &values[1]);
    cr_assert_eq(value_of(1), &values[1]);
    cr_assert(shim_object_remove(&table, object(1), &entry));
    cr_assert_eq(entry.value, &values[1]);
    cr_assert_eq(entry.owner, (void *)&table);
    cr_assert_not(shim_object_remove(&table, object(1), NULL));
    cr_assert_null(value_of(1));
}

Test(object_table, grows)
{
    static int values[MANY];
    for (size_t i = 0; i < MANY; i++) {
        put(i, &values[i]);
    }
    for (size_t i = 0; i < MANY; i += 2) {
        cr_assert(shim_object_remove(&table, object(i), NULL));
    }
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(value_of(i), i % 2 == 0 ? NULL : (void *)&values[i]);
    }
    /* The segments of 256 to 16,384 places fill up well before the next one is added. */
    cr_assert_gt(shim_object_count(&table, SEGMENTS), (size_t)MANY / 2 - 1,
                 "objects are not spread");
}

static void *use(void *argument)
{
    size_t first = (size_t)(uintptr_t)argument * EACH;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = first; i < first + EACH; i++) {
            put(i, (void *)(uintptr_t)object(i));
        }
        for (size_t i = first; i < first + EACH; i++) {
            if (value_of(i) != object(i) || !shim_object_remove(&table, object(i), NULL)) {
                return argument;
            }
        }
    }
    return NULL;
}

Test(object_table, threads)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, use, (void *)(i + 1)), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
}

/* A signal handler may use the table that it has interrupted, and jump out of it. */

static sigjmp_buf left;

static void leave(int number)
{
    (void)number;
    siglongjmp(left, 1);
}

Test(object_table, a_function_that_is_left_locks_nobody_out)
{
    struct sigaction action = {.sa_handler = leave};
    const struct itimerval soon = {.it_value.tv_usec = 300};
    static volatile size_t jumps;
    static volatile size_t number;
    sigaction(SIGALRM, &action, NULL);
    for (jumps = 0; jumps < JUMPS; jumps++) {
        if (sigsetjmp(left, 1) == 0) {
            setitimer(ITIMER_REAL, &soon, NULL);
            for (;;) {
                number = number % MANY + 1;
                put(number, &table);
                (void)shim_object_remove(&table, object(number), NULL);
            }
        }
    }
    pthread_t other;
    void *failed = NULL;
    cr_assert_eq(pthread_create(&other, NULL, use, (void *)(uintptr_t)(MANY / EACH + 1)), 0);
    pthread_join(other, &failed);
    cr_assert_null(failed);
    cr_assert_leq(shim_object_count(&table, SHIM_OBJECT_SEGMENTS), (size_t)JUMPS + 1);
}
