/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/relay/ahead.h"
#include "tools/relay/claims.h"

enum { EVENTS = 64, TICK_MS = 250, LAST_MS = 10000, ACCEPTS = 64 };

struct watched {
    enum relay_source source; /* the first member, as in struct relay_end */
    int fd;
};

struct state {
    const struct relay_loop *loop;
    struct relay_shared *shared;
    struct relay_claims claims;
    struct relay_aheads aheads;
    struct relay_connection *connections;
    struct watched link;
    struct watched pool;
    struct watched listeners[RELAY_LISTENERS];
    uint64_t now_ms;
    uint64_t ended_ms; /* when the supervisor ended; 0: it lives */
};

static uint64_t clock_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool watch(const struct state *state, struct watched *watched)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watched};
    return watched->fd < 0 ||
           epoll_ctl(state->shared->loop, EPOLL_CTL_ADD, watched->fd, &event) == 0;
}

/* ---- events ---- */

static void serve(struct state *state, struct relay_connection *connection,
                  const struct relay_claim *claim)
{
    relay_connection_claim(connection, claim, relay_ahead_take(&state->aheads, claim->number),
                           state->now_ms);
}

static void accept_some(struct state *state, const struct watched *listener)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage source = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof source;
        struct relay_claim claim;
        int fd = accept4(listener->fd, (struct sockaddr *)&source, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        struct relay_connection *connection =
            relay_connection_new(state->shared, fd, &source, state->now_ms);
        if (connection == NULL) {
            continue;
        }
        connection->next = state->connections;
        state->connections = connection;
        if (relay_claims_take(&state->claims, &source, state->now_ms, &claim)) {
            serve(state, connection, &claim);
        }
    }
}

static void take_claim(struct state *state, const struct relay_claim *claim)
{
    struct relay_connection *connection = state->connections;
    if (claim->source.ss_family == AF_UNSPEC) {
        relay_ahead_begin(&state->aheads, claim, state->now_ms);
        return;
    }
    while (connection != NULL && !(connection->phase == RELAY_UNCLAIMED &&
                                   relay_is_same_source(&connection->source, &claim->source))) {
        connection = connection->next;
    }
    if (connection != NULL) {
        serve(state, connection, claim);
    } else {
        (void)relay_claims_add(&state->claims, claim, state->now_ms);
    }
}

static void end_of_supervisor(struct state *state)
{
    (void)epoll_ctl(state->shared->loop, EPOLL_CTL_DEL, state->link.fd, NULL);
    for (size_t i = 0; i < RELAY_LISTENERS; i++) {
        if (state->listeners[i].fd >= 0) {
            (void)close(state->listeners[i].fd);
            state->listeners[i].fd = -1;
        }
    }
    state->ended_ms = state->now_ms;
}

static void read_link(struct state *state)
{
    struct relay_claim claim;
    for (;;) {
        ssize_t count = recv(state->link.fd, &claim, sizeof claim, MSG_DONTWAIT);
        if (count == sizeof claim) {
            take_claim(state, &claim);
        } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            end_of_supervisor(state);
            return;
        }
    }
}

static void take_jobs(struct state *state)
{
    struct relay_job *job = relay_pool_take(state->shared->pool);
    while (job != NULL) {
        struct relay_job *next = job->next;
        relay_connection_greeted((struct relay_connection *)job, state->now_ms);
        job = next;
    }
}

static void handle(struct state *state, void *source)
{
    switch (*(enum relay_source *)source) {
    case RELAY_SOURCE_LISTENER:
        accept_some(state, source);
        break;
    case RELAY_SOURCE_LINK:
        read_link(state);
        break;
    case RELAY_SOURCE_POOL:
        take_jobs(state);
        break;
    case RELAY_SOURCE_END:
        relay_connection_go_on(((struct relay_end *)source)->connection, state->now_ms);
        break;
    case RELAY_SOURCE_AHEAD:
        relay_ahead_go_on(&state->aheads, source, state->now_ms);
        break;
    }
}

/* Frees what is over. Not while events are handled: another event may be about the same. */
static void clean_up(struct state *state, bool tick)
{
    struct relay_connection **at = &state->connections;
    if (tick) {
        relay_ahead_tick(&state->aheads, state->now_ms);
    }
    while (*at != NULL) {
        struct relay_connection *connection = *at;
        if (tick) {
            relay_connection_tick(connection, state->now_ms);
        }
        if (connection->phase == RELAY_OVER && !connection->working) {
            *at = connection->next;
            relay_connection_free(connection);
        } else {
            at = &connection->next;
        }
    }
}

static bool is_over(const struct state *state)
{
    return state->ended_ms != 0 &&
           (state->connections == NULL || state->now_ms - state->ended_ms > LAST_MS);
}

static bool start(struct state *state)
{
    const struct relay_loop *loop = state->loop;
    state->link = (struct watched){RELAY_SOURCE_LINK, loop->link};
    state->pool = (struct watched){RELAY_SOURCE_POOL, relay_pool_descriptor(state->shared->pool)};
    bool good = watch(state, &state->link) && watch(state, &state->pool);
    for (size_t i = 0; i < RELAY_LISTENERS; i++) {
        state->listeners[i] = (struct watched){RELAY_SOURCE_LISTENER, loop->listeners[i]};
        good = good && watch(state, &state->listeners[i]);
    }
    return good;
}

void relay_loop_run(const struct relay_loop *loop)
{
    struct epoll_event events[EVENTS];
    static struct state state;
    state = (struct state){.loop = loop, .shared = loop->shared, .now_ms = clock_ms()};
    state.aheads = (struct relay_aheads){.loop = loop->shared->loop, .link = loop->link};
    uint64_t ticked = state.now_ms;
    bool good = start(&state);
    while (good && !is_over(&state)) {
        int count = epoll_wait(loop->shared->loop, events, EVENTS, TICK_MS);
        state.now_ms = clock_ms();
        for (int i = 0; i < count; i++) {
            handle(&state, events[i].data.ptr);
        }
        good = count >= 0 || errno == EINTR;
        bool tick = state.now_ms - ticked >= TICK_MS;
        ticked = tick ? state.now_ms : ticked;
        clean_up(&state, tick);
    }
    relay_claims_free(&state.claims);
}
