/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leads an application's connection to the endpoint that its ECHConfig is for, before a hello is
 * made or, where the transport hides its descriptor, when the hello is about to leave: then the
 * write tells which descriptor it is. The new connection is put under it as for a retry.
 */
#ifndef SHIM_ENGINE_ENDPOINT_REDIRECT_H
#define SHIM_ENGINE_ENDPOINT_REDIRECT_H

#include "shim/engine/endpoint/route.h"
#include "shim/engine/sockets/reconnect.h"

/* A connection on its way to an endpoint; one of these a session. */
struct shim_redirect {
    bool pending; /* the descriptor is not known before the hello leaves */
    int fresh;    /* of own_socket.h: the connection that waits for it; -1: none */
    struct shim_hop hops[SHIM_HOPS_MAX]; /* the ways to the endpoint */
    size_t count;
    struct shim_address peer; /* where it was led; only if `moved` */
    bool moved;
    uint8_t random[32]; /* of the hello that is waited for, once there is one */
    bool awaited;
};

#define SHIM_REDIRECT_NONE ((struct shim_redirect){.fresh = -1})

enum shim_redirect_result {
    SHIM_REDIRECT_ARRIVED,     /* the connection leads, or will redirect, to *endpoint */
    SHIM_REDIRECT_IMPOSSIBLE,  /* it cannot be put under the descriptor: nothing was changed */
    SHIM_REDIRECT_UNREACHABLE, /* no endpoint could be connected to: nothing was changed */
};

/*
 * Goes the first hop of the route that can be gone, and says whose endpoint it leads to. fd -1: it
 * is hidden, and `like` (or -1) is what the connection probably is; its options are taken. A
 * blocking descriptor waits; a non-blocking one too if there is more than one hop, at most
 * timeout_ms.
 */
enum shim_redirect_result shim_redirect_begin(struct shim_redirect *redirect,
                                              const struct shim_route *route, int fd, int like,
                                              unsigned timeout_ms, size_t *endpoint);

/* The connection leads to an endpoint already, as far as can be told of a hidden descriptor: when
 * the hello leaves it has to prove true. */
void shim_redirect_confirm(struct shim_redirect *redirect, const struct shim_route *route,
                           size_t endpoint);

/* The hello with this random belongs to a pending redirect. False: there is no memory, and the
 * hello must not be made. */
ECH_MUST_USE bool shim_redirect_await(struct shim_redirect *redirect, const uint8_t random[32]);
/* Ends it, and closes what nobody needs. */
void shim_redirect_end(struct shim_redirect *redirect);
/* Why a hello could not leave, as a word for the report; NULL: it could, or has not tried. */
const char *shim_redirect_failure(const struct shim_redirect *redirect);

/*
 * From the stub: an announced hello that is awaited is about to leave on this descriptor. False: it
 * must not. May make a connection, and wait for it.
 */
bool shim_redirect_hello_leaves(const uint8_t random[32], int fd);

void shim_redirect_before_fork(void);
void shim_redirect_after_fork(void);

#endif
