/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire guard (docs/architecture.md). In strict mode only an announced ClientHello leaves to a
 * watched port. In the other modes such a hello is reported, if reports are asked for. A
 * ClientHelloInner of ours leaves in no mode. Everything here is async-signal-safe, because write
 * and send are: no lock, no malloc, no loading. The one exception is a hello of ours whose
 * connection must first move to another endpoint (hello_leaves).
 *
 * docs/security.md says all that is out of the guard's reach, and which system calls it makes.
 */
#ifndef SHIM_STUB_GUARD_H
#define SHIM_STUB_GUARD_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/stub/guard_hello.h"
#include "shim/stub/guard_hello_inner.h"
#include "shim/stub/stub.h"

/* What the guard has to do; 0: nothing. SETTLE is set until the settings are read. Each hello that
 * must be looked for adds WATCHER. */
enum {
    STUB_GUARD_SETTLE = 1,
    STUB_GUARD_STRICT = 2, /* for all hosts, or some */
    STUB_GUARD_TELL = 4,
    STUB_GUARD_NAMES = 8,    /* strict, and names must be resolved under encryption */
    STUB_GUARD_BY_NAME = 16, /* hosts have modes of their own: read the name in a hello */
    STUB_GUARD_MODES = 31,
    STUB_GUARD_TUNNEL = 32, /* there were connections, and a proxy may be asked on one */
    STUB_GUARD_WATCHER = 64
};
extern _Atomic unsigned stub_guard_work;

/* The whole cost of a write if the guard has nothing to do. */
static inline bool stub_guard_idle(void)
{
    return atomic_load_explicit(&stub_guard_work, memory_order_relaxed) == 0;
}

/* The guard follows a hello over several writes until its random is out, for at most so many
 * octets. In one record the random ends after 43 octets, in records of one octet after 228. */
enum { SHIM_HELLO_FOLLOWED = 256 };

/* One write that is about to be made. The caller fills in the first part. */
struct stub_attempt {
    int fd;
    int flags;                      /* of send */
    const struct sockaddr *address; /* NULL: none was given */
    socklen_t address_length;
    const struct iovec *parts;
    size_t count;
    size_t parts_known; /* so many parts are our own, or are known to be readable */
    bool partial;       /* there is more than in the parts */
    bool readable;      /* all parts are known to be readable: do not ask the kernel */

    uintptr_t from;                      /* known to be readable, up to `to` */
    uintptr_t to;                        /* 0: nothing is */
    uint8_t octets[SHIM_HELLO_FOLLOWED]; /* of the hello that this write begins or continues */
    uint64_t socket;                     /* its identity, where one was asked for */
    struct shim_hello_sight sight;
    struct shim_inner_reader inner;     /* stands at the beginning of this write, or of its hello */
    size_t inner_end;                   /* it was read up to here */
    size_t inner_from;                  /* it goes on at this octet */
    struct stub_connection *connection; /* set if the write may hold requests to proxies */
    int type;                           /* SOCK_STREAM, ...; -1: no socket */
    uint16_t port;
    enum shim_mode mode; /* that judges the octets, if they were judged */
    uint16_t before;     /* octets that earlier writes sent */
    uint16_t length;     /* octets in `octets`, from sight.at on */
    bool by_peer;        /* the port is the peer's; the program may have asked for another */
    bool for_proxy;      /* all octets belong to requests to proxies */
    bool tracked;        /* the socket has a place in the table of progress */
    bool sighted;        /* report it if octets go out */
    bool announced;      /* its random is announced: note the descriptor */
    bool inner_sought;   /* a hello that is not ours goes on after this write */
    bool own_ech;        /* an outer hello of the program's own ECH */
};

/* The identity of the socket under a descriptor. In a program that has locked itself in we may not
 * ask the kernel, and make the identity from the descriptor. */
uint64_t stub_socket_of(int fd);
/* Sets the identity of the attempt's socket, if it is not set. */
static inline void stub_attempt_identify(struct stub_attempt *attempt)
{
    if (attempt->socket == 0) {
        attempt->socket = stub_socket_of(attempt->fd);
    }
}

/* ---- guard_read.c: what is about to be written ---- */

/* Can the kernel read these octets? Asks it, unless the program has locked itself in. */
bool stub_can_read(const void *octets, size_t length);
/* The octets of earlier writes and of this one, for struct shim_hello_source. */
bool stub_attempt_octets(void *attempt, size_t at, const uint8_t **octets, size_t *length);
/* Copies them from `at` on; returns how many. */
size_t stub_attempt_copy(struct stub_attempt *attempt, size_t at, uint8_t *out, size_t max);

/* sendmsg as the program would call it. The memory must be readable. */
ssize_t stub_guarded_sendmsg(int fd, const struct msghdr *message, int flags);

/* Must a DNS question for this name not go out in the clear? True if the host is strict and must be
 * resolved under encryption. Async-signal-safe. */
bool stub_question_is_protected(const char *name);
/* False: the write must fail. Then errno is set, and the refusal is done and reported. */
bool stub_guard_allows(struct stub_attempt *attempt);
/* Tells the guard what the real call returned. Keeps errno. */
void stub_guard_sent(struct stub_attempt *attempt, ssize_t result);

/* ---- guard_carried.c: octets that the engine carries ---- */

/* shim_stub's carry. */
void stub_carry(const struct shim_carried *carried);
/* If the engine gave these octets to the transport that writes them: takes over what it knows. */
void stub_carried_recall(struct stub_attempt *attempt);

/* ---- guard_port.c: where it goes ---- */

/* The kind of socket; -1: no socket. If the program has locked itself in, we may not ask the
 * kernel, and guess: a write with an address is a datagram. */
int stub_attempt_type(struct stub_attempt *attempt);
/* Sets the attempt's port to the one that the write goes to; false: there is none, or it is not
 * known. */
bool stub_attempt_port(struct stub_attempt *attempt);
/* Does this connection lead to a watched port, or could it? */
bool stub_guard_watches(int fd);

/* ---- guard_table.c: hellos that are ours, progress of hellos, sockets that were told of ----
 */

/* What is known of a hello by its random. */
enum stub_known {
    STUB_KNOWN_NOT,
    STUB_KNOWN_ANNOUNCED, /* ClientHelloOuter: it may leave */
    STUB_KNOWN_INNER,     /* ClientHelloInner: it must not */
    STUB_KNOWN_PERMITTED, /* ClientHelloInner, once ECH was securely disabled */
};

/* Announces a ClientHelloOuter. False: there is no memory, or we may not ask for any. */
bool stub_announce(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch watch);
/* A library has made a ClientHelloInner with this random. */
bool stub_keep_in(const uint8_t random[SHIM_HELLO_RANDOM_SIZE]);
/* That hello may go out: ECH was securely disabled. */
bool stub_permit_hello(const uint8_t random[SHIM_HELLO_RANDOM_SIZE]);
/* Forgets the hello of this random. */
void stub_withdraw(const uint8_t random[SHIM_HELLO_RANDOM_SIZE]);
bool stub_descriptor_of(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int *fd);
/* `watch`: what it was announced with. */
enum stub_known stub_known_hello(const uint8_t random[SHIM_HELLO_RANDOM_SIZE],
                                 enum shim_watch *watch);
/* An announced random was sent on this descriptor of this socket. */
void stub_announced_sent(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], int fd, uint64_t socket);

/* Is there any progress on any socket? */
bool stub_progress_any(void);
/* The octets of a hello that a socket has sent so far; 0 if none. */
size_t stub_progress_get(uint64_t socket, uint8_t octets[SHIM_HELLO_FOLLOWED]);
/* Makes a place for a socket; false: there is no room. */
bool stub_progress_open(uint64_t socket);
void stub_progress_set(uint64_t socket, const uint8_t *octets, size_t length);
/* For a hello whose random is out, but which may still have the marker of a ClientHelloInner: its
 * reader stands in place of the octets. */
bool stub_progress_reader(uint64_t socket, struct shim_inner_reader *reader);
void stub_progress_set_reader(uint64_t socket, const struct shim_inner_reader *reader);
void stub_progress_close(uint64_t socket);

/* Notes that a hello on this socket was reported, or need not be; false: it was noted already. */
bool stub_tell_once(uint64_t socket);
void stub_permit(int fd);

/* ---- guard_work.c ---- */

/* Reads which ports the settings name, for any host. */
void stub_ports_settle(void);
/* Is the port one of those that are watched? Async-signal-safe. */
bool stub_port_watched(uint16_t port);

/* ---- guard_follow.c: hellos that a program cuts into several writes ---- */

/* Takes up what earlier writes on this socket began. True: together with this write it is a
 * ClientHelloInner, which must not go out. */
bool stub_follow_recall(struct stub_attempt *attempt);
/* Is the whole write within a hello that is followed for its marker? Then no other hello begins in
 * it. */
bool stub_follow_is_within(struct stub_attempt *attempt);
/* Earlier writes began something that is no hello. Looks for a hello that begins within it, or with
 * this write. `records`: where the whole records end. Returns where they end now. */
size_t stub_follow_look_again(struct stub_attempt *attempt, size_t records);
/* Begins to follow a hello whose random is not there yet; false: there is no room. */
bool stub_follow_begin(struct stub_attempt *attempt);
/* Has this hello, which is not ours, the marker of a ClientHelloInner? If that is not clear yet,
 * later writes are read too. */
bool stub_follow_shows_inner(struct stub_attempt *attempt);
/* Takes what the real call returned. */
void stub_follow_sent(struct stub_attempt *attempt, ssize_t result);

/* ---- guard_tunnel.c: requests to proxies, and where connections lead ---- */

/* May a write to this descriptor be for a proxy, as far as we know without asking the kernel? */
bool stub_tunnel_awaited(int fd);
/* Reads the requests at the beginning of a write to a stream socket. Sets `connection` and
 * `for_proxy`; may set `socket` and errno. */
void stub_tunnel_read(struct stub_attempt *attempt, unsigned work);
/* Takes what the real call returned. May set errno. */
void stub_tunnel_sent(struct stub_attempt *attempt, ssize_t result);
/* The program is about to write this by a TLS session. It may be for a proxy that is reached by
 * TLS. */
void stub_tunnel_inside_tls(const void *session, const void *data, size_t length);
/* Where the connection of this identity leads, and shim_stub's way_of. Both keep errno. */
void stub_way_find(int fd, uint64_t socket, struct shim_way *way);
bool stub_way_of(int fd, const char *host, struct shim_way *way);

/* ---- guard_report.c: report and log ---- */

/* Reads which reports are asked for; true: sights outside strict mode are reported too. */
bool stub_tell_settle(void);
enum stub_sight {
    STUB_SIGHT_HELLO,
    STUB_SIGHT_DATAGRAM,
    STUB_SIGHT_NAMES,
    STUB_SIGHT_INNER,
    STUB_SIGHT_NO_ENGINE,
    STUB_SIGHT_OWN_ECH,
};
/* Reports a hello that passed (plain) or was refused. Keeps errno. */
void stub_tell(const struct stub_attempt *attempt, bool refused, enum stub_sight what);

#endif
