/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/ahead.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tools/relay/claims.h"
#include "tools/relay/end.h"

struct relay_ahead {
    enum relay_source source; /* RELAY_SOURCE_AHEAD; the first member */
    struct relay_ahead *next;
    uint64_t number;
    int fd;      /* -1: it is over, or taken */
    bool known;  /* how it went */
    bool told;   /* the supervisor knows it too */
    int problem; /* 0: connected */
    uint64_t known_ms;
};

/* ---- connecting ---- */

int relay_dial(const struct sockaddr_storage *to)
{
    const int on = 1;
    socklen_t length =
        to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)to, length) != 0 && errno != EINPROGRESS) {
        int problem = errno;
        (void)close(fd);
        return -problem;
    }
    return fd;
}

int relay_dial_state(int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int problem = 0;
    socklen_t size = sizeof problem;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
        return -errno;
    }
    if (problem != 0) {
        return -problem;
    }
    return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 ? 1 : 0;
}

/* ---- one connection ---- */

/* If the link is full, the next tick tries again. */
static void tell(const struct relay_aheads *aheads, struct relay_ahead *ahead)
{
    const struct relay_connected said = {.number = ahead->number, .problem = ahead->problem};
    ahead->told =
        send(aheads->link, &said, sizeof said, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof said ||
        errno != EAGAIN;
}

static void stop_watching(const struct relay_aheads *aheads, const struct relay_ahead *ahead)
{
    (void)epoll_ctl(aheads->loop, EPOLL_CTL_DEL, ahead->fd, NULL);
}

static void know(const struct relay_aheads *aheads, struct relay_ahead *ahead, int problem,
                 uint64_t now_ms)
{
    ahead->known = true;
    ahead->problem = problem;
    ahead->known_ms = now_ms;
    if (problem != 0 && ahead->fd >= 0) {
        (void)close(ahead->fd);
        ahead->fd = -1;
    }
    tell(aheads, ahead);
}

void relay_ahead_begin(struct relay_aheads *aheads, const struct relay_claim *claim,
                       uint64_t now_ms)
{
    struct relay_ahead *ahead = malloc(sizeof *ahead);
    if (ahead == NULL) {
        const struct relay_connected said = {.number = claim->number, .problem = ENOMEM};
        (void)send(aheads->link, &said, sizeof said, MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    *ahead = (struct relay_ahead){
        .source = RELAY_SOURCE_AHEAD, .next = aheads->first, .number = claim->number, .fd = -1};
    aheads->first = ahead;
    int fd = relay_dial(&claim->destination);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = ahead};
    if (fd < 0) {
        know(aheads, ahead, -fd, now_ms);
        return;
    }
    ahead->fd = fd;
    if (epoll_ctl(aheads->loop, EPOLL_CTL_ADD, fd, &event) != 0) {
        know(aheads, ahead, ENOMEM, now_ms);
    }
}

void relay_ahead_go_on(struct relay_aheads *aheads, void *source, uint64_t now_ms)
{
    struct relay_ahead *ahead = source;
    int state = ahead->fd >= 0 && !ahead->known ? relay_dial_state(ahead->fd) : 0;
    if (state != 0) {
        stop_watching(aheads, ahead);
        know(aheads, ahead, state > 0 ? 0 : -state, now_ms);
    }
}

int relay_ahead_take(struct relay_aheads *aheads, uint64_t number)
{
    for (struct relay_ahead *ahead = aheads->first; ahead != NULL; ahead = ahead->next) {
        if (ahead->number == number && ahead->fd >= 0) {
            int fd = ahead->fd;
            if (!ahead->known) {
                stop_watching(aheads, ahead);
            }
            ahead->fd = -1;
            ahead->known = true;
            ahead->told = true;
            return fd;
        }
    }
    return -1;
}

void relay_ahead_tick(struct relay_aheads *aheads, uint64_t now_ms)
{
    struct relay_ahead **at = &aheads->first;
    while (*at != NULL) {
        struct relay_ahead *ahead = *at;
        if (ahead->known && !ahead->told) {
            tell(aheads, ahead);
        }
        if (ahead->fd >= 0 && ahead->known && now_ms - ahead->known_ms > RELAY_CLAIM_MS) {
            (void)close(ahead->fd);
            ahead->fd = -1;
        }
        if (ahead->fd < 0 && ahead->told) {
            *at = ahead->next;
            free(ahead);
        } else {
            at = &ahead->next;
        }
    }
}
