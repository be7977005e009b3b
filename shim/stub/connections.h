/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the stub remembers of each connection: the port that the program asked `connect` for, and
 * what it asked proxies for. The table grows, nothing of it needs a lock, and all of it is safe in
 * signal handlers. Connections are known by the kernel's cookie, so duplicates of a descriptor are
 * one and a reused descriptor is another.
 *
 * Nobody tells us of a connection that was closed. Its place is taken again when another one needs
 * it, but only if to forget it lets nothing pass: see is_left in connection_table.c.
 */
#ifndef SHIM_STUB_CONNECTIONS_H
#define SHIM_STUB_CONNECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/stub/proxy_request.h"
#include "shim/stub/table.h"

/* What is known of a connection. Flags are set and never cleared. */
enum {
    STUB_CONNECTION_ASKED = 1,    /* `connect` was seen: asked_port and asked_address are known */
    STUB_CONNECTION_TUNNEL = 2,   /* a proxy was asked for a target */
    STUB_CONNECTION_UNREAD = 4,   /* and for one at least to which port could not be read */
    STUB_CONNECTION_WATCHED = 8,  /* a port that a proxy was asked for is watched */
    STUB_CONNECTION_WRITTEN = 16, /* a write was seen */
    STUB_CONNECTION_OVER = 32,    /* what is written is for no proxy any more */
};

enum { STUB_READER_WORDS = (sizeof(struct shim_proxy_reader) + 7) / 8 };

struct stub_connection {
    struct stub_place place;        /* its key is made of the identity */
    _Atomic uint64_t asked_address; /* a hash; 0: not known */
    _Atomic uint64_t target_host;   /* of the last request; shim_proxy_host_hash */
    _Atomic uint64_t reader[STUB_READER_WORDS];
    _Atomic uint64_t sequence; /* grows with each change of the target; 0: it has none */
    atomic_int fd;             /* the last one under which the connection was seen */
    _Atomic unsigned flags;
    _Atomic uint16_t asked_port;
    _Atomic uint16_t target_port;
};

/* NULL: nothing is known of it. `fd` is noted. */
struct stub_connection *stub_connection_find(uint64_t socket, int fd);
/* A new place, or that which the connection has; NULL: there is no room. */
struct stub_connection *stub_connection_open(uint64_t socket, int fd);
/* Of a program that has locked itself in, whose connections the kernel is not asked about: one that
 * was seen under this descriptor, to a watched port if there is such. NULL: none. */
struct stub_connection *stub_connection_at(int fd);
/* It is another connection by now: nothing is known of it. */
void stub_connection_renew(struct stub_connection *connection, int fd);
/* Was there ever no room? Then what nothing is known of may be any connection. */
bool stub_connections_lost(void);

struct shim_proxy_reader stub_connection_reader(const struct stub_connection *connection);
void stub_connection_set_reader(struct stub_connection *connection,
                                const struct shim_proxy_reader *reader);
void stub_connection_add_flags(struct stub_connection *connection, unsigned flags);
/* A request asked for a target; NULL: for one that cannot be read. */
void stub_connection_note_target(struct stub_connection *connection,
                                 const struct shim_proxy_target *target, bool watched);
/* The newest connection that is open and for which a proxy was asked for this host or, for 0, for a
 * watched port; NULL: none. */
struct stub_connection *stub_connection_to(uint64_t host);

/* A number for the host's address; 0 for none, and for the one that stands for any. */
uint64_t stub_address_hash(const struct sockaddr *address, socklen_t length);

/*
 * What is known of a descriptor without asking the kernel, so that a write costs a look into a
 * table where nothing else has to be done. The number may stand for another file by now.
 */
enum stub_mark {
    STUB_MARK_UNKNOWN,
    STUB_MARK_READ, /* what is written may be for a proxy */
    STUB_MARK_OVER, /* it is not, or it is no connection */
};
enum stub_mark stub_mark_of(int fd);
void stub_mark_set(int fd, enum stub_mark mark);

#endif
