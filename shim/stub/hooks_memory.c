/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stub's own memory. The program's allocator may itself call a hook, in its first malloc and
 * under its lock, so the stub must never use it. These functions have the C library's names and are
 * hidden. Only calls of the stub, and of inih within it, get here. Lock-free and async-signal-safe.
 * Small blocks are never given back, because the stub keeps nearly all that it takes.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HIDDEN __attribute__((visibility("hidden")))

enum { FIRST_SIZE = 16 * 1024, BLOCK_SIZE = 64 * 1024, LARGE = BLOCK_SIZE / 4 };

struct piece {
    size_t size; /* of what follows */
    alignas(max_align_t) unsigned char octets[];
};

struct block {
    atomic_size_t used;
    alignas(max_align_t) unsigned char octets[];
};

/* Enough for most processes, without a system call. */
static union {
    struct block block;
    alignas(max_align_t) unsigned char all[sizeof(struct block) + FIRST_SIZE];
} first;

static _Atomic(struct block *) current = &first.block;

static void *map(size_t size)
{
    int saved = errno;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return memory != MAP_FAILED ? memory : NULL;
}

static void *take_from(struct block *block, size_t size)
{
    size_t room = block == &first.block ? (size_t)FIRST_SIZE : BLOCK_SIZE - sizeof *block;
    size_t at = atomic_fetch_add_explicit(&block->used, size, memory_order_relaxed);
    return at <= room && size <= room - at ? block->octets + at : NULL;
}

static void *take(size_t size)
{
    for (;;) {
        struct block *block = atomic_load_explicit(&current, memory_order_acquire);
        void *memory = take_from(block, size);
        if (memory != NULL) {
            return memory;
        }
        struct block *fresh = map(BLOCK_SIZE);
        if (fresh == NULL) {
            return NULL;
        }
        if (!atomic_compare_exchange_strong(&current, &block, fresh)) {
            (void)munmap(fresh, BLOCK_SIZE);
        }
    }
}

HIDDEN void *malloc(size_t size)
{
    if (size > SIZE_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    size_t whole = sizeof(struct piece) +
                   (size + sizeof(struct piece) - 1) / sizeof(struct piece) * sizeof(struct piece);
    struct piece *piece = whole > LARGE ? map(whole) : take(whole);
    if (piece == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    piece->size = whole - sizeof *piece;
    return piece->octets;
}

static struct piece *piece_of(void *memory)
{
    return (struct piece *)(void *)((unsigned char *)memory - offsetof(struct piece, octets));
}

HIDDEN void free(void *old)
{
    if (old == NULL) {
        return;
    }
    struct piece *piece = piece_of(old);
    size_t whole = sizeof *piece + piece->size;
    if (whole > LARGE) {
        int saved = errno;
        (void)munmap(piece, whole);
        errno = saved;
    }
}

HIDDEN void *reallocarray(void *old, size_t count, size_t size)
{
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole) || whole > SIZE_MAX / 4) {
        errno = ENOMEM;
        return NULL;
    }
    size_t had = old != NULL ? piece_of(old)->size : 0;
    if (old != NULL && whole <= had) {
        return old;
    }
    /* Half as much again: a block that grows mostly grows again. */
    void *memory = malloc(old != NULL ? whole + whole / 2 : whole);
    if (memory != NULL && old != NULL) {
        memcpy(memory, old, had);
        free(old);
    }
    return memory;
}

HIDDEN void *realloc(void *old, size_t size)
{
    return reallocarray(old, 1, size);
}

/* Memory comes from the kernel or from .bss and is used only once, so it is zero. */
HIDDEN void *calloc(size_t count, size_t size)
{
    return reallocarray(NULL, count, size);
}

HIDDEN char *strndup(const char *text, size_t max)
{
    size_t length = strnlen(text, max);
    char *copy = malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

HIDDEN char *strdup(const char *text)
{
    return strndup(text, strlen(text));
}
