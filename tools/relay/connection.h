/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One relayed connection, from the program's first octets to the end. */
#ifndef TOOLS_RELAY_CONNECTION_H
#define TOOLS_RELAY_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include "tools/echshim/supervisor/relay_link.h"
#include "tools/relay/answer.h"
#include "tools/relay/authority.h"
#include "tools/relay/end.h"
#include "tools/relay/hello.h"
#include "tools/relay/pool.h"
#include "tools/relay/pump.h"
#include "tools/relay/upstream.h"

/* What all connections share. */
struct relay_shared {
    int loop; /* epoll */
    bool strict;
    struct relay_authority *authority;
    gnutls_certificate_credentials_t trust;
    struct relay_pool *pool;
    const char *const *hosts; /* the only names that are served, ended by NULL; NULL: all */
    /* Writes a line of the report: the relay refuses this connection. */
    void (*tell)(void *context, const struct relay_claim *claim, const char *host,
                 const char *reason);
    void *tell_context;
};

enum relay_phase {
    RELAY_UNCLAIMED, /* the supervisor has not spoken of it */
    RELAY_LISTENS,   /* for the program's first octets */
    RELAY_CONNECTS,  /* to the real server */
    RELAY_GREETS,    /* the handshake with the real server; `working`: a thread has it */
    RELAY_ANSWERS,   /* the handshake with the program */
    RELAY_PUMPS,     /* octets in both directions */
    RELAY_DRAINS,    /* resets both ends when they have what was written */
    RELAY_OVER,
};

struct relay_connection {
    struct relay_job job; /* the first member */
    struct relay_connection *next;
    const struct relay_shared *shared;
    enum relay_phase phase;
    bool working;      /* a thread of the pool has it */
    int step;          /* the result of that thread */
    bool plain;        /* octets pass as they are */
    bool early;        /* the server is asked first, because the program is silent */
    uint64_t since_ms; /* the start of the phase */
    struct sockaddr_storage source;
    struct relay_claim claim;
    struct relay_end program;
    struct relay_end server;
    uint8_t *first; /* the program's first octets */
    size_t first_length;
    size_t first_size;
    struct relay_hello hello;
    struct relay_upstream upstream;
    struct relay_answer answer;
    struct relay_leaf *leaf;
    struct relay_flow up;
    struct relay_flow down;
};

/* Takes over the descriptor, in any case. NULL: no memory. */
struct relay_connection *relay_connection_new(const struct relay_shared *shared, int fd,
                                              const struct sockaddr_storage *source,
                                              uint64_t now_ms);
/* The supervisor has announced it. `server`: a socket that is connected to the real server, or will
 * be; it belongs to the connection then. -1: there is none yet. */
void relay_connection_claim(struct relay_connection *connection, const struct relay_claim *claim,
                            int server, uint64_t now_ms);
/* Something that was waited for has happened. */
void relay_connection_go_on(struct relay_connection *connection, uint64_t now_ms);
/* The pool has given the connection back. */
void relay_connection_greeted(struct relay_connection *connection, uint64_t now_ms);
/* Ends what has lasted too long. Called from time to time. */
void relay_connection_tick(struct relay_connection *connection, uint64_t now_ms);
/* Frees a connection in the phase RELAY_OVER that no thread has. */
void relay_connection_free(struct relay_connection *connection);

#endif
