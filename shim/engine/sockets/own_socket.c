/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/sockets/own_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/common/socket_identity.h"
#include "shim/engine/base/section.h"
#include "shim/engine/state/state.h"

/*
 * Ours start at 32: programs count on getting a low number back when they close a descriptor and
 * open another. Not above 63: a process begins with a table of 64, and if threads share it, growing
 * it waits in the kernel until every CPU has been elsewhere (16 ms were seen).
 */
enum { HIGH = 32 };

/* By number, in segments that are made on demand and never freed. */
enum { SEGMENT = 512, SEGMENTS = 8192 };

/* An entry belongs to the thread that opened the socket. */
struct own {
    atomic_bool taken;
    _Atomic pid_t process; /* a child made without pthread_atfork (vfork, clone) inherits a copy of
                              the table */
    _Atomic uint64_t socket;
};

static struct own first[SEGMENT];
static struct own *_Atomic segments[SEGMENTS] = {first};

/* The entry of a number. NULL: there is none or, with `make`, no memory for one. */
static struct own *place_of(int fd, bool make)
{
    size_t segment = fd >= 0 ? (size_t)fd / SEGMENT : SEGMENTS;
    if (segment >= SEGMENTS) {
        return NULL;
    }
    struct own *owns = atomic_load_explicit(&segments[segment], memory_order_acquire);
    if (owns == NULL && make) {
        struct own *fresh = calloc(SEGMENT, sizeof *fresh);
        if (fresh != NULL && atomic_compare_exchange_strong(&segments[segment], &owns, fresh)) {
            owns = fresh;
        } else {
            free(fresh);
        }
    }
    return owns != NULL ? &owns[(size_t)fd % SEGMENT] : NULL;
}

static struct own *find(int fd)
{
    struct own *own = place_of(fd, false);
    return own != NULL && atomic_load_explicit(&own->taken, memory_order_acquire) ? own : NULL;
}

static bool is_same(const struct own *own, int fd)
{
    return own != NULL && shim_socket_identity(fd) == atomic_load(&own->socket);
}

/* errno is EBADF if the descriptor is no longer ours. */
static bool is_ours(int fd)
{
    int saved = errno;
    const struct own *own = find(fd);
    bool ours = is_same(own, fd) && atomic_load(&own->process) == getpid();
    errno = ours ? saved : EBADF;
    return ours;
}

/* An old entry of the same number is of a socket that the program closed. */
static bool note(int fd)
{
    struct own *own = place_of(fd, true);
    if (own == NULL) {
        return false;
    }
    atomic_store(&own->socket, shim_socket_identity(fd));
    atomic_store(&own->process, getpid());
    atomic_store_explicit(&own->taken, true, memory_order_release);
    return true;
}

/* A preload that turns sockets into something else (socket_wrapper) need not know every way to
 * duplicate one. */
static bool has_domain(int fd, int domain)
{
    int found = -1;
    socklen_t length = sizeof found;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &found, &length) == 0 && found == domain;
}

int shim_own_socket(int domain, int type, int protocol)
{
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        return -1;
    }
    int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
    if (high >= 0 && !has_domain(high, domain)) {
        (void)close(high);
    } else if (high >= 0) {
        (void)close(fd);
        fd = high;
    }
    if (!note(fd)) {
        (void)close(fd);
        errno = EMFILE;
        return -1;
    }
    return fd;
}

int shim_own_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return is_ours(fd) ? shim_state()->stub->connect(fd, address, length) : -1;
}

int shim_own_connect_resolver(int fd, const struct sockaddr *address, socklen_t length)
{
    uint64_t socket = 0;
    if (!is_ours(fd)) {
        return -1;
    }
    int result = shim_state()->stub->connect_led(fd, address, length, &socket);
    int saved = errno;
    struct own *own = find(fd);
    if (socket != 0 && own != NULL) {
        static const int on = 1;
        atomic_store(&own->socket, socket);
        if (is_ours(fd)) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* as the first one */
        }
    }
    errno = saved;
    return result;
}

/* MSG_DONTWAIT: the call must not wait if another socket took this number after the check. */
ssize_t shim_own_send(int fd, const void *data, size_t length, int flags)
{
    return is_ours(fd) ? shim_state()->stub->send(fd, data, length, flags | MSG_DONTWAIT) : -1;
}

ssize_t shim_own_recv(int fd, void *out, size_t size, int flags)
{
    return is_ours(fd) ? recv(fd, out, size, flags | MSG_DONTWAIT) : -1;
}

int shim_own_poll(struct pollfd *wait, nfds_t count, int milliseconds)
{
    for (nfds_t i = 0; i < count; i++) {
        if (wait[i].fd >= 0 && !is_ours(wait[i].fd)) {
            return -1;
        }
    }
    return shim_section_poll(wait, count, milliseconds);
}

int shim_own_put_over(int fd, int over, int flags)
{
    int result;
    do {
        /* EBUSY: another thread is opening a descriptor of that number at this moment (dup(2)). */
        result = is_ours(fd) ? dup3(fd, over, flags) : -1;
    } while (result < 0 && (errno == EINTR || errno == EBUSY));
    return result < 0 ? -1 : 0;
}

int shim_own_close(int fd)
{
    struct own *own = find(fd);
    int result = -1;
    if (own == NULL) {
        errno = EBADF;
        return -1;
    }
    bool ours = is_same(own, fd);
    atomic_store_explicit(&own->taken, false, memory_order_release);
    errno = EBADF;
    if (ours) {
        result = close(fd);
    }
    return result;
}

void shim_own_sockets_leave(void)
{
    int saved = errno;
    for (size_t segment = 0; segment < SEGMENTS; segment++) {
        const struct own *owns = atomic_load(&segments[segment]);
        for (size_t i = 0; owns != NULL && i < SEGMENT; i++) {
            if (atomic_load(&owns[i].taken)) {
                (void)shim_own_close((int)(segment * SEGMENT + i));
            }
        }
    }
    errno = saved;
}
