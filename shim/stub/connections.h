/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the stub remembers of each connection: the port that the program asked `connect` for, and
 * what it asked proxies for. The table grows. It takes no lock, and signal handlers may use it. The
 * key is the kernel's cookie of the socket, so duplicates of a descriptor share one entry, and a
 * reused descriptor gets a new one.
 *
 * We do not see when a connection is closed. A new connection takes the place of a closed one, but
 * only if nothing can pass because we forgot the old one: see is_left in connection_table.c.
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
    STUB_CONNECTION_UNREAD = 4,   /* the port in one of these requests could not be read */
    STUB_CONNECTION_WATCHED = 8,  /* a port that a proxy was asked for is watched */
    STUB_CONNECTION_WRITTEN = 16, /* a write was seen */
    STUB_CONNECTION_OVER = 32,    /* later writes are for no proxy */
    STUB_CONNECTION_STREAM = 64,  /* the kernel says that it is a stream */
};

enum { STUB_READER_WORDS = (sizeof(struct shim_proxy_reader) + 7) / 8 };

struct stub_connection {
    struct stub_place place;        /* its key is made from the socket's identity */
    _Atomic uint64_t asked_address; /* a hash; 0: not known */
    _Atomic uint64_t target_host;   /* of the last request; shim_proxy_host_hash */
    _Atomic uint64_t reader[STUB_READER_WORDS];
    _Atomic uint64_t sequence; /* grows with each change of the target; 0: it has none */
    atomic_int fd;             /* the last descriptor that the connection was seen under */
    _Atomic unsigned flags;
    _Atomic uint16_t asked_port;
    _Atomic uint16_t target_port;
};

/* Notes `fd` as its descriptor. NULL: the connection is not in the table. */
struct stub_connection *stub_connection_find(uint64_t socket, int fd);
/* The connection's place, a new one if it has none; NULL: there is no room. */
struct stub_connection *stub_connection_open(uint64_t socket, int fd);
/* For a program that has locked itself in, where we may not ask the kernel: a connection that was
 * seen under this descriptor, to a watched port if there is one. NULL: none. */
struct stub_connection *stub_connection_at(int fd);
/* The place stands for another connection now: forgets what is known. */
void stub_connection_renew(struct stub_connection *connection, int fd);
/* Was the table ever full? Then a connection that is not in it may be of any kind. */
bool stub_connections_lost(void);

struct shim_proxy_reader stub_connection_reader(const struct stub_connection *connection);
void stub_connection_set_reader(struct stub_connection *connection,
                                const struct shim_proxy_reader *reader);
void stub_connection_add_flags(struct stub_connection *connection, unsigned flags);
/* The kernel says that this connection, under this descriptor, is a stream. */
void stub_connection_note_stream(struct stub_connection *connection, int fd);
/* Notes the target that a request asked for; NULL: it cannot be read. */
void stub_connection_note_target(struct stub_connection *connection,
                                 const struct shim_proxy_target *target, bool watched);
/* The newest open connection on which a proxy was asked for this host; for 0, for a watched port.
 * NULL: none. */
struct stub_connection *stub_connection_to(uint64_t host);

/* A hash of an address; 0 for no address, and for the wildcard address. */
uint64_t stub_address_hash(const struct sockaddr *address, socklen_t length);

/*
 * What we know of a descriptor without asking the kernel. A write that needs no other work costs
 * one look into this table. The number may stand for another file by now.
 */
enum stub_mark {
    STUB_MARK_UNKNOWN,
    STUB_MARK_CONNECTED, /* `connect` was seen; it may be a stream or not */
    STUB_MARK_READ,      /* it is a stream, and writes may be for a proxy */
    STUB_MARK_OVER,      /* writes are for no proxy */
    STUB_MARK_OTHER,     /* the same: it is no stream */
};
enum stub_mark stub_mark_of(int fd);
void stub_mark_set(int fd, enum stub_mark mark);

#endif
