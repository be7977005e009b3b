/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/endpoint/redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/common/socket_identity.h"
#include "shim/engine/base/lock.h"
#include "shim/engine/base/section.h"
#include "shim/engine/base/table.h"
#include "shim/engine/endpoint/race.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/state/state.h"

static void close_fresh(struct shim_redirect *redirect)
{
    if (redirect->fresh >= 0) {
        (void)shim_own_close(redirect->fresh);
        redirect->fresh = -1;
    }
}

static void drop_hops(struct shim_redirect *redirect)
{
    free(redirect->hops);
    redirect->hops = NULL;
    redirect->count = 0;
}

/* Takes the hops of one endpoint out of a route to several. Most handshakes need none, so they are
 * allocated here. False: there is no memory. */
static bool note_hops(struct shim_redirect *redirect, const struct shim_route *route,
                      size_t endpoint)
{
    drop_hops(redirect);
    redirect->hops = route->count > 0 ? calloc(route->count, sizeof *redirect->hops) : NULL;
    if (redirect->hops == NULL) {
        return route->count == 0;
    }
    for (size_t i = 0; i < route->count; i++) {
        if (route->hops[i].endpoint == endpoint && !route->hops[i].in_place) {
            redirect->hops[redirect->count++] = route->hops[i];
        }
    }
    return true;
}

static struct shim_race race_for(const struct shim_hop *hops, size_t count, int fd, int like,
                                 unsigned timeout_ms)
{
    like = fd >= 0 ? fd : like;
    int flags = like >= 0 ? fcntl(like, F_GETFL) : 0;
    return (struct shim_race){
        .like = like,
        .hops = hops,
        .count = count,
        .timeout_ms = shim_reconnect_bound(like, timeout_ms),
        .wait = flags < 0 || (flags & O_NONBLOCK) == 0,
    };
}

enum shim_redirect_result shim_redirect_begin(struct shim_redirect *redirect,
                                              const struct shim_route *route, int fd, int like,
                                              unsigned timeout_ms, size_t *endpoint)
{
    struct shim_old_connection old = {.fd = fd, .socket = shim_socket_identity(fd)};
    if (fd >= 0 && shim_reconnect_check(&old, 0) != SHIM_RECONNECT_DONE) {
        return SHIM_REDIRECT_IMPOSSIBLE;
    }
    struct shim_race race = race_for(route->hops, route->count, fd, like, timeout_ms);
    size_t winner;
    int fresh = shim_race_run(&race, &winner);
    if (fresh == SHIM_RACE_LOST) {
        return SHIM_REDIRECT_UNREACHABLE;
    }
    *endpoint = route->hops[winner].endpoint;
    if (fresh == SHIM_RACE_IN_PLACE) {
        return fd >= 0 || shim_redirect_confirm(redirect, route, *endpoint)
                   ? SHIM_REDIRECT_ARRIVED
                   : SHIM_REDIRECT_IMPOSSIBLE;
    }
    if (fd >= 0 && shim_reconnect_put(&old, fresh) != SHIM_RECONNECT_DONE) {
        return SHIM_REDIRECT_IMPOSSIBLE;
    }
    if (fd < 0 && !note_hops(redirect, route, *endpoint)) {
        (void)shim_own_close(fresh);
        return SHIM_REDIRECT_IMPOSSIBLE;
    }
    redirect->peer = route->hops[winner].address;
    redirect->moved = true;
    if (fd < 0) {
        redirect->pending = true;
        redirect->fresh = fresh;
    }
    return SHIM_REDIRECT_ARRIVED;
}

bool shim_redirect_confirm(struct shim_redirect *redirect, const struct shim_route *route,
                           size_t endpoint)
{
    if (!note_hops(redirect, route, endpoint)) {
        return false;
    }
    redirect->pending =
        redirect->count > 0; /* without addresses there is nothing to compare with */
    return true;
}

/* ---- hellos that wait for their new connection ---- */

enum awaited_state { AWAITED_OPEN, AWAITED_BUSY, AWAITED_LEFT };

/* The thread that makes a connection does not hold the lock, but marks its entry as busy. */
struct awaited {
    struct shim_table_node node;
    enum awaited_state state;
    bool ended; /* shim_redirect_end was called: the busy thread frees the entry */
    struct shim_redirect redirect;
    const char *failure;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_table table;

void shim_redirect_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void shim_redirect_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static uint64_t hash_of(const uint8_t random[32])
{
    return shim_table_hash(SHIM_TABLE_HASH, random, 32);
}

/* Called under the lock. */
static struct awaited *find(const uint8_t random[32])
{
    struct shim_table_node *node = shim_table_find(&table, hash_of(random));
    for (; node != NULL; node = shim_table_next(node)) {
        struct awaited *awaited = (struct awaited *)node;
        if (!awaited->ended &&
            memcmp(awaited->redirect.random, random, sizeof awaited->redirect.random) == 0) {
            return awaited;
        }
    }
    return NULL;
}

static void clear(struct awaited *awaited)
{
    close_fresh(&awaited->redirect);
    drop_hops(&awaited->redirect);
    shim_table_remove(&table, &awaited->node);
    free(awaited);
}

bool shim_redirect_await(struct shim_redirect *redirect, const uint8_t random[32])
{
    struct shim_hold hold;
    if (redirect->awaited) {
        return true;
    }
    struct awaited *awaited = calloc(1, sizeof *awaited);
    if (awaited == NULL) {
        return false;
    }
    memcpy(redirect->random, random, sizeof redirect->random);
    awaited->state = AWAITED_OPEN;
    awaited->redirect = *redirect;
    redirect->fresh = -1; /* the table owns it now, and the hops */
    redirect->hops = NULL;
    redirect->count = 0;
    redirect->awaited = true;
    shim_lock(&lock, &hold);
    shim_table_add(&table, &awaited->node, hash_of(random));
    shim_unlock(&lock, &hold);
    return true;
}

void shim_redirect_end(struct shim_redirect *redirect)
{
    struct shim_hold hold;
    if (redirect->awaited) {
        shim_lock(&lock, &hold);
        struct awaited *awaited = find(redirect->random);
        if (awaited != NULL && awaited->state == AWAITED_BUSY) {
            awaited->ended = true;
        } else if (awaited != NULL) {
            clear(awaited);
        }
        shim_unlock(&lock, &hold);
    }
    close_fresh(redirect);
    drop_hops(redirect);
    redirect->pending = false;
    redirect->awaited = false;
}

const char *shim_redirect_failure(const struct shim_redirect *redirect)
{
    struct shim_hold hold;
    const char *failure = NULL;
    if (redirect->awaited) {
        shim_lock(&lock, &hold);
        const struct awaited *awaited = find(redirect->random);
        failure = awaited != NULL ? awaited->failure : NULL;
        shim_unlock(&lock, &hold);
    }
    return failure;
}

/* ---- a hello is about to leave ---- */

static bool is_at_endpoint(const struct shim_redirect *redirect, int fd)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    struct shim_address address;
    socklen_t length = sizeof peer;
    memset(&peer, 0, sizeof peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 ||
        !shim_address_of((const struct sockaddr *)&peer, &address)) {
        return false;
    }
    uint16_t port = shim_address_port((const struct sockaddr *)&peer);
    for (size_t i = 0; i < redirect->count; i++) {
        if (redirect->hops[i].port == port &&
            shim_address_equal(&redirect->hops[i].address, &address)) {
            return true;
        }
    }
    return false;
}

/* Gives the connection that was made before, or makes one now. */
static int take_fresh(struct shim_redirect *redirect, int fd)
{
    if (redirect->fresh >= 0) {
        int fresh = redirect->fresh;
        redirect->fresh = -1;
        return fresh;
    }
    struct shim_race race =
        race_for(redirect->hops, redirect->count, fd, -1, shim_state()->settings.timeout_ms);
    size_t winner;
    return shim_race_run(&race, &winner);
}

/* Puts the connection to the endpoint under fd. NULL, or why the hello must not leave. */
static const char *arrange(struct shim_redirect *redirect, int fd)
{
    if (is_at_endpoint(redirect, fd)) {
        return NULL;
    }
    struct shim_old_connection old = {.fd = fd, .socket = shim_socket_identity(fd)};
    enum shim_reconnect_result way = shim_reconnect_check(&old, 0);
    if (way == SHIM_RECONNECT_DONE) {
        int fresh = take_fresh(redirect, fd);
        way = fresh >= 0 ? shim_reconnect_put(&old, fresh) : SHIM_RECONNECT_FAILED;
    }
    return way == SHIM_RECONNECT_DONE ? NULL : shim_reconnect_name(way);
}

/* A hello that is about to leave. It may wait for a connection, and the program may leave that wait
 * (shim/engine/base/section.h). */
struct leaving {
    struct shim_work work;
    struct awaited *awaited;
    struct shim_redirect redirect;
    int fd;
    bool allowed;
};

static void note_left(struct leaving *leaving, const char *failure)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    leaving->awaited->state = AWAITED_LEFT;
    leaving->awaited->failure = failure;
    if (leaving->awaited->ended) {
        clear(leaving->awaited);
    }
    shim_unlock(&lock, &hold);
    leaving->awaited = NULL;
    leaving->allowed = failure == NULL;
}

static void run(struct shim_work *work)
{
    struct leaving *leaving = (struct leaving *)work;
    const char *failure = arrange(&leaving->redirect, leaving->fd);
    close_fresh(&leaving->redirect);
    note_left(leaving, failure);
}

static void drop(struct shim_work *work)
{
    struct leaving *leaving = (struct leaving *)work;
    if (leaving->awaited != NULL) {
        close_fresh(&leaving->redirect);
        note_left(leaving, shim_reconnect_name(SHIM_RECONNECT_FAILED));
    }
    free(leaving);
}

/* NULL: this hello needs no redirect, or there is no memory; *allowed tells whether it may leave.
 * */
static struct leaving *leaving_new(const uint8_t random[32], int fd, bool *allowed)
{
    struct leaving *leaving = malloc(sizeof *leaving);
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    struct awaited *awaited = find(random);
    bool open = awaited != NULL && awaited->state == AWAITED_OPEN;
    *allowed = awaited == NULL || (awaited->state == AWAITED_LEFT && awaited->failure == NULL);
    if (open && leaving != NULL) {
        *leaving = (struct leaving){.work = {.run = run, .drop = drop},
                                    .awaited = awaited,
                                    .redirect = awaited->redirect,
                                    .fd = fd};
        awaited->state = AWAITED_BUSY;
        /* `leaving` owns the connection now, and borrows the hops: a busy entry stays. */
        awaited->redirect.fresh = -1;
    }
    shim_unlock(&lock, &hold);
    if (!open) {
        free(leaving);
        leaving = NULL;
    }
    return leaving;
}

bool shim_redirect_hello_leaves(const uint8_t random[32], int fd)
{
    int saved = errno;
    bool allowed;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    struct leaving *leaving = leaving_new(random, fd, &allowed);
    if (leaving != NULL && shim_section_run(&leaving->work)) {
        allowed = leaving->allowed;
        free(leaving);
    }
    shim_hold_end(&hold);
    errno = saved;
    return allowed;
}
