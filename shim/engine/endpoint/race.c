/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/endpoint/race.h"

#include <errno.h>

#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/sockets/socket_copy.h"
#include "shim/engine/state/state.h"

/* The attempts of a race. A descriptor is -1 where there is none. */
struct running {
    const struct shim_race *race;
    struct pollfd attempts[SHIM_HOPS_MAX];
    size_t begun;
    size_t alive;
    int failure; /* errno of the attempt that failed last */
    uint64_t deadline_us;
    uint64_t next_us; /* when the next attempt begins */
};

static uint64_t now_us(void)
{
    return shim_state()->io->now_us();
}

/* Begins the next attempt. True: it is connected. Else it is being made, or has failed. */
static bool begin(struct running *running)
{
    size_t place = running->begun++;
    const struct shim_hop *hop = &running->race->hops[place];
    struct sockaddr_storage to;
    socklen_t length = shim_address_write(&hop->address, hop->port, &to);
    int fd = shim_socket_to(running->race->like, (const struct sockaddr *)&to);
    running->attempts[place] = (struct pollfd){.fd = fd, .events = POLLOUT};
    running->next_us = now_us() + SHIM_RACE_DELAY_MS * UINT64_C(1000);
    if (fd >= 0 && shim_own_connect(fd, (const struct sockaddr *)&to, length) == 0) {
        return true;
    }
    if (fd >= 0 && errno == EINPROGRESS) {
        running->alive++;
        return !running->race->wait && running->race->count == 1;
    }
    running->failure = errno;
    running->next_us = 0;
    if (fd >= 0) {
        (void)shim_own_close(fd);
        running->attempts[place].fd = -1;
    }
    return false;
}

/* Gives the place of the first attempt that is connected, or `begun` if none is. */
static size_t look(struct running *running)
{
    for (size_t i = 0; i < running->begun; i++) {
        struct pollfd *attempt = &running->attempts[i];
        int failure = 0;
        socklen_t length = sizeof failure;
        if (attempt->fd < 0 || attempt->revents == 0) {
            continue;
        }
        if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 && failure == 0) {
            return i;
        }
        running->failure = failure;
        running->alive--;
        running->next_us = 0;
        (void)shim_own_close(attempt->fd);
        attempt->fd = -1;
    }
    return running->begun;
}

/* Waits until an attempt has news or the next is due. False: there is nothing left to wait for. */
static bool wait_for_news(struct running *running)
{
    uint64_t now = now_us();
    bool more = running->begun < running->race->count;
    uint64_t until =
        more && running->next_us < running->deadline_us ? running->next_us : running->deadline_us;
    if (running->alive == 0 || now >= running->deadline_us) {
        running->failure = running->alive > 0 ? ETIMEDOUT : running->failure;
        return more && running->alive == 0 && now < running->deadline_us;
    }
    int timeout = now < until ? (int)((until - now + 999) / 1000) : 0;
    for (size_t i = 0; i < running->begun; i++) {
        running->attempts[i].revents = 0;
    }
    return shim_own_poll(running->attempts, running->begun, timeout) >= 0 || errno == EINTR;
}

static size_t run(struct running *running, bool *in_place)
{
    const struct shim_race *race = running->race;
    for (;;) {
        while (running->begun < race->count &&
               (running->alive == 0 || now_us() >= running->next_us)) {
            if (race->hops[running->begun].in_place) {
                *in_place = true;
                return running->begun;
            }
            if (begin(running)) {
                return running->begun - 1;
            }
        }
        if (!wait_for_news(running)) {
            return race->count;
        }
        size_t winner = look(running);
        if (winner < running->begun) {
            return winner;
        }
    }
}

int shim_race_run(const struct shim_race *race, size_t *winner)
{
    int saved = errno;
    bool in_place = false;
    struct running running = {
        .race = race,
        .failure = EHOSTUNREACH,
        .deadline_us = now_us() + (uint64_t)race->timeout_ms * 1000,
    };
    *winner = run(&running, &in_place);
    int fd = SHIM_RACE_LOST;
    for (size_t i = 0; i < running.begun; i++) {
        if (i == *winner && !in_place) {
            fd = running.attempts[i].fd;
        } else if (running.attempts[i].fd >= 0) {
            (void)shim_own_close(running.attempts[i].fd);
        }
    }
    fd = in_place ? SHIM_RACE_IN_PLACE : fd;
    errno = fd == SHIM_RACE_LOST ? running.failure : saved;
    return fd;
}
