/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a look-up needs of the system, as a table: the process that hosts us interposes connect,
 * send and the like, so the caller brings the real ones.
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
 * Signatures and errors are those of POSIX. Sockets are opened close-on-exec and non-blocking. One
 * of a look-up under way outlives calls, in a process that may close every descriptor that it does
 * not know of and is given the number again, or forks: so who hosts us lets a call on a socket that
 * is no more what was opened, or is not of this process, fail with EBADF
 * (shim/engine/sockets/own_socket.h).
 */
struct dns_io {
    int (*socket)(int domain, int type, int protocol);
    int (*connect)(int fd, const struct sockaddr *address, socklen_t len);
    ssize_t (*send)(int fd, const void *data, size_t len, int flags);
    ssize_t (*recv)(int fd, void *data, size_t len, int flags);
    /* ECANCELED: nobody waits for what this is for any more; it is to come to an end at once. */
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    /* Waits while *word is `value`, so long at most, or less. False: as ECANCELED. */
    bool (*wait)(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_us);
    /* Wakes all who wait at a word. */
    void (*wake)(_Atomic uint32_t *word);
    int (*close)(int fd);
    /* A monotonic clock, in microseconds; time in suspend counts, for answers grow old in it. */
    uint64_t (*now_us)(void);
    /* Fills with unpredictable octets; false if there are none to be had. */
    bool (*random)(void *out, size_t len);
};

/* The two that are the same for everybody. */
uint64_t dns_io_now_us(void);
ECH_MUST_USE bool dns_io_random(void *out, size_t len);

/* The libc of this program, by linkage: for tests and tools. */
extern const struct dns_io dns_io_libc;

#endif
