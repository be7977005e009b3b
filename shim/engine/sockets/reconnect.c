/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/sockets/reconnect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim/common/socket_identity.h"
#include "shim/engine/sockets/epoll_copy.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/sockets/socket_copy.h"
#include "shim/engine/state/state.h"

const char *shim_reconnect_name(enum shim_reconnect_result result)
{
    switch (result) {
    case SHIM_RECONNECT_DONE:
        return "done";
    case SHIM_RECONNECT_NO_WAY:
        return "no_descriptor";
    case SHIM_RECONNECT_SHARED:
        return "descriptor_shared";
    case SHIM_RECONNECT_USED:
        return "connection_used";
    case SHIM_RECONNECT_FAILED:
        return "connect_failed";
    }
    return "unknown";
}

/* Has this process another descriptor of the same socket? dup2 over one of them would part the two.
 * */
static bool shared_within_process(int fd)
{
    struct stat own;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL || fstat(fd, &own) != 0) {
        if (folder != NULL) {
            (void)closedir(folder);
        }
        return true; /* cannot be known, so do not try */
    }
    bool shared = false;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat other;
        int number = shim_descriptor_named(entry->d_name);
        if (number >= 0 && number != fd && number != dirfd(folder) && fstat(number, &other) == 0 &&
            other.st_dev == own.st_dev && other.st_ino == own.st_ino) {
            shared = true;
            break;
        }
    }
    (void)closedir(folder);
    return shared;
}

/* How many octets the application's connection has carried to the peer, each counted once. */
static bool octets_sent(int fd, uint64_t *sent)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans) {
        return false;
    }
    *sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
    return true;
}

/* The application may have closed the failed connection and opened another with its number. */
static bool is_still(const struct shim_old_connection *old)
{
    return old->socket != SHIM_SOCKET_UNKNOWN && shim_socket_identity(old->fd) == old->socket;
}

enum shim_reconnect_result shim_reconnect_check(struct shim_old_connection *old, uint64_t sent)
{
    int fd = old->fd;
    int type = 0;
    socklen_t length = sizeof type;
    uint64_t counted;
    int saved = errno;
    enum shim_reconnect_result result = SHIM_RECONNECT_DONE;
    old->peer_length = sizeof old->peer;
    if (getpeername(fd, (struct sockaddr *)&old->peer, &old->peer_length) != 0) {
        old->peer_length = 0;
    }
    if (fd < 0 || !is_still(old) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
        type != SOCK_STREAM || !octets_sent(fd, &counted)) {
        old->peer_length = 0; /* no connection that we could make again */
        result = SHIM_RECONNECT_NO_WAY;
    } else if (counted > sent) {
        result = SHIM_RECONNECT_USED;
    } else if (shared_within_process(fd)) {
        result = SHIM_RECONNECT_SHARED;
    }
    errno = saved;
    return result;
}

void shim_reconnect_end(const struct shim_old_connection *old)
{
    int saved = errno;
    (void)shutdown(old->fd, SHUT_WR);
    errno = saved;
}

/* Waits for a connection that is being made; 0 or an errno. */
static int wait_connected(int fd, unsigned timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int ready;
    do {
        ready = shim_own_poll(&wait, 1, (int)timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return ready == 0 ? ETIMEDOUT : errno;
    }
    int failure = 0;
    socklen_t length = sizeof failure;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 ? failure : errno;
}

unsigned shim_reconnect_bound(int fd, unsigned timeout_ms)
{
    struct timeval own = {0};
    socklen_t length = sizeof own;
    if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &own, &length) == 0 &&
        (own.tv_sec != 0 || own.tv_usec != 0)) {
        unsigned long milliseconds =
            (unsigned long)own.tv_sec * 1000 + (unsigned long)own.tv_usec / 1000;
        return milliseconds < timeout_ms ? (unsigned)milliseconds : timeout_ms;
    }
    return timeout_ms;
}

/* Gives the new socket, connected or connecting; -1 with errno. */
static int connect_again(const struct shim_old_connection *old, int flags, unsigned timeout_ms)
{
    if (old->peer_length == 0) {
        errno = ENOTCONN;
        return -1;
    }
    int fresh = shim_socket_like(old->fd);
    if (fresh < 0) {
        return -1;
    }
    int failure = 0;
    if (shim_own_connect(fresh, (const struct sockaddr *)&old->peer, old->peer_length) != 0) {
        failure = errno;
    }
    if (failure == EINPROGRESS || failure == EINTR) {
        failure = (flags & O_NONBLOCK) != 0
                      ? 0
                      : wait_connected(fresh, shim_reconnect_bound(old->fd, timeout_ms));
    }
    if (failure != 0) {
        (void)shim_own_close(fresh);
        errno = failure;
        return -1;
    }
    return fresh;
}

int shim_connect_like(const struct shim_old_connection *old, unsigned timeout_ms)
{
    return connect_again(old, 0, timeout_ms);
}

bool shim_reconnect_used(int fd)
{
    uint64_t sent = 0;
    int saved = errno;
    bool used = fd >= 0 && octets_sent(fd, &sent) && sent > 0;
    errno = saved;
    return used;
}

enum shim_reconnect_result shim_reconnect_put(const struct shim_old_connection *old, int fresh)
{
    int fd = old->fd;
    int saved = errno;
    int status_flags = fcntl(fd, F_GETFL);
    int descriptor_flags = fcntl(fd, F_GETFD);
    bool same = is_still(old) && status_flags >= 0 && descriptor_flags >= 0;
    struct epoll_registrations registrations = {0};
    if (same) {
        shim_epoll_take(fd, &registrations);
    }
    int close_on_exec = (descriptor_flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0;
    bool replaced = same && fcntl(fresh, F_SETFL, status_flags) == 0 &&
                    shim_own_put_over(fresh, fd, close_on_exec) == 0;
    int failure = errno;
    shim_epoll_restore(fd, &registrations);
    (void)shim_own_close(fresh);
    errno = replaced ? saved : failure;
    if (!same) {
        return SHIM_RECONNECT_NO_WAY;
    }
    return replaced ? SHIM_RECONNECT_DONE : SHIM_RECONNECT_FAILED;
}

enum shim_reconnect_result shim_reconnect(const struct shim_old_connection *old,
                                          unsigned timeout_ms)
{
    int saved = errno;
    int status_flags = fcntl(old->fd, F_GETFL);
    if (status_flags < 0 || !is_still(old)) {
        errno = saved;
        return SHIM_RECONNECT_NO_WAY;
    }
    int fresh = connect_again(old, status_flags, timeout_ms);
    /* Connecting took time, so shim_reconnect_put checks again that the descriptor is still the
     * same. */
    return fresh >= 0 ? shim_reconnect_put(old, fresh) : SHIM_RECONNECT_FAILED;
}
