/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire guard (docs/architecture.md): no ClientHello but an announced one leaves to a watched
 * port in strict mode; in the other modes such a sight is reported, if anybody asked for reports.
 * In every mode a ClientHelloInner of ours stays in. Everything here is async-signal-safe, for
 * write and send are: no lock, no malloc, no loading. The one exception is a hello of ours whose
 * connection has to be led elsewhere (hello_leaves).
 *
 * What is out of its reach stands in docs/security.md, all of it; so do the system calls that it
 * makes.
 */
#ifndef SHIM_STUB_GUARD_H
#define SHIM_STUB_GUARD_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/stub/guard_hello.h"
#include "shim/stub/guard_hello_inner.h"
#include "shim/stub/stub.h"

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

/* A hello is followed over writes until its random is out, over so many octets: in one record it
 * takes 43, in records of one octet 228. */
enum { SHIM_HELLO_FOLLOWED = 256 };

/* One write that is about to be made. The caller fills in the first part. */
struct stub_attempt {
    int fd;
    int flags;                      /* of send */
    const struct sockaddr *address; /* NULL: none was given */
    socklen_t address_length;
    const struct iovec *parts;
    size_t count;
    size_t parts_known; /* that many parts are our own, or were found to be readable */
    bool partial;       /* there is more than the parts say */
    bool readable;      /* all of it is known to be: the kernel need not be asked */

    uintptr_t page;                      /* that was found to be readable */
    bool page_known;                     /* there is one */
    uint8_t octets[SHIM_HELLO_FOLLOWED]; /* of the hello that this write begins or goes on with */
    uint64_t socket;                     /* its identity, where one was asked for */
    struct shim_hello_sight sight;
    struct shim_inner_reader inner;     /* stands where this write begins, or its hello */
    size_t inner_end;                   /* up to here it was read */
    size_t inner_from;                  /* it goes on at this octet */
    struct stub_connection *connection; /* set if requests to proxies may stand in the write */
    int type;                           /* SOCK_STREAM, ...; -1: no socket */
    uint16_t port;
    enum shim_mode mode; /* that the octets are judged by, where they were */
    uint16_t before;     /* octets that earlier writes sent */
    uint16_t length;     /* octets in `octets`, from sight.at on */
    bool by_peer;        /* the port is the peer's: another one may have been asked for */
    bool for_proxy;      /* all octets belong to requests to proxies */
    bool tracked;        /* the socket has a place in the table of progress */
    bool sighted;        /* if octets go out, that is to be told */
    bool announced;      /* its random is, and the descriptor is to be noted */
    bool inner_sought;   /* a hello that is not ours goes on behind this write */
    bool own_ech;        /* an outer hello of the program's own ECH */
};

/* The identity of the socket under a descriptor. In a program that has locked itself in the kernel
 * is not asked: it is made of the descriptor. */
uint64_t stub_socket_of(int fd);
/* Asks for the identity of the attempt's socket, if that has not been done. */
static inline void stub_attempt_identify(struct stub_attempt *attempt)
{
    if (attempt->socket == 0) {
        attempt->socket = stub_socket_of(attempt->fd);
    }
}

/* ---- guard_read.c: what is about to be written ---- */

/* Would the kernel be able to read these octets? Asks it, unless the program has locked itself in.
 */
bool stub_can_read(const void *octets, size_t length);
/* The octets of earlier writes and of this one, for struct shim_hello_source. */
bool stub_attempt_octets(void *attempt, size_t at, const uint8_t **octets, size_t *length);
/* Copies them from `at` on; how many there are. */
size_t stub_attempt_copy(struct stub_attempt *attempt, size_t at, uint8_t *out, size_t max);

/* sendmsg as the program would call it, of memory that is known to be readable. */
ssize_t stub_guarded_sendmsg(int fd, const struct msghdr *message, int flags);

/* Is this the name in a question to the DNS that must not be sent in the clear: of a host that is
 * strict, and is to be resolved under encryption? Async-signal-safe. */
bool stub_question_is_protected(const char *name);
/* False: the write must fail; errno is set, the refusal made and told. */
bool stub_guard_allows(struct stub_attempt *attempt);
/* Does this connection lead to a watched port, or may it? */
bool stub_guard_watches(int fd);
/* What the real call returned. Keeps errno. */
void stub_guard_sent(struct stub_attempt *attempt, ssize_t result);

/* ---- guard_table.c: hellos that are ours, progress of hellos, sockets that were told of ----
 */

/* What is known of a hello by its random. */
enum stub_known {
    STUB_KNOWN_NOT,
    STUB_KNOWN_ANNOUNCED, /* ClientHelloOuter: it may leave */
    STUB_KNOWN_INNER,     /* ClientHelloInner: it must not */
    STUB_KNOWN_PERMITTED, /* ClientHelloInner, once ECH was securely disabled */
};

/* False: there is no memory for it, or none may be asked for. */
bool stub_announce(const uint8_t random[SHIM_HELLO_RANDOM_SIZE], enum shim_watch watch);
/* A library has made a ClientHelloInner with this random. */
bool stub_keep_in(const uint8_t random[SHIM_HELLO_RANDOM_SIZE]);
/* It may go out. */
bool stub_permit_hello(const uint8_t random[SHIM_HELLO_RANDOM_SIZE]);
/* Forgets any of them. */
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
/* Makes a place for a socket; false if there is none. */
bool stub_progress_open(uint64_t socket);
void stub_progress_set(uint64_t socket, const uint8_t *octets, size_t length);
/* A hello whose random is out, and whose marker of an inner one may follow: the reader of it takes
 * the place of the octets. */
bool stub_progress_reader(uint64_t socket, struct shim_inner_reader *reader);
void stub_progress_set_reader(uint64_t socket, const struct shim_inner_reader *reader);
void stub_progress_close(uint64_t socket);

/* Notes that a hello on this socket has been told of, or needs not be; false if that was so
 * already.
 */
bool stub_tell_once(uint64_t socket);
void stub_permit(int fd);

/* ---- guard_work.c ---- */

/* Reads which ports the settings name, for any host. */
void stub_ports_settle(void);
/* Is the port one of those that are watched? Async-signal-safe. */
bool stub_port_watched(uint16_t port);

/* ---- guard_follow.c: hellos that a program cuts into several writes ---- */

/* What earlier writes on this socket began. True: with this one it is an inner hello that is not to
 * go out. */
bool stub_follow_recall(struct stub_attempt *attempt);
/* Is all of this write within a hello that was followed for its marker? No other begins there. */
bool stub_follow_is_within(struct stub_attempt *attempt);
/* What earlier writes began was no hello. Looks for one that begins within it, or with this write.
 * `records`: where the whole records end; returns where they end now. */
size_t stub_follow_look_again(struct stub_attempt *attempt, size_t records);
/* Follows a hello whose random is not there yet; false if that cannot be done. */
bool stub_follow_begin(struct stub_attempt *attempt);
/* Has the hello that was found, which is not ours, the marker of an inner one? If that is not known
 * yet it is sought in later writes. */
bool stub_follow_shows_inner(struct stub_attempt *attempt);
/* What the real call returned. */
void stub_follow_sent(struct stub_attempt *attempt, ssize_t result);

/* ---- guard_tunnel.c: requests to proxies, and where connections lead ---- */

/* May a write to this descriptor be for a proxy, as far as is known without asking the kernel? */
bool stub_tunnel_awaited(int fd);
/* Reads the requests at the beginning of a write to a stream socket. Sets `connection` and
 * `for_proxy`; may set `socket` and errno. */
void stub_tunnel_read(struct stub_attempt *attempt, unsigned work);
/* What the real call returned. May set errno. */
void stub_tunnel_sent(struct stub_attempt *attempt, ssize_t result);
/* The program is about to write this by a TLS session: it may be for a proxy that is reached by
 * TLS. */
void stub_tunnel_inside_tls(const void *session, const void *data, size_t length);
/* Where the connection of this identity leads, and shim_stub's way_of. Both keep errno. */
void stub_way_find(int fd, uint64_t socket, struct shim_way *way);
bool stub_way_of(int fd, const char *host, struct shim_way *way);

/* ---- guard_report.c: report and log ---- */

/* Reads what is asked for; true if sights outside strict mode are to be told. */
bool stub_tell_settle(void);
enum stub_sight {
    STUB_SIGHT_HELLO,
    STUB_SIGHT_DATAGRAM,
    STUB_SIGHT_NAMES,
    STUB_SIGHT_INNER,
    STUB_SIGHT_NO_ENGINE,
    STUB_SIGHT_OWN_ECH,
};
/* Tells of what passed (plain) or was refused. Keeps errno. */
void stub_tell(const struct stub_attempt *attempt, bool refused, enum stub_sight what);

#endif
