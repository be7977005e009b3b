/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of connections: see shim/stub_connections.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "shim/socket_identity.h"
#include "shim/stub_connections.h"

/* ---- the table ---- */

/* Segments of doubling size, each with a window of places for a socket. The first one is always
 * there; the others are mapped when they are needed, and stay. */
enum { FIRST_SEGMENT = 256, SEGMENTS = 16, WINDOW = 8 };
#define FREE UINT64_C(0)
#define FILLING UINT64_C(1)

static struct stub_connection first_segment[FIRST_SEGMENT];
static _Atomic(struct stub_connection *) segments[SEGMENTS] = {first_segment};
static atomic_bool lost;
static _Atomic uint64_t last_target;

bool stub_connections_lost(void)
{
    return atomic_load_explicit(&lost, memory_order_relaxed);
}

static size_t size_of(size_t segment)
{
    return (size_t)FIRST_SEGMENT << segment;
}

static struct stub_connection *place_of(struct stub_connection *places, size_t segment,
                                        uint64_t socket, size_t i)
{
    uint64_t hash = (socket * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    return &places[(hash + i) & (size_of(segment) - 1)];
}

struct stub_connection *stub_connection_find(uint64_t socket, int fd)
{
    for (size_t segment = 0; segment < SEGMENTS; segment++) {
        struct stub_connection *places =
            atomic_load_explicit(&segments[segment], memory_order_acquire);
        if (places == NULL) {
            break;
        }
        for (size_t i = 0; i < WINDOW; i++) {
            struct stub_connection *place = place_of(places, segment, socket, i);
            if (atomic_load_explicit(&place->socket, memory_order_acquire) == socket) {
                atomic_store_explicit(&place->fd, fd, memory_order_relaxed);
                return place;
            }
        }
    }
    return NULL;
}

static bool take(struct stub_connection *place, uint64_t from, uint64_t socket, int fd)
{
    if (!atomic_compare_exchange_strong(&place->socket, &from, FILLING)) {
        return false;
    }
    static const struct shim_proxy_reader begun;
    atomic_store_explicit(&place->asked_address, 0, memory_order_relaxed);
    atomic_store_explicit(&place->target_host, 0, memory_order_relaxed);
    atomic_store_explicit(&place->sequence, 0, memory_order_relaxed);
    atomic_store_explicit(&place->fd, fd, memory_order_relaxed);
    atomic_store_explicit(&place->flags, 0, memory_order_relaxed);
    atomic_store_explicit(&place->asked_port, 0, memory_order_relaxed);
    atomic_store_explicit(&place->target_port, 0, memory_order_relaxed);
    stub_connection_set_reader(place, &begun);
    atomic_store_explicit(&place->socket, socket, memory_order_release);
    return true;
}

/*
 * Its descriptor leads to it no more: it was closed, or a duplicate holds it. The second is then
 * not known, and has carried octets already: in strict mode such a connection counts as watched.
 */
static bool is_dispensable(const struct stub_connection *place, uint64_t socket)
{
    return socket != FREE && socket != FILLING &&
           shim_socket_identity(atomic_load_explicit(&place->fd, memory_order_relaxed)) != socket;
}

static struct stub_connection *take_one_of(struct stub_connection *places, size_t segment,
                                           uint64_t socket, int fd)
{
    for (size_t i = 0; i < WINDOW; i++) {
        struct stub_connection *place = place_of(places, segment, socket, i);
        uint64_t owner = atomic_load_explicit(&place->socket, memory_order_acquire);
        if (owner == FREE && take(place, FREE, socket, fd)) {
            return place;
        }
    }
    for (size_t i = 0; i < WINDOW; i++) {
        struct stub_connection *place = place_of(places, segment, socket, i);
        uint64_t owner = atomic_load_explicit(&place->socket, memory_order_acquire);
        if (is_dispensable(place, owner) && take(place, owner, socket, fd)) {
            return place;
        }
    }
    return NULL;
}

/* The next segment; NULL: no memory. */
static struct stub_connection *add_segment(size_t segment)
{
    size_t size = size_of(segment) * sizeof(struct stub_connection);
    struct stub_connection *seen = NULL;
    struct stub_connection *fresh =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) {
        return NULL;
    }
    if (atomic_compare_exchange_strong(&segments[segment], &seen, fresh)) {
        return fresh;
    }
    (void)munmap(fresh, size);
    return seen;
}

struct stub_connection *stub_connection_open(uint64_t socket, int fd)
{
    if (socket == SHIM_SOCKET_UNKNOWN || socket == FREE || socket == FILLING) {
        return NULL;
    }
    int saved = errno;
    struct stub_connection *found = stub_connection_find(socket, fd);
    for (size_t segment = 0; segment < SEGMENTS && found == NULL; segment++) {
        struct stub_connection *places =
            atomic_load_explicit(&segments[segment], memory_order_acquire);
        places = places != NULL ? places : add_segment(segment);
        if (places == NULL) {
            break;
        }
        found = take_one_of(places, segment, socket, fd);
    }
    if (found == NULL) {
        atomic_store_explicit(&lost, true, memory_order_relaxed);
    }
    errno = saved;
    return found;
}

/* ---- what is known of one ---- */

struct shim_proxy_reader stub_connection_reader(const struct stub_connection *connection)
{
    struct shim_proxy_reader reader;
    uint64_t words[STUB_READER_WORDS];
    for (size_t i = 0; i < STUB_READER_WORDS; i++) {
        words[i] = atomic_load_explicit(&connection->reader[i], memory_order_relaxed);
    }
    memcpy(&reader, words, sizeof reader);
    return reader;
}

void stub_connection_set_reader(struct stub_connection *connection,
                                const struct shim_proxy_reader *reader)
{
    uint64_t words[STUB_READER_WORDS] = {0};
    memcpy(words, reader, sizeof *reader);
    for (size_t i = 0; i < STUB_READER_WORDS; i++) {
        atomic_store_explicit(&connection->reader[i], words[i], memory_order_relaxed);
    }
}

void stub_connection_add_flags(struct stub_connection *connection, unsigned flags)
{
    atomic_fetch_or_explicit(&connection->flags, flags, memory_order_release);
}

void stub_connection_note_target(struct stub_connection *connection,
                                 const struct shim_proxy_target *target, bool watched)
{
    bool read = target != NULL && target->port_known;
    atomic_store_explicit(&connection->target_host, target != NULL ? target->host : 0,
                          memory_order_relaxed);
    atomic_store_explicit(&connection->target_port, read ? target->port : 0, memory_order_relaxed);
    atomic_store_explicit(&connection->sequence,
                          atomic_fetch_add_explicit(&last_target, 1, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    stub_connection_add_flags(connection, (unsigned)STUB_CONNECTION_TUNNEL |
                                              (read ? 0U : STUB_CONNECTION_UNREAD) |
                                              (watched ? STUB_CONNECTION_WATCHED : 0U));
}

/* Looks for a descriptor of the socket, where that under which it was seen last leads elsewhere:
 * proxychains makes its connections under another number. */
static bool find_descriptor(struct stub_connection *connection, uint64_t socket)
{
    enum { SEARCHED_MAX = 65536 };
    struct rlimit limit = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    int end = limit.rlim_cur < SEARCHED_MAX ? (int)limit.rlim_cur : SEARCHED_MAX;
    for (int fd = 0; fd < end; fd++) {
        uint64_t cookie = 0;
        socklen_t length = sizeof cookie;
        if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 && cookie == socket) {
            atomic_store_explicit(&connection->fd, fd, memory_order_relaxed);
            return true;
        }
    }
    return false;
}

/* One that is not is no tunnel any more. */
static bool is_open(struct stub_connection *connection)
{
    uint64_t socket = atomic_load_explicit(&connection->socket, memory_order_acquire);
    bool open = socket != FREE && socket != FILLING &&
                (shim_socket_identity(
                     atomic_load_explicit(&connection->fd, memory_order_relaxed)) == socket ||
                 find_descriptor(connection, socket));
    if (!open) {
        atomic_store_explicit(&connection->sequence, 0, memory_order_relaxed);
    }
    return open;
}

static uint64_t sequence_of(const struct stub_connection *connection)
{
    return atomic_load_explicit(&connection->sequence, memory_order_relaxed);
}

static bool is_to(const struct stub_connection *connection, uint64_t host)
{
    return host == 0 ? (atomic_load_explicit(&connection->flags, memory_order_relaxed) &
                        STUB_CONNECTION_WATCHED) != 0
                     : atomic_load_explicit(&connection->target_host, memory_order_relaxed) == host;
}

struct stub_connection *stub_connection_to(uint64_t host)
{
    struct stub_connection *newest = NULL;
    int saved = errno;
    for (size_t segment = 0; segment < SEGMENTS; segment++) {
        struct stub_connection *places =
            atomic_load_explicit(&segments[segment], memory_order_acquire);
        for (size_t i = 0; places != NULL && i < size_of(segment); i++) {
            struct stub_connection *place = &places[i];
            if (sequence_of(place) != 0 && is_to(place, host) &&
                (newest == NULL || sequence_of(place) > sequence_of(newest)) && is_open(place)) {
                newest = place;
            }
        }
    }
    errno = saved;
    return newest;
}
