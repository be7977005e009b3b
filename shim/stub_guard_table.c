/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard's memory: bounded, lock-free, safe in signal handlers and over fork. Sockets are known
 * by the kernel's cookie, so duplicates of a descriptor are one and a reused descriptor is another.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "shim/socket_identity.h"
#include "shim/stub_guard.h"

/* ---- announced randoms ---- */

enum { ANNOUNCED_MAX = 1024, REST = 3 };

/* The random's first 8 octets stand for the slot's state too: free, being filled in, or set. A
 * random that begins like one of the two special values is the next one, for all of us alike. */
#define FREE UINT64_C(0)
#define FILLING UINT64_C(1)

struct announced {
    _Atomic uint64_t first;
    _Atomic uint64_t rest[REST];
    _Atomic uint64_t socket; /* 0: not sent */
    atomic_int fd;
    atomic_int watch; /* enum shim_watch */
};

static struct announced announced[ANNOUNCED_MAX];
/* One past the highest slot that was ever taken: a search goes no further. */
static _Atomic unsigned announced_used;

struct random_words {
    uint64_t first;
    uint64_t rest[REST];
};

static struct random_words words_of(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    struct random_words words;
    memcpy(&words.first, random, sizeof words.first);
    memcpy(words.rest, random + sizeof words.first, sizeof words.rest);
    if (words.first == FREE || words.first == FILLING) {
        words.first = FILLING + 1;
    }
    return words;
}

static struct announced *find_announced(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    struct random_words words = words_of(random);
    unsigned used = atomic_load_explicit(&announced_used, memory_order_acquire);
    for (unsigned i = 0; i < used; i++) {
        struct announced *slot = &announced[i];
        if (atomic_load_explicit(&slot->first, memory_order_acquire) != words.first) {
            continue;
        }
        bool same = true;
        for (size_t j = 0; j < REST; j++) {
            same =
                same && atomic_load_explicit(&slot->rest[j], memory_order_relaxed) == words.rest[j];
        }
        if (same) {
            return slot;
        }
    }
    return NULL;
}

static void raise_used(unsigned used)
{
    unsigned seen = atomic_load_explicit(&announced_used, memory_order_relaxed);
    while (seen < used && !atomic_compare_exchange_weak(&announced_used, &seen, used)) {
    }
}

bool stub_announce(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch watch)
{
    struct random_words words = words_of(random);
    for (unsigned i = 0; i < ANNOUNCED_MAX; i++) {
        struct announced *slot = &announced[i];
        uint64_t expected = FREE;
        if (!atomic_compare_exchange_strong(&slot->first, &expected, FILLING)) {
            continue;
        }
        for (size_t j = 0; j < REST; j++) {
            atomic_store_explicit(&slot->rest[j], words.rest[j], memory_order_relaxed);
        }
        atomic_store_explicit(&slot->socket, 0, memory_order_relaxed);
        atomic_store_explicit(&slot->watch, (int)watch, memory_order_relaxed);
        raise_used(i + 1);
        atomic_store_explicit(&slot->first, words.first, memory_order_release);
        if (watch != SHIM_WATCH_NOT) {
            atomic_fetch_add_explicit(&stub_guard_work, STUB_GUARD_WATCHER, memory_order_release);
        }
        return true;
    }
    return false;
}

void stub_withdraw(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    struct announced *slot = find_announced(random);
    if (slot == NULL) {
        return;
    }
    if (atomic_exchange(&slot->watch, SHIM_WATCH_NOT) != SHIM_WATCH_NOT) {
        atomic_fetch_sub_explicit(&stub_guard_work, STUB_GUARD_WATCHER, memory_order_release);
    }
    atomic_store_explicit(&slot->first, FREE, memory_order_release);
}

bool stub_announced(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch *watch)
{
    const struct announced *slot = find_announced(random);
    *watch = slot != NULL
                 ? (enum shim_watch)atomic_load_explicit(&slot->watch, memory_order_relaxed)
                 : SHIM_WATCH_NOT;
    return slot != NULL;
}

void stub_announced_sent(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int fd, uint64_t socket)
{
    struct announced *slot = find_announced(random);
    if (slot != NULL) {
        atomic_store_explicit(&slot->fd, fd, memory_order_relaxed);
        atomic_store_explicit(&slot->socket, socket, memory_order_release);
    }
}

bool stub_descriptor_of(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int *fd)
{
    struct announced *slot = find_announced(random);
    uint64_t socket = slot != NULL ? atomic_load_explicit(&slot->socket, memory_order_acquire) : 0;
    if (socket == 0) {
        return false;
    }
    int saved = errno;
    *fd = atomic_load_explicit(&slot->fd, memory_order_relaxed);
    bool same = shim_socket_identity(*fd) == socket;
    errno = saved;
    return same;
}

/* ---- progress: hellos of which fewer than SHIM_HELLO_PREFIX octets are out ---- */

enum { PROGRESS_MAX = 128, STALE_SECONDS = 60 };

/* One socket is written by one thread at a time, or its stream makes no sense anyway; the octets
 * are atomic only so that a program which does not keep to that gets no worse than such a stream.
 */
struct progress {
    _Atomic uint64_t socket; /* 0: free */
    _Atomic uint8_t length;
    _Atomic uint8_t prefix[SHIM_HELLO_PREFIX];
    _Atomic int64_t since; /* seconds */
};

static struct progress progress[PROGRESS_MAX];
static atomic_uint progress_count;

bool stub_progress_any(void)
{
    return atomic_load_explicit(&progress_count, memory_order_acquire) != 0;
}

static struct progress *find_progress(uint64_t socket)
{
    for (size_t i = 0; i < PROGRESS_MAX; i++) {
        if (atomic_load_explicit(&progress[i].socket, memory_order_acquire) == socket) {
            return &progress[i];
        }
    }
    return NULL;
}

size_t stub_progress_get(uint64_t socket, uint8_t prefix[SHIM_HELLO_PREFIX])
{
    struct progress *entry = find_progress(socket);
    size_t length = entry != NULL ? atomic_load_explicit(&entry->length, memory_order_relaxed) : 0;
    for (size_t i = 0; i < length; i++) {
        prefix[i] = atomic_load_explicit(&entry->prefix[i], memory_order_relaxed);
    }
    return length;
}

static int64_t now_seconds(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec;
}

/* `from`: the place's owner, 0 for a free one. */
static bool take_progress(struct progress *entry, uint64_t from, uint64_t socket)
{
    if (!atomic_compare_exchange_strong(&entry->socket, &from, socket)) {
        return false;
    }
    atomic_store_explicit(&entry->length, 0, memory_order_relaxed);
    atomic_store_explicit(&entry->since, now_seconds(), memory_order_relaxed);
    return true;
}

bool stub_progress_open(uint64_t socket)
{
    for (size_t i = 0; i < PROGRESS_MAX; i++) {
        if (take_progress(&progress[i], 0, socket)) {
            atomic_fetch_add_explicit(&progress_count, 1, memory_order_release);
            return true;
        }
    }
    /* Nobody tells us of a socket that was closed in the middle: the place of one that has been
     * silent for long may be taken. */
    int64_t now = now_seconds();
    for (size_t i = 0; i < PROGRESS_MAX; i++) {
        uint64_t owner = atomic_load_explicit(&progress[i].socket, memory_order_acquire);
        int64_t since = atomic_load_explicit(&progress[i].since, memory_order_relaxed);
        if (owner != 0 && now - since > STALE_SECONDS &&
            take_progress(&progress[i], owner, socket)) {
            return true;
        }
    }
    return false;
}

void stub_progress_set(uint64_t socket, const uint8_t *prefix, size_t length)
{
    struct progress *entry = find_progress(socket);
    if (entry == NULL) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        atomic_store_explicit(&entry->prefix[i], prefix[i], memory_order_relaxed);
    }
    atomic_store_explicit(&entry->since, now_seconds(), memory_order_relaxed);
    atomic_store_explicit(&entry->length, (uint8_t)length, memory_order_relaxed);
}

void stub_progress_close(uint64_t socket)
{
    struct progress *entry = find_progress(socket);
    if (entry != NULL && atomic_compare_exchange_strong(&entry->socket, &socket, 0)) {
        atomic_fetch_sub_explicit(&progress_count, 1, memory_order_release);
    }
}

/* ---- who was told of ---- */

enum { TOLD_MAX = 256 };

/* A ring: what falls out of it could only be told of twice. */
static _Atomic uint64_t told[TOLD_MAX];
static atomic_uint told_next;
/* Hellos that were permitted on a socket not known; each lets one sight go untold. */
static atomic_uint permitted;

static bool was_told(uint64_t socket)
{
    for (size_t i = 0; i < TOLD_MAX; i++) {
        if (atomic_load_explicit(&told[i], memory_order_relaxed) == socket) {
            return true;
        }
    }
    return false;
}

static void note_told(uint64_t socket)
{
    unsigned next = atomic_fetch_add_explicit(&told_next, 1, memory_order_relaxed);
    atomic_store_explicit(&told[next % TOLD_MAX], socket, memory_order_relaxed);
}

bool stub_tell_once(uint64_t socket)
{
    if (was_told(socket)) {
        return false;
    }
    note_told(socket);
    unsigned permits = atomic_load_explicit(&permitted, memory_order_relaxed);
    while (permits > 0) {
        if (atomic_compare_exchange_weak(&permitted, &permits, permits - 1)) {
            return false;
        }
    }
    return true;
}

void stub_permit(int fd)
{
    if ((atomic_load_explicit(&stub_guard_work, memory_order_relaxed) & STUB_GUARD_TELL) == 0) {
        return;
    }
    if (fd < 0) {
        atomic_fetch_add_explicit(&permitted, 1, memory_order_relaxed);
        return;
    }
    int saved = errno;
    uint64_t socket = shim_socket_identity(fd);
    if (!was_told(socket)) {
        note_told(socket);
    }
    errno = saved;
}
