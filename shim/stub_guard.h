/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire guard (design, 7a): no ClientHello but an announced one leaves to a watched port in
 * strict mode; in the other modes such a sight is reported, if anybody asked for reports.
 * Everything here is async-signal-safe, for write and send are: no lock, no memory, no loading. The
 * one exception is a hello of ours whose connection has to be led elsewhere (hello_leaves).
 *
 * Out of its reach: system calls made without libc (static programs, Go, io_uring), libc's own
 * internal writes (stdio on a socket), sendfile and splice, and hellos that do not begin a write.
 */
#ifndef SHIM_STUB_GUARD_H
#define SHIM_STUB_GUARD_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/hello_guard.h"
#include "shim/stub.h"

/* What the guard has to do; 0 is nothing. SETTLE only before the settings were read; each watched
 * hello adds WATCHER. */
enum {
    STUB_GUARD_SETTLE = 1,
    STUB_GUARD_STRICT = 2, /* for all hosts, or some */
    STUB_GUARD_TELL = 4,
    STUB_GUARD_NAMES = 8,    /* strict, and names are to be asked for under encryption alone */
    STUB_GUARD_BY_NAME = 16, /* hosts have modes of their own: the name in a hello tells which */
    STUB_GUARD_MODES = 31,
    STUB_GUARD_TUNNEL = 32, /* there have been connections, on which proxies may be asked */
    STUB_GUARD_WATCHER = 64
};
extern _Atomic unsigned stub_guard_work;

/* The whole price of a write where the guard has nothing to do. */
static inline bool stub_guard_idle(void)
{
    return atomic_load_explicit(&stub_guard_work, memory_order_relaxed) == 0;
}

/* One write that is about to be made. The caller fills in the first part. */
struct stub_attempt {
    int fd;
    int flags;                      /* of send */
    const struct sockaddr *address; /* NULL: none was given */
    socklen_t address_length;
    const struct iovec *parts;
    size_t count;

    struct stub_connection *connection; /* set if requests to proxies may stand in the write */
    size_t requests;                   /* so many octets of it belong to such; a hello may follow */
    uint8_t prefix[SHIM_HELLO_PREFIX]; /* of the hello that this write begins or goes on with */
    uint64_t socket;                   /* its identity, where one was asked for */
    uint16_t port;
    enum shim_mode mode; /* that the octets are judged by, where they were */
    uint8_t before;      /* octets of `prefix` that earlier writes sent */
    uint8_t length;      /* octets of `prefix` */
    bool tracked;        /* the socket has a place in the table of progress */
    bool sighted;        /* if octets go out, that is to be told */
    bool announced;      /* its random is, and the descriptor is to be noted */
};

/* False: the write must fail; errno is set, the refusal made and told. */
bool stub_guard_allows(struct stub_attempt *attempt);
/* What the real call returned. Keeps errno. */
void stub_guard_sent(struct stub_attempt *attempt, ssize_t result);

/* ---- stub_guard_table.c: announced randoms, progress of hellos, sockets that were told of ---- */

bool stub_announce(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch watch);
void stub_withdraw(const uint8_t random[SHIM_HELLO_RANDOM_SIZE]);
bool stub_descriptor_of(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int *fd);
/* `watch`: what it was announced with. */
bool stub_announced(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch *watch);
/* An announced random was sent on this descriptor of this socket. */
void stub_announced_sent(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int fd, uint64_t socket);

/* Is there any progress on any socket? */
bool stub_progress_any(void);
/* The octets of a hello that a socket has sent so far; 0 if none. */
size_t stub_progress_get(uint64_t socket, uint8_t prefix[SHIM_HELLO_PREFIX]);
/* Makes a place for a socket; false if there is none. */
bool stub_progress_open(uint64_t socket);
void stub_progress_set(uint64_t socket, const uint8_t *prefix, size_t length);
void stub_progress_close(uint64_t socket);

/* Notes that a hello on this socket has been told of, or needs not be; false if that was so
 * already.
 */
bool stub_tell_once(uint64_t socket);
void stub_permit(int fd);

/* Is the port one of those that are watched? Async-signal-safe. */
bool stub_port_watched(uint16_t port);

/* ---- stub_tunnel.c: requests to proxies, and where connections lead ---- */

/* May a write to this descriptor be for a proxy, as far as is known without asking the kernel? */
bool stub_tunnel_awaited(int fd);
/* Reads the requests at the beginning of a write to a stream socket. Sets `connection` and
 * `requests`; may set `socket` and errno. */
void stub_tunnel_read(struct stub_attempt *attempt, unsigned work);
/* What the real call returned. May set errno. */
void stub_tunnel_sent(struct stub_attempt *attempt, ssize_t result);
/* The program is about to write this by a TLS session: it may be for a proxy that is reached by
 * TLS. */
void stub_tunnel_inside_tls(const void *session, const void *data, size_t length);
/* Where the connection of this identity leads, and shim_stub's way_of. Both keep errno. */
void stub_way_find(int fd, uint64_t socket, struct shim_way *way);
bool stub_way_of(int fd, const char *host, struct shim_way *way);

/* ---- stub_guard_tell.c: report and log ---- */

/* Reads what is asked for; true if sights outside strict mode are to be told. */
bool stub_tell_settle(void);
enum stub_sight { STUB_SIGHT_HELLO, STUB_SIGHT_DATAGRAM, STUB_SIGHT_NAMES };
/* Tells of what passed (plain) or was refused. Keeps errno. */
void stub_tell(const struct stub_attempt *attempt, bool refused, enum stub_sight what);

#endif
