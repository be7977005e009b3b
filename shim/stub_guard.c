/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub_guard.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "shim/ports.h"
#include "shim/socket_identity.h"
#include "shim/stub_connections.h"

enum { PLAIN_DNS_PORT = 53 };

_Atomic unsigned stub_guard_work = STUB_GUARD_SETTLE;

/* One bit a port: set and never cleared, so that it may be filled twice at the same time. */
static _Atomic uint64_t watched[(UINT16_MAX + 1) / 64];

static bool watch_port(void *context, uint16_t port)
{
    (void)context;
    atomic_fetch_or_explicit(&watched[port / 64], UINT64_C(1) << port % 64, memory_order_relaxed);
    return true;
}

static void see_ports(void *context, const char *list)
{
    /* A part that cannot be read is a problem that the engine tells of. */
    (void)shim_ports_parse(list, watch_port, context);
}

bool stub_port_watched(uint16_t port)
{
    return (atomic_load_explicit(&watched[port / 64], memory_order_relaxed) >> port % 64 & 1) != 0;
}

/*
 * Reads the settings. The constructor does it for nearly every process; a write before that (of
 * another library's constructor) does it itself.
 */
static void settle(void)
{
    unsigned mode = 0;
    bool told = stub_tell_settle();
    stub_each_value(SHIM_CONF_PORTS, see_ports, NULL);
    if (stub_strict_somewhere()) {
        mode = STUB_GUARD_STRICT | (stub_names_protected() ? STUB_GUARD_NAMES : 0);
    }
    if (told && !stub_off() && (mode == 0 || stub_modes_differ())) {
        mode |= STUB_GUARD_TELL;
    }
    mode |= stub_modes_differ() ? STUB_GUARD_BY_NAME : 0;
    atomic_fetch_or_explicit(&stub_guard_work, mode, memory_order_release);
    atomic_fetch_and_explicit(&stub_guard_work, ~(unsigned)STUB_GUARD_SETTLE, memory_order_release);
}

/* Nor may dlsym, which takes a lock, be needed in a signal handler. */
__attribute__((constructor)) static void settle_early(void)
{
    static const enum shim_hook writes[] = {SHIM_HOOK_write,  SHIM_HOOK_writev,  SHIM_HOOK_send,
                                            SHIM_HOOK_sendto, SHIM_HOOK_sendmsg, SHIM_HOOK_sendmmsg,
                                            SHIM_HOOK_connect};
    int saved = errno;
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        (void)stub_libc(writes[i]);
    }
    settle();
    errno = saved;
}

/* ---- where it goes ---- */

static bool port_of(const struct sockaddr *address, socklen_t length, uint16_t *port)
{
    if (length >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        *port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
        return true;
    }
    if (length >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
        *port = ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
        return true;
    }
    return false;
}

static int type_of(int fd)
{
    int type = 0;
    socklen_t length = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 ? type : -1;
}

static bool peer_port(int fd, uint16_t *port)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0) {
        return port_of((const struct sockaddr *)&peer, length, port);
    }
    /* TCP_FASTOPEN_CONNECT: connect has returned, the peer is known to nobody yet, and the first
     * write goes out with the SYN. */
    return errno == ENOTCONN && stub_connection_port(fd, port);
}

/* The port that the write goes to. */
static bool find_port(struct stub_attempt *attempt, int type)
{
    /* A stream socket takes an address for fast open only, and else ignores it. */
    bool addressed =
        attempt->address != NULL && (type == SOCK_DGRAM || (attempt->flags & MSG_FASTOPEN) != 0);
    return addressed ? port_of(attempt->address, attempt->address_length, &attempt->port)
                     : peer_port(attempt->fd, &attempt->port);
}

/* Is it the port of the peer, or one that the program or a request to a proxy has asked for? The
 * last one asked for is what is told. */
static bool connection_is_watched(struct stub_attempt *attempt)
{
    struct shim_way way;
    bool by_peer = find_port(attempt, SOCK_STREAM) && stub_port_watched(attempt->port);
    if (attempt->socket == 0) {
        attempt->socket = shim_socket_identity(attempt->fd);
    }
    stub_way_find(attempt->fd, attempt->socket, &way);
    attempt->port = way.port != 0 ? way.port : attempt->port;
    return by_peer || way.watched;
}

/* Does the write go to a port of interest? A watcher alone looks at all: its hello may go anywhere.
 */
static bool goes_to_watched(struct stub_attempt *attempt, int type, unsigned work)
{
    if ((work & STUB_GUARD_MODES) == 0) {
        return true;
    }
    return type == SOCK_STREAM ? connection_is_watched(attempt)
                               : find_port(attempt, type) && stub_port_watched(attempt->port);
}

/* A program that asks the DNS by itself (c-ares) would ask in clear. */
static bool goes_to_plain_dns(struct stub_attempt *attempt, int type)
{
    return (type == SOCK_STREAM || type == SOCK_DGRAM) && find_port(attempt, type) &&
           attempt->port == PLAIN_DNS_PORT;
}

/* Adds the first octets of the write, behind requests to proxies, to what is in `out`. */
static size_t gather(const struct stub_attempt *attempt, uint8_t *out, size_t have, size_t max)
{
    size_t count = attempt->count < IOV_MAX ? attempt->count : IOV_MAX;
    size_t skip = attempt->requests;
    for (size_t i = 0; i < count && have < max; i++) {
        size_t part = attempt->parts[i].iov_len;
        size_t skipped = skip < part ? skip : part;
        skip -= skipped;
        part -= skipped;
        part = part < max - have ? part : max - have;
        if (part > 0) {
            memcpy(out + have, (const uint8_t *)attempt->parts[i].iov_base + skipped, part);
            have += part;
        }
    }
    return have;
}

/*
 * The cheap question, before the peer is asked for: may a hello begin or go on here? The octets are
 * looked at on sockets alone, for programs test memory by writing whatever a pointer leads to into
 * a pipe.
 */
static bool may_be_hello(const struct stub_attempt *attempt, int type)
{
    uint8_t octets[SHIM_HELLO_DATAGRAM];
    if (type == SOCK_STREAM) {
        return stub_progress_any() ||
               shim_hello_judge(octets, gather(attempt, octets, 0, 1)) != SHIM_HELLO_NONE;
    }
    return type == SOCK_DGRAM &&
           shim_hello_in_datagram(octets, gather(attempt, octets, 0, sizeof octets));
}

/* ---- whom it is for ---- */

/* The stream: what earlier writes sent, and then this one. */
static bool octet_at(const void *context, size_t at, uint8_t *octet)
{
    const struct stub_attempt *attempt = context;
    if (at < attempt->before) {
        *octet = attempt->prefix[at];
        return true;
    }
    at = at - attempt->before + attempt->requests;
    for (size_t i = 0; i < attempt->count; i++) {
        const struct iovec *part = &attempt->parts[i];
        if (at < part->iov_len) {
            *octet = ((const uint8_t *)part->iov_base)[at];
            return true;
        }
        at -= part->iov_len;
    }
    return false;
}

/* What cannot be known to be for another host is for the strict one. */
static enum shim_mode mode_of_hello(const struct stub_attempt *attempt)
{
    char name[SHIM_HELLO_NAME_SIZE];
    switch (shim_hello_server_name(octet_at, attempt, name)) {
    case SHIM_HELLO_NAMED:
        return stub_mode_of(name);
    case SHIM_HELLO_NAMELESS:
        return stub_mode();
    case SHIM_HELLO_NAME_UNKNOWN:
        break;
    }
    return stub_strict_somewhere() ? SHIM_MODE_STRICT : stub_mode();
}

/* A question for a name that is strict, and to be resolved under encryption. */
static bool is_protected_question(const struct stub_attempt *attempt, int type)
{
    char name[SHIM_HELLO_NAME_SIZE];
    if (!shim_hello_question_name(octet_at, attempt, type == SOCK_STREAM, name)) {
        return true;
    }
    return stub_mode_of(name) == SHIM_MODE_STRICT && stub_name_is_protected(name);
}

/* ---- the decision ---- */

/* By shutdown, never by close: the descriptor stays the application's. */
static bool refuse_stream(const struct stub_attempt *attempt, enum stub_sight what)
{
    if (attempt->tracked) {
        stub_progress_close(attempt->socket);
    }
    (void)shutdown(attempt->fd, SHUT_RDWR);
    if (stub_tell_once(attempt->socket)) {
        stub_tell(attempt, true, what);
    }
    errno = ECONNABORTED;
    return false;
}

/*
 * An announced hello whose connection is still to be led to its endpoint. Afterwards the descriptor
 * may be another socket.
 */
static bool may_leave(struct stub_attempt *attempt)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    /* What a proxy was asked for on this connection would not hold on another one. */
    if (engine == NULL || attempt->requests > 0 ||
        !engine->hello_leaves(attempt->prefix + SHIM_HELLO_RANDOM_AT, attempt->fd)) {
        (void)shutdown(attempt->fd, SHUT_RDWR);
        errno = ECONNABORTED;
        return false;
    }
    attempt->socket = shim_socket_identity(attempt->fd);
    return true;
}

static bool stream_allowed(struct stub_attempt *attempt, unsigned work)
{
    if (stub_progress_any()) {
        attempt->socket = shim_socket_identity(attempt->fd);
        attempt->before = (uint8_t)stub_progress_get(attempt->socket, attempt->prefix);
        attempt->tracked = attempt->before != 0;
    }
    size_t length = gather(attempt, attempt->prefix, attempt->before, SHIM_HELLO_PREFIX);
    enum shim_hello hello = shim_hello_judge(attempt->prefix, length);
    if (hello == SHIM_HELLO_NONE && attempt->tracked) {
        /* What earlier writes began was no hello; this one may begin another. */
        stub_progress_close(attempt->socket);
        attempt->tracked = false;
        attempt->before = 0;
        length = gather(attempt, attempt->prefix, 0, SHIM_HELLO_PREFIX);
        hello = shim_hello_judge(attempt->prefix, length);
    }
    attempt->length = (uint8_t)length;
    if (hello == SHIM_HELLO_NONE || length == attempt->before) {
        return true;
    }
    if (attempt->socket == 0) {
        attempt->socket = shim_socket_identity(attempt->fd);
    }
    if (hello == SHIM_HELLO_MORE) {
        if (!attempt->tracked) {
            attempt->tracked = stub_progress_open(attempt->socket);
        }
        /* A hello that cannot be followed is refused while it still says nothing. */
        return attempt->tracked || (work & STUB_GUARD_STRICT) == 0 ||
               refuse_stream(attempt, STUB_SIGHT_HELLO);
    }
    enum shim_watch watch;
    attempt->announced = stub_announced(attempt->prefix + SHIM_HELLO_RANDOM_AT, &watch);
    if (!attempt->announced && (work & STUB_GUARD_BY_NAME) != 0) {
        attempt->mode = mode_of_hello(attempt);
    }
    if (!attempt->announced && (work & STUB_GUARD_STRICT) != 0 &&
        attempt->mode == SHIM_MODE_STRICT) {
        return refuse_stream(attempt, STUB_SIGHT_HELLO);
    }
    if (watch == SHIM_WATCH_LEAVES && !may_leave(attempt)) {
        return false;
    }
    attempt->sighted =
        !attempt->announced && (work & STUB_GUARD_TELL) != 0 && attempt->mode != SHIM_MODE_OFF;
    return true;
}

static bool refuse_datagram(const struct stub_attempt *attempt, enum stub_sight what)
{
    if (stub_tell_once(attempt->socket)) {
        stub_tell(attempt, true, what);
    }
    errno = EPERM; /* what a packet filter says; QUIC clients go over to TCP */
    return false;
}

static bool refuse_plain_dns(struct stub_attempt *attempt, int type)
{
    attempt->socket = shim_socket_identity(attempt->fd);
    return type == SOCK_STREAM ? refuse_stream(attempt, STUB_SIGHT_NAMES)
                               : refuse_datagram(attempt, STUB_SIGHT_NAMES);
}

static bool datagram_allowed(struct stub_attempt *attempt, unsigned work)
{
    attempt->socket = shim_socket_identity(attempt->fd);
    if ((work & STUB_GUARD_STRICT) == 0) {
        attempt->sighted = (work & STUB_GUARD_TELL) != 0;
        return true;
    }
    return refuse_datagram(attempt, STUB_SIGHT_DATAGRAM);
}

/* In strict mode on connections that `connect` was not seen for, too. */
static void read_requests(struct stub_attempt *attempt, int type, unsigned work)
{
    if ((work & (STUB_GUARD_TUNNEL | STUB_GUARD_STRICT)) == 0) {
        return;
    }
    if (type == SOCK_STREAM) {
        stub_tunnel_read(attempt, work);
    } else if (stub_mark_of(attempt->fd) != STUB_MARK_OVER) {
        stub_mark_set(attempt->fd, STUB_MARK_OVER);
    }
}

bool stub_guard_allows(struct stub_attempt *attempt)
{
    /* The engine's own octets do not come by here: it has the real functions (struct shim_stub). */
    int saved = errno;
    unsigned work = atomic_load_explicit(&stub_guard_work, memory_order_acquire);
    if ((work & STUB_GUARD_SETTLE) != 0) {
        settle();
        work = atomic_load_explicit(&stub_guard_work, memory_order_acquire);
    }
    if (work == STUB_GUARD_TUNNEL && !stub_tunnel_awaited(attempt->fd)) {
        return true;
    }
    int type = work != 0 ? type_of(attempt->fd) : -1;
    bool allowed = true;
    /* Where the name of the host is not seen, as in QUIC, the strictest of all counts. */
    attempt->mode = (work & STUB_GUARD_STRICT) != 0 ? SHIM_MODE_STRICT : stub_mode();
    read_requests(attempt, type, work);
    if ((work & STUB_GUARD_NAMES) != 0 && goes_to_plain_dns(attempt, type) &&
        is_protected_question(attempt, type)) {
        allowed = refuse_plain_dns(attempt, type);
    } else if ((work & ~(unsigned)STUB_GUARD_TUNNEL) != 0 && may_be_hello(attempt, type)) {
        bool of_interest = goes_to_watched(attempt, type, work);
        if (type == SOCK_STREAM && (of_interest || work >= STUB_GUARD_WATCHER)) {
            /* To other ports no rule holds, but an announced hello may go there: HTTPS records name
             * them. */
            allowed =
                stream_allowed(attempt, of_interest ? work : work & ~(unsigned)STUB_GUARD_MODES);
        } else if (of_interest) {
            allowed = datagram_allowed(attempt, work);
        }
    }
    if (allowed) {
        errno = saved;
    }
    return allowed;
}

void stub_guard_sent(struct stub_attempt *attempt, ssize_t result)
{
    if (attempt->socket == 0) {
        return;
    }
    int saved = errno;
    stub_tunnel_sent(attempt, result);
    /* Octets of a hello, if there is one. */
    result -= result > 0 ? (ssize_t)attempt->requests : 0;
    size_t sent = attempt->before + (result > 0 ? (size_t)result : 0);
    if (attempt->tracked) {
        if (sent == 0 || sent >= SHIM_HELLO_PREFIX) {
            stub_progress_close(attempt->socket);
        } else {
            stub_progress_set(attempt->socket, attempt->prefix, sent);
        }
    }
    if (result > 0 && attempt->announced) {
        stub_announced_sent(attempt->prefix + SHIM_HELLO_RANDOM_AT, attempt->fd, attempt->socket);
    }
    if (result > 0 && attempt->sighted && stub_tell_once(attempt->socket)) {
        stub_tell(attempt, false,
                  type_of(attempt->fd) == SOCK_DGRAM ? STUB_SIGHT_DATAGRAM : STUB_SIGHT_HELLO);
    }
    errno = saved;
}
