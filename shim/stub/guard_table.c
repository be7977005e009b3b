/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard's memory. It grows, takes no lock, and is safe in signal handlers and over fork. The
 * key of a socket is the kernel's cookie, so duplicates of a descriptor share one entry, and a
 * reused descriptor gets a new one.
 */
#include <errno.h>
#include <string.h>

#include "shim/common/socket_identity.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"
#include "shim/stub/table.h"

uint64_t stub_socket_of(int fd)
{
    enum { LOCKED_BIT = 63 };
    return stub_locked() ? UINT64_C(1) << LOCKED_BIT | (unsigned)fd : shim_socket_identity(fd);
}

/* ---- the randoms of our own hellos ---- */

enum { REST = 3, FIRST_RANDOMS = 128 };

struct known_hello {
    struct stub_place place; /* the key is the first 8 octets of the random */
    _Atomic uint64_t rest[REST];
    _Atomic uint64_t socket; /* 0: not sent */
    atomic_int fd;
    atomic_int what;  /* enum stub_known */
    atomic_int watch; /* enum shim_watch */
};

static struct known_hello first_randoms[FIRST_RANDOMS];
static struct stub_table randoms = STUB_TABLE_INIT(first_randoms, 0);

struct random_words {
    uint64_t first;
    uint64_t rest[REST];
};

static struct random_words words_of(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    struct random_words words;
    memcpy(&words.first, random, sizeof words.first);
    memcpy(words.rest, random + sizeof words.first, sizeof words.rest);
    words.first = stub_table_key(words.first);
    return words;
}

static bool same_rest(const void *place, const void *context)
{
    const struct known_hello *known = place;
    const struct random_words *words = context;
    bool same = true;
    for (size_t i = 0; i < REST; i++) {
        same =
            same && atomic_load_explicit(&known->rest[i], memory_order_relaxed) == words->rest[i];
    }
    return same;
}

static struct known_hello *find_known(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    struct random_words words = words_of(random);
    return stub_table_find(&randoms, words.first, same_rest, &words);
}

/* Must every write be searched for such a hello, in every mode? */
static bool is_sought(enum stub_known what, enum shim_watch watch)
{
    return what == STUB_KNOWN_INNER || watch != SHIM_WATCH_NOT;
}

/* Raises the work before it fills the place. So whoever finds the place also finds the work. */
static bool make_known(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum stub_known what,
                       enum shim_watch watch)
{
    struct random_words words = words_of(random);
    struct known_hello *known = stub_table_take(&randoms, words.first, NULL);
    if (known == NULL) {
        return false;
    }
    for (size_t i = 0; i < REST; i++) {
        atomic_store_explicit(&known->rest[i], words.rest[i], memory_order_relaxed);
    }
    atomic_store_explicit(&known->socket, 0, memory_order_relaxed);
    atomic_store_explicit(&known->what, (int)what, memory_order_relaxed);
    atomic_store_explicit(&known->watch, (int)watch, memory_order_relaxed);
    if (is_sought(what, watch)) {
        atomic_fetch_add_explicit(&stub_guard_work, STUB_GUARD_WATCHER, memory_order_release);
    }
    stub_table_publish(known, words.first);
    return true;
}

bool stub_announce(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch watch)
{
    return make_known(random, STUB_KNOWN_ANNOUNCED, watch);
}

bool stub_keep_in(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    /* After HelloRetryRequest the second inner hello has the random of the first. */
    return find_known(random) != NULL || make_known(random, STUB_KNOWN_INNER, SHIM_WATCH_NOT);
}

bool stub_permit_hello(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    stub_withdraw(random);
    return make_known(random, STUB_KNOWN_PERMITTED, SHIM_WATCH_NOT);
}

void stub_withdraw(const uint8_t random[SHIM_HELLO_RANDOM_SIZE])
{
    struct known_hello *known = find_known(random);
    if (known == NULL) {
        return;
    }
    enum stub_known what =
        (enum stub_known)atomic_load_explicit(&known->what, memory_order_relaxed);
    enum shim_watch watch =
        (enum shim_watch)atomic_load_explicit(&known->watch, memory_order_relaxed);
    if (stub_table_release(known, words_of(random).first) && is_sought(what, watch)) {
        atomic_fetch_sub_explicit(&stub_guard_work, STUB_GUARD_WATCHER, memory_order_release);
    }
}

enum stub_known stub_known_hello(const uint8_t random[SHIM_HELLO_RANDOM_SIZE],
                                 enum shim_watch *watch)
{
    const struct known_hello *known = find_known(random);
    *watch = SHIM_WATCH_NOT;
    if (known == NULL) {
        return STUB_KNOWN_NOT;
    }
    *watch = (enum shim_watch)atomic_load_explicit(&known->watch, memory_order_relaxed);
    return (enum stub_known)atomic_load_explicit(&known->what, memory_order_relaxed);
}

void stub_announced_sent(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int fd, uint64_t socket)
{
    struct known_hello *known = find_known(random);
    if (known != NULL) {
        atomic_store_explicit(&known->fd, fd, memory_order_relaxed);
        atomic_store_explicit(&known->socket, socket, memory_order_release);
    }
}

bool stub_descriptor_of(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int *fd)
{
    struct known_hello *known = find_known(random);
    uint64_t socket =
        known != NULL ? atomic_load_explicit(&known->socket, memory_order_acquire) : 0;
    if (socket == 0) {
        return false;
    }
    int saved = errno;
    *fd = atomic_load_explicit(&known->fd, memory_order_relaxed);
    bool same = shim_socket_identity(*fd) == socket;
    errno = saved;
    return same;
}

/* ---- hellos of which a part is still to be written ---- */

enum { FIRST_PROGRESS = 32, STALE_SECONDS = 60, IS_READER = 0x8000 };
_Static_assert(sizeof(struct shim_inner_reader) <= SHIM_HELLO_FOLLOWED, "a reader fits");

/* Only one thread at a time writes to a socket, or its stream makes no sense anyway. The octets are
 * atomic so that a program which breaks this rule gets nothing worse than such a stream. */
struct progress {
    struct stub_place place; /* the key is the socket */
    _Atomic uint16_t length; /* and IS_READER */
    _Atomic uint8_t octets[SHIM_HELLO_FOLLOWED];
};

static struct progress first_progress[FIRST_PROGRESS];
/* We do not see when a socket is closed in the middle of a hello. The place of a socket that was
 * silent for long may be taken. */
static struct stub_table progress = STUB_TABLE_INIT(first_progress, STALE_SECONDS);
static atomic_uint progress_count;

bool stub_progress_any(void)
{
    return atomic_load_explicit(&progress_count, memory_order_acquire) != 0;
}

static struct progress *find_progress(uint64_t socket)
{
    return stub_table_find(&progress, stub_table_key(socket), NULL, NULL);
}

static size_t read_progress(uint64_t socket, unsigned kind, uint8_t octets[SHIM_HELLO_FOLLOWED])
{
    struct progress *entry = find_progress(socket);
    size_t length = entry != NULL ? atomic_load_explicit(&entry->length, memory_order_relaxed) : 0;
    if ((length & IS_READER) != kind) {
        return 0;
    }
    length &= ~(size_t)IS_READER;
    for (size_t i = 0; i < length; i++) {
        octets[i] = atomic_load_explicit(&entry->octets[i], memory_order_relaxed);
    }
    return length;
}

size_t stub_progress_get(uint64_t socket, uint8_t octets[SHIM_HELLO_FOLLOWED])
{
    return read_progress(socket, 0, octets);
}

bool stub_progress_reader(uint64_t socket, struct shim_inner_reader *reader)
{
    uint8_t octets[SHIM_HELLO_FOLLOWED];
    if (read_progress(socket, IS_READER, octets) != sizeof *reader) {
        return false;
    }
    memcpy(reader, octets, sizeof *reader);
    return true;
}

bool stub_progress_open(uint64_t socket)
{
    bool taken_over;
    struct progress *entry = stub_table_take(&progress, stub_table_key(socket), &taken_over);
    if (entry == NULL) {
        return false;
    }
    atomic_store_explicit(&entry->length, 0, memory_order_relaxed);
    if (!taken_over) {
        atomic_fetch_add_explicit(&progress_count, 1, memory_order_release);
    }
    stub_table_publish(entry, stub_table_key(socket));
    return true;
}

static void write_progress(uint64_t socket, unsigned kind, const uint8_t *octets, size_t length)
{
    struct progress *entry = find_progress(socket);
    if (entry == NULL) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        atomic_store_explicit(&entry->octets[i], octets[i], memory_order_relaxed);
    }
    atomic_store_explicit(&entry->place.since, stub_table_now(), memory_order_relaxed);
    atomic_store_explicit(&entry->length, (uint16_t)(kind | length), memory_order_relaxed);
}

void stub_progress_set(uint64_t socket, const uint8_t *octets, size_t length)
{
    write_progress(socket, 0, octets, length);
}

void stub_progress_set_reader(uint64_t socket, const struct shim_inner_reader *reader)
{
    write_progress(socket, IS_READER, (const uint8_t *)reader, sizeof *reader);
}

void stub_progress_close(uint64_t socket)
{
    struct progress *entry = find_progress(socket);
    if (entry != NULL && stub_table_release(entry, stub_table_key(socket))) {
        atomic_fetch_sub_explicit(&progress_count, 1, memory_order_release);
    }
}

/* ---- which connections were reported ---- */

enum { TOLD_MAX = 256 };

/* The sockets with a report, in a ring. If one falls out, the worst is a second report. */
static _Atomic uint64_t told[TOLD_MAX];
static atomic_uint told_next;
/* Counts hellos that were permitted on a socket we do not know. Each suppresses one report, and
 * does nothing else. */
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
    uint64_t socket = stub_socket_of(fd);
    if (!was_told(socket)) {
        note_told(socket);
    }
    errno = saved;
}
