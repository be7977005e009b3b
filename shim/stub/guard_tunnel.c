/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads what a program asks proxies for, in what it writes, and knows where its connections lead.
 * Takes no lock and is safe in signal handlers, like all of the guard.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "shim/common/address.h"
#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

/* ---- requests to a proxy over TLS: they leave encrypted ---- */

/* What this thread is about to write by its TLS library. Its next write carries it, encrypted. */
struct inside_tls {
    const void *session;
    struct shim_proxy_reader reader;
    struct shim_proxy_target target;
    bool pending;
};

static __thread struct inside_tls inside_tls __attribute__((tls_model("initial-exec")));

void stub_tunnel_inside_tls(const void *session, const void *data, size_t length)
{
    const uint8_t *octets = data;
    inside_tls.pending = false;
    if ((atomic_load_explicit(&stub_guard_work, memory_order_relaxed) & STUB_GUARD_TUNNEL) == 0 ||
        octets == NULL || length == 0) {
        return;
    }
    if (inside_tls.session != session || inside_tls.reader.phase == 0) {
        if (!shim_proxy_may_begin(octets[0])) {
            return;
        }
        inside_tls.session = session;
        inside_tls.reader = (struct shim_proxy_reader){.phase = 0};
    }
    for (size_t i = 0; i < length; i++) {
        struct shim_proxy_target target;
        enum shim_proxy_event event = shim_proxy_read(&inside_tls.reader, octets[i], &target);
        if (event == SHIM_PROXY_TARGET) {
            inside_tls.target = target;
            inside_tls.pending = true;
        } else if (event != SHIM_PROXY_MORE) {
            inside_tls.reader = (struct shim_proxy_reader){.phase = 0};
            return;
        }
    }
}

static bool is_watched(const struct shim_proxy_target *target)
{
    return !target->port_known || stub_port_watched(target->port);
}

static void carry_inside(struct stub_attempt *attempt)
{
    attempt->socket = stub_socket_of(attempt->fd);
    struct stub_connection *connection = stub_connection_open(attempt->socket, attempt->fd);
    if (connection != NULL) {
        stub_connection_note_target(connection, &inside_tls.target, is_watched(&inside_tls.target));
        stub_connection_add_flags(connection, STUB_CONNECTION_WRITTEN | STUB_CONNECTION_OVER);
    }
    inside_tls.pending = false;
}

/* ---- requests in what the program writes ---- */

/* Octets that the connection has carried to its peer; -1: it is no TCP, or the kernel does not
 * say. */
static int64_t octets_carried(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (stub_locked() || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
        return -1;
    }
    if (length < offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent) {
        return 0; /* Linux before 4.19 does not count */
    }
    return (int64_t)info.tcpi_bytes_sent;
}

static bool is_over_by_mark(int fd)
{
    enum stub_mark mark = stub_mark_of(fd);
    return mark == STUB_MARK_OVER || mark == STUB_MARK_OTHER;
}

bool stub_tunnel_awaited(int fd)
{
    return inside_tls.pending || !is_over_by_mark(fd);
}

/* The octets of this write, run by run. */
struct octet_run {
    struct stub_attempt *attempt;
    size_t at;
    const uint8_t *next;
    size_t left;
};

static struct octet_run octets_of(struct stub_attempt *attempt)
{
    return (struct octet_run){.attempt = attempt, .at = attempt->before};
}

static bool octet_of(struct octet_run *octets, uint8_t *octet)
{
    if (octets->left == 0) {
        if (!stub_attempt_octets(octets->attempt, octets->at, &octets->next, &octets->left)) {
            return false;
        }
        octets->at += octets->left;
    }
    *octet = *octets->next++;
    octets->left--;
    return true;
}

static bool may_begin(struct stub_attempt *attempt)
{
    struct octet_run octets = octets_of(attempt);
    uint8_t octet;
    return octet_of(&octets, &octet) && shim_proxy_may_begin(octet);
}

static bool begins_connect(struct stub_attempt *attempt)
{
    static const char method[] = "CONNECT ";
    char begun[sizeof method] = "";
    struct octet_run octets = octets_of(attempt);
    uint8_t octet;
    for (size_t i = 0; i < sizeof method - 1 && octet_of(&octets, &octet); i++) {
        begun[i] = (char)octet;
    }
    return strcasecmp(begun, method) == 0;
}

/* Opens a place for a connection whose connect we did not see, if it has carried nothing yet. */
static struct stub_connection *open_unknown(const struct stub_attempt *attempt)
{
    return octets_carried(attempt->fd) == 0 ? stub_connection_open(attempt->socket, attempt->fd)
                                            : NULL;
}

/* Reads at most `limit` octets; true if something follows that is no request. */
static bool read_requests(struct stub_attempt *attempt, struct shim_proxy_reader *reader,
                          size_t limit)
{
    struct octet_run octets = octets_of(attempt);
    uint8_t octet;
    for (size_t i = 0; i < limit && octet_of(&octets, &octet); i++) {
        struct shim_proxy_target target;
        enum shim_proxy_event event = shim_proxy_read(reader, octet, &target);
        if (event == SHIM_PROXY_TARGET) {
            stub_connection_note_target(attempt->connection, &target, is_watched(&target));
        } else if (event == SHIM_PROXY_UNREAD) {
            stub_connection_note_target(attempt->connection, NULL, true);
        }
        if (event == SHIM_PROXY_OVER || event == SHIM_PROXY_UNREAD) {
            return true;
        }
    }
    return false;
}

static struct stub_connection *find_connection(uint64_t socket, int fd)
{
    struct stub_connection *connection =
        socket != SHIM_SOCKET_UNKNOWN ? stub_connection_find(socket, fd) : NULL;
    return connection == NULL && stub_locked() ? stub_connection_at(fd) : connection;
}

static bool is_over(const struct stub_connection *connection)
{
    return (atomic_load_explicit(&connection->flags, memory_order_relaxed) &
            STUB_CONNECTION_OVER) != 0;
}

void stub_tunnel_read(struct stub_attempt *attempt, unsigned work)
{
    if (inside_tls.pending) {
        carry_inside(attempt);
        return;
    }
    if (is_over_by_mark(attempt->fd) &&
        ((work & (STUB_GUARD_STRICT | STUB_GUARD_TELL)) == 0 || !may_begin(attempt))) {
        return;
    }
    stub_attempt_identify(attempt);
    attempt->connection = find_connection(attempt->socket, attempt->fd);
    if (attempt->connection == NULL) {
        attempt->connection = open_unknown(attempt);
    }
    if (attempt->connection == NULL) {
        stub_mark_set(attempt->fd, STUB_MARK_OVER);
        return;
    }
    struct shim_proxy_reader reader = stub_connection_reader(attempt->connection);
    if (is_over(attempt->connection)) {
        /* A CONNECT at the beginning of a write still counts: the program may have asked the proxy
         * for something else before. */
        stub_mark_set(attempt->fd, STUB_MARK_OVER);
        reader = (struct shim_proxy_reader){.phase = 0};
        if (!begins_connect(attempt)) {
            attempt->connection = NULL;
            return;
        }
    }
    attempt->for_proxy = !read_requests(attempt, &reader, SIZE_MAX);
}

void stub_tunnel_sent(struct stub_attempt *attempt, ssize_t result)
{
    if (attempt->connection == NULL || result <= 0) {
        return;
    }
    struct stub_connection *connection = attempt->connection;
    struct shim_proxy_reader reader = stub_connection_reader(connection);
    bool over = false;
    attempt->readable = true; /* the kernel has read them */
    if (!is_over(connection)) {
        over = read_requests(attempt, &reader, (size_t)result);
        stub_connection_set_reader(connection, &reader);
    }
    stub_connection_add_flags(connection, STUB_CONNECTION_WRITTEN |
                                              (over ? (unsigned)STUB_CONNECTION_OVER : 0));
    if (over) {
        stub_mark_set(attempt->fd, STUB_MARK_OVER);
    }
}

/* ---- where a connection leads ---- */

/* Does the connection lead to another peer than the one that `connect` was asked for? */
static bool is_redirected(const struct stub_connection *connection, int fd, struct shim_way *way)
{
    socklen_t length = sizeof way->peer;
    if (stub_locked() || getpeername(fd, (struct sockaddr *)&way->peer, &length) != 0) {
        way->peer.ss_family = AF_UNSPEC;
        return false;
    }
    uint64_t asked = atomic_load_explicit(&connection->asked_address, memory_order_relaxed);
    const struct sockaddr *address = (const struct sockaddr *)&way->peer;
    return shim_address_port(address) !=
               atomic_load_explicit(&connection->asked_port, memory_order_relaxed) ||
           (asked != 0 && asked != stub_address_hash(address, length));
}

/* Asks the kernel. Only a stream counts octets. */
static void ask_carried(struct stub_connection *connection, int fd, struct shim_way *way)
{
    int64_t carried = octets_carried(fd);
    if (carried >= 0 && connection != NULL) {
        stub_connection_note_stream(connection, fd);
    }
    way->carried = carried > 0 ? SHIM_CARRIED_OCTETS : SHIM_CARRIED_NOTHING;
}

/* Has the connection carried octets that we did not see? */
static bool is_unseen(struct stub_connection *connection, int fd, struct shim_way *way)
{
    if (connection != NULL && (atomic_load_explicit(&connection->flags, memory_order_acquire) &
                               STUB_CONNECTION_WRITTEN) != 0) {
        return false;
    }
    ask_carried(connection, fd, way);
    return way->carried == SHIM_CARRIED_OCTETS || (connection == NULL && stub_connections_lost());
}

static void describe(const struct stub_connection *connection, int fd, struct shim_way *way)
{
    unsigned flags = atomic_load_explicit(&connection->flags, memory_order_acquire);
    if ((flags & STUB_CONNECTION_ASKED) != 0) {
        way->port = atomic_load_explicit(&connection->asked_port, memory_order_relaxed);
        way->watched = stub_port_watched(way->port);
        way->tunnel = is_redirected(connection, fd, way);
    }
    if ((flags & STUB_CONNECTION_TUNNEL) != 0) {
        way->port = atomic_load_explicit(&connection->target_port, memory_order_relaxed);
        way->watched = way->watched || (flags & STUB_CONNECTION_WATCHED) != 0;
        way->tunnel = true;
    }
}

void stub_way_find(int fd, uint64_t socket, struct shim_way *way)
{
    int saved = errno;
    *way = (struct shim_way){.fd = fd, .socket = socket};
    struct stub_connection *connection = find_connection(socket, fd);
    if (connection != NULL) {
        describe(connection, fd, way);
    }
    if (stub_strict_somewhere() && is_unseen(connection, fd, way)) {
        way->watched = true;
        way->tunnel = true;
    }
    errno = saved;
}

bool stub_way_of(int fd, const char *host, struct shim_way *way)
{
    int saved = errno;
    bool found = true;
    if (fd >= 0) {
        stub_way_find(fd, stub_socket_of(fd), way);
        if (way->watched && way->carried == SHIM_CARRIED_UNASKED) {
            ask_carried(find_connection(way->socket, fd), fd, way); /* the engine would ask */
        }
    } else {
        const struct stub_connection *connection =
            stub_connection_to(host != NULL ? shim_proxy_host_hash(host) : 0);
        found = connection != NULL;
        if (found) {
            int found_fd = atomic_load_explicit(&connection->fd, memory_order_relaxed);
            *way = (struct shim_way){.fd = found_fd};
            describe(connection, way->fd, way);
        }
    }
    errno = saved;
    return found;
}
