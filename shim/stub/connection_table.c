/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of connections: see shim/stub/connections.h. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/locked.h"

/* ---- the table ---- */

enum { FIRST_COUNT = 256 };

/*
 * Has the descriptor left the connection? Either the program closed the connection, or a duplicate
 * still holds it. We may forget it in both cases. A forgotten connection that lives on has carried
 * octets that we do not know, and strict mode treats such a connection as watched.
 */
static bool is_left(const void *place, uint64_t key)
{
    const struct stub_connection *connection = place;
    int fd = atomic_load_explicit(&connection->fd, memory_order_relaxed);
    return !stub_locked() && stub_table_key(shim_socket_identity(fd)) != key;
}

static struct stub_connection first[FIRST_COUNT];
static struct stub_table table = {
    .place_size = sizeof *first,
    .first_count = FIRST_COUNT,
    .is_left = is_left,
    .segments = {(unsigned char *)first},
};
static atomic_bool lost;
static _Atomic uint64_t last_target;

bool stub_connections_lost(void)
{
    return atomic_load_explicit(&lost, memory_order_relaxed);
}

struct stub_connection *stub_connection_find(uint64_t socket, int fd)
{
    struct stub_connection *found = stub_table_find(&table, stub_table_key(socket), NULL, NULL);
    if (found != NULL) {
        atomic_store_explicit(&found->fd, fd, memory_order_relaxed);
    }
    return found;
}

void stub_connection_renew(struct stub_connection *connection, int fd)
{
    static const struct shim_proxy_reader begun;
    atomic_store_explicit(&connection->asked_address, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->target_host, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->sequence, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->fd, fd, memory_order_relaxed);
    atomic_store_explicit(&connection->flags, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->asked_port, 0, memory_order_relaxed);
    atomic_store_explicit(&connection->target_port, 0, memory_order_relaxed);
    stub_connection_set_reader(connection, &begun);
}

struct stub_connection *stub_connection_open(uint64_t socket, int fd)
{
    if (socket == SHIM_SOCKET_UNKNOWN) {
        return NULL;
    }
    int saved = errno;
    struct stub_connection *connection = stub_connection_find(socket, fd);
    if (connection == NULL) {
        connection = stub_table_take(&table, stub_table_key(socket), NULL);
        if (connection != NULL) {
            stub_connection_renew(connection, fd);
            stub_table_publish(connection, stub_table_key(socket));
        } else {
            atomic_store_explicit(&lost, true, memory_order_relaxed);
        }
    }
    errno = saved;
    return connection;
}

struct stub_connection *stub_connection_at(int fd)
{
    struct stub_connection *found = NULL;
    size_t cursor = 0;
    for (struct stub_connection *place = stub_table_next(&table, &cursor); place != NULL;
         place = stub_table_next(&table, &cursor)) {
        bool watched = (atomic_load_explicit(&place->flags, memory_order_relaxed) &
                        STUB_CONNECTION_WATCHED) != 0;
        if (atomic_load_explicit(&place->fd, memory_order_relaxed) == fd &&
            (found == NULL || watched)) {
            found = place;
        }
    }
    return found;
}

/* ---- what the stub knows of one connection ---- */

struct shim_proxy_reader stub_connection_reader(const struct stub_connection *connection)
{
    struct shim_proxy_reader reader;
    uint64_t words[STUB_READER_WORDS] = {0};
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

void stub_connection_note_stream(struct stub_connection *connection, int fd)
{
    stub_connection_add_flags(connection, STUB_CONNECTION_STREAM);
    if (stub_mark_of(fd) == STUB_MARK_CONNECTED) {
        stub_mark_set(fd, STUB_MARK_READ);
    }
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

/* Looks for another descriptor of the connection: proxychains closes the one that it connected
 * with. */
static bool find_descriptor(struct stub_connection *connection, uint64_t key)
{
    enum { USUAL_LIMIT = 1024, SEARCHED_MAX = 65536 };
    struct rlimit limit = {.rlim_cur = USUAL_LIMIT};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    int end = limit.rlim_cur < SEARCHED_MAX ? (int)limit.rlim_cur : SEARCHED_MAX;
    for (int fd = 0; fd < end; fd++) {
        if (stub_table_key(shim_socket_identity(fd)) == key) {
            atomic_store_explicit(&connection->fd, fd, memory_order_relaxed);
            return true;
        }
    }
    return false;
}

/* A tunnel that is closed is a tunnel no longer. */
static bool is_open(struct stub_connection *connection)
{
    uint64_t key = atomic_load_explicit(&connection->place.key, memory_order_acquire);
    bool open = !is_left(connection, key) || find_descriptor(connection, key);
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
    size_t cursor = 0;
    for (struct stub_connection *place = stub_table_next(&table, &cursor); place != NULL;
         place = stub_table_next(&table, &cursor)) {
        if (sequence_of(place) != 0 && is_to(place, host) &&
            (newest == NULL || sequence_of(place) > sequence_of(newest)) && is_open(place)) {
            newest = place;
        }
    }
    errno = saved;
    return newest;
}
