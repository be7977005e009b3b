/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Redirects an application's connection to the endpoint of its ECHConfig. This happens before the
 * hello is made. If the transport hides its descriptor, it happens when the hello is about to
 * leave: only the write tells the descriptor. The new connection is put under the descriptor as for
 * a retry (shim/engine/sockets/reconnect.h).
 */
#ifndef SHIM_ENGINE_ENDPOINT_REDIRECT_H
#define SHIM_ENGINE_ENDPOINT_REDIRECT_H

#include "shim/engine/endpoint/route.h"
#include "shim/engine/sockets/reconnect.h"

/* A redirect in progress; each session has one. */
struct shim_redirect {
    bool pending; /* the descriptor stays unknown until the hello leaves */
    int fresh;    /* the connection to put under the descriptor, of own_socket.h; -1: none */
    struct shim_hop *hops; /* to the endpoint, on the heap; NULL: none */
    size_t count;
    struct shim_address peer; /* the new peer; only if `moved` */
    bool moved;
    uint8_t random[32]; /* random of the awaited hello, once it is made */
    bool awaited;
};

#define SHIM_REDIRECT_NONE ((struct shim_redirect){.fresh = -1})

enum shim_redirect_result {
    SHIM_REDIRECT_ARRIVED,     /* the connection goes, or will be redirected, to *endpoint */
    SHIM_REDIRECT_IMPOSSIBLE,  /* no connection can be put under the descriptor: nothing was changed
                                */
    SHIM_REDIRECT_UNREACHABLE, /* no endpoint could be reached: nothing was changed */
};

/*
 * Connects to the first reachable hop; *endpoint is its endpoint. fd -1: the descriptor is hidden,
 * and `like` (or -1) is probably it: the options come from there. Waits at most timeout_ms, but not
 * for a non-blocking descriptor with a single hop.
 */
enum shim_redirect_result shim_redirect_begin(struct shim_redirect *redirect,
                                              const struct shim_route *route, int fd, int like,
                                              unsigned timeout_ms, size_t *endpoint);

/* For a hidden descriptor that seems to be connected to the endpoint already: checked when the
 * hello leaves. False: there is no memory. */
ECH_MUST_USE bool shim_redirect_confirm(struct shim_redirect *redirect,
                                        const struct shim_route *route, size_t endpoint);

/* Says that the hello with this random belongs to a pending redirect. False: there is no memory,
 * and the hello must not be made. */
ECH_MUST_USE bool shim_redirect_await(struct shim_redirect *redirect, const uint8_t random[32]);
/* Ends the redirect, and closes a connection that was not used. */
void shim_redirect_end(struct shim_redirect *redirect);
/* Why the hello could not leave, as a word for the report. NULL: it could, or has not tried yet. */
const char *shim_redirect_failure(const struct shim_redirect *redirect);

/*
 * Called by the stub: an announced hello is about to leave on this descriptor. False: it must not.
 * May make a connection and wait for it.
 */
bool shim_redirect_hello_leaves(const uint8_t random[32], int fd);

void shim_redirect_before_fork(void);
void shim_redirect_after_fork(void);

#endif
