/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stub's own memory. Its functions have the names of the C library; the tested object has them
 * renamed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void *stub_malloc(size_t size);
void *stub_calloc(size_t count, size_t size);
void *stub_realloc(void *old, size_t size);
void *stub_reallocarray(void *old, size_t count, size_t size);
void stub_free(void *old);
char *stub_strdup(const char *text);
char *stub_strndup(const char *text, size_t max);

/* As in shim/stub/hooks_memory.c: the initial memory, and the size asked of the kernel. */
enum { FIRST_SIZE = 16 * 1024, BLOCK_SIZE = 64 * 1024 };

TestSuite(stub_memory, .timeout = 30);

static bool is_zero(const unsigned char *memory, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (memory[i] != 0) {
            return false;
        }
    }
    return true;
}

Test(stub_memory, is_aligned_zero_and_apart)
{
    enum { COUNT = 3000 };
    static unsigned char *pieces[COUNT];
    static size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = i % 7 == 0 ? i * 17 : i % 300;
        pieces[i] = stub_calloc(1, sizes[i]);
        cr_assert_not_null(pieces[i]);
        cr_assert_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        cr_assert(is_zero(pieces[i], sizes[i]), "%zu", sizes[i]);
        memset(pieces[i], (int)(i % 251) + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            cr_assert_eq(pieces[i][at], (int)(i % 251) + 1);
        }
    }
}

Test(stub_memory, grows_with_what_is_in_it)
{
    unsigned char *memory = stub_malloc(1);
    memory[0] = 1;
    for (size_t size = 2; size < (size_t)4 * BLOCK_SIZE; size += size / 3 + 1) {
        memory = stub_realloc(memory, size);
        cr_assert_not_null(memory);
        cr_assert_eq(memory[0], 1);
        memory[size - 1] = (unsigned char)size;
        cr_assert_eq(stub_realloc(memory, size / 2), memory, "what shrinks stays");
        cr_assert_eq(memory[size - 1], (unsigned char)size);
    }
    stub_free(memory);
    stub_free(NULL);
}

/* How many pages of address space this process has. */
static long pages_mapped(void)
{
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file != NULL && fscanf(file, "%ld", &pages) == 1 && fclose(file) == 0);
    return pages;
}

/* Large blocks go back to the kernel. */
Test(stub_memory, gives_back_what_is_large)
{
    enum { PIECE = 64 << 20 };
    long before = pages_mapped();
    for (int i = 0; i < 1000; i++) {
        void *memory = stub_malloc(PIECE);
        cr_assert_not_null(memory, "%d", i);
        errno = 77;
        stub_free(memory);
        cr_assert_eq(errno, 77);
    }
    cr_assert_leq(pages_mapped() - before, PIECE / sysconf(_SC_PAGESIZE));
}

Test(stub_memory, refuses_what_cannot_be)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, SIZE_MAX / 4 + 1};
    /* A process of 32 bits may well have a gibibyte. */
    size_t count = sizeof(void *) < sizeof(uint64_t) ? 2 : sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count; i++) {
        errno = 0;
        cr_expect_null(stub_malloc(sizes[i]));
        cr_expect_eq(errno, ENOMEM);
        cr_expect_null(stub_calloc(sizes[i], 1));
        cr_expect_null(stub_realloc(NULL, sizes[i]));
    }
    errno = 0;
    cr_expect_null(stub_reallocarray(NULL, SIZE_MAX / 2, 3));
    cr_expect_eq(errno, ENOMEM);
    char *kept = stub_strdup("kept");
    cr_expect_null(stub_realloc(kept, SIZE_MAX / 3));
    cr_expect_str_eq(kept, "kept");
}

Test(stub_memory, says_when_there_is_none)
{
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_AS, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_AS, &(struct rlimit){1 << 20, before.rlim_max}), 0);
    size_t count = 0;
    while (stub_malloc(1000) != NULL) {
        count++;
        cr_assert_lt(count, 100000);
    }
    cr_expect_eq(errno, ENOMEM);
    cr_expect_geq(count, FIRST_SIZE / 1100);
    cr_expect_null(stub_malloc(BLOCK_SIZE));
    cr_expect_null(stub_strdup("text"));
    /* Once there is memory again, the stub asks for it. */
    cr_assert_eq(setrlimit(RLIMIT_AS, &before), 0);
    cr_expect_not_null(stub_malloc(1000));
}

Test(stub_memory, copies_texts)
{
    cr_expect_str_eq(stub_strdup(""), "");
    cr_expect_str_eq(stub_strdup("a text"), "a text");
    cr_expect_str_eq(stub_strndup("a text", 3), "a t");
    cr_expect_str_eq(stub_strndup("a", 3), "a");
}

/* ---- threads and forks ---- */

enum { THREADS = 8, ROUNDS = 2000 };

static void *fill(void *argument)
{
    unsigned char mark = *(unsigned char *)argument;
    static __thread unsigned char *pieces[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        size_t size = 1 + (i * 31 + mark) % 400;
        pieces[i] = stub_calloc(1, size);
        if (pieces[i] == NULL || !is_zero(pieces[i], size)) {
            return NULL;
        }
        memset(pieces[i], mark, size);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t at = 0; at < 1 + (i * 31 + mark) % 400; at++) {
            if (pieces[i][at] != mark) {
                return NULL;
            }
        }
    }
    return argument;
}

Test(stub_memory, is_everybodys)
{
    pthread_t threads[THREADS];
    unsigned char marks[THREADS];
    for (int i = 0; i < THREADS; i++) {
        marks[i] = (unsigned char)(i + 1);
        cr_assert_eq(pthread_create(&threads[i], NULL, fill, &marks[i]), 0);
    }
    /* The child of a fork can find no lock held. */
    for (int i = 0; i < 20; i++) {
        unsigned char mark = 99;
        int status = 1;
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            _exit(fill(&mark) != NULL ? 0 : 1);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_expect_eq(status, 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        cr_expect_not_null(result, "%d", i);
    }
}
