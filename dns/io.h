/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system calls that a look-up needs, as a table. In a program under the shim connect, send and
 * the like are hooks, so the caller gives us the real functions.
 */
#ifndef DNS_IO_H
#define DNS_IO_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "ech/status.h"

/*
 * Signatures and errors are those of POSIX. Sockets are opened close-on-exec and non-blocking. A
 * pending look-up keeps its socket between calls. Meanwhile the program may fork, or close the
 * descriptor and reuse its number. So the engine's functions fail with EBADF for a socket that is
 * not ours any more or not this process's (shim/engine/sockets/own_socket.h).
 */
struct dns_io {
    int (*socket)(int domain, int type, int protocol);
    int (*connect)(int fd, const struct sockaddr *address, socklen_t len);
    ssize_t (*send)(int fd, const void *data, size_t len, int flags);
    ssize_t (*recv)(int fd, void *data, size_t len, int flags);
    /* ECANCELED: the caller has given up waiting; end at once. */
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    /* Waits while *word is `value`, for at most this time; it may return early. False: as
     * ECANCELED. */
    bool (*wait)(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_us);
    /* Wakes all who wait at a word. */
    void (*wake)(_Atomic uint32_t *word);
    int (*close)(int fd);
    /* A monotonic clock, in microseconds. It counts time in suspend, since answers expire then too.
     */
    uint64_t (*now_us)(void);
    /* Fills with unpredictable octets; false if there are none. */
    bool (*random)(void *out, size_t len);
};

/* The two that are the same for every caller. */
uint64_t dns_io_now_us(void);
ECH_MUST_USE bool dns_io_random(void *out, size_t len);

/* The C library's functions, by linkage: for tests and tools. */
extern const struct dns_io dns_io_libc;

#endif
