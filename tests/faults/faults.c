/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/faults/faults.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far more than any scenario holds at a time. */
enum { BLOCKS_MAX = 4096, FAULTS_MAX = 100000 };

static struct {
    enum fault_kind kind;
    size_t good; /* calls that succeed before one fails */
    size_t calls;
    bool inside;
    bool injected;
    void *blocks[BLOCKS_MAX]; /* allocated by the code under test and not freed */
    size_t block_count;
} faults;

/* From the sanitizer's runtime, if there is one. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void faults_run(const char *name, enum fault_kind kind, size_t least,
                void (*scenario)(const void *context), const void *context)
{
    faults.kind = kind;
    faults.good = 0;
    size_t before = faults.block_count; /* what the test's own tools hold */
    do {
        faults.calls = 0;
        faults.injected = false;
        scenario(context);
        cr_assert_eq(faults.block_count, before, "%s: %zu blocks leaked after fault %zu", name,
                     faults.block_count - before, faults.good + 1);
        faults.good++;
    } while (faults.injected && faults.good < FAULTS_MAX);
    size_t count = faults.good - 1;
    (void)printf("faults: %s: %zu (%s)\n", name, count,
                 kind == FAULT_MEMORY ? "memory" : "randomness");
    (void)fflush(stdout);
    cr_assert_geq(count, least, "%s: only %zu faults", name, count);
    if (__lsan_do_recoverable_leak_check != NULL) {
        cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "%s: leaks", name);
    }
}

bool faults_injected(void)
{
    return faults.injected;
}

bool faults_hit(enum fault_kind kind)
{
    if (!faults.inside || faults.kind != kind || faults.calls++ != faults.good) {
        return false;
    }
    faults.injected = true;
    return true;
}

void faults_enter(void)
{
    faults.inside = true;
}

void faults_leave(void)
{
    faults.inside = false;
}

bool faults_pause(void)
{
    bool was_inside = faults.inside;
    faults.inside = false;
    return was_inside;
}

void faults_resume(bool was_inside)
{
    faults.inside = was_inside;
}

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    struct ech_random good = test_random(context);
    return faults_hit(FAULT_RANDOM) ? ECH_ERR_CRYPTO : good.fill(good.context, out, len);
}

struct ech_random faults_random(struct test_source *source)
{
    return (struct ech_random){.fill = fill, .context = source};
}

/* ---- the allocator of the code under test ---- */

static bool fails(void)
{
    bool hit = faults_hit(FAULT_MEMORY);
    if (hit) {
        errno = ENOMEM;
    }
    return hit;
}

static void *noted(void *block)
{
    if (block != NULL) {
        cr_assert_lt(faults.block_count, BLOCKS_MAX);
        faults.blocks[faults.block_count++] = block;
    }
    return block;
}

/* A library's allocation for the code under test is not ours to count. */
static void forget(void *block)
{
    for (size_t i = 0; i < faults.block_count; i++) {
        if (faults.blocks[i] == block) {
            faults.blocks[i] = faults.blocks[--faults.block_count];
            return;
        }
    }
}

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : noted(malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : noted(calloc(count, size));
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    if (fails()) {
        return NULL;
    }
    forget(block);
    void *moved = reallocarray(block, count, size);
    cr_assert_not_null(moved);
    return noted(moved);
}

void *__wrap_realloc(void *block, size_t size)
{
    return __wrap_reallocarray(block, 1, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : noted(strdup(text));
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : noted(strndup(text, len));
}

void __wrap_free(void *block)
{
    forget(block);
    free(block);
}

void faults_free(void *block)
{
    __wrap_free(block);
}
