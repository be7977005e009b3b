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

/* Signatures and errors are those of POSIX. Sockets are opened close-on-exec and non-blocking; one
 * that outlives a call is a struct dns_descriptor. */
struct dns_io {
    int (*socket)(int domain, int type, int protocol);
    int (*connect)(int fd, const struct sockaddr *address, socklen_t len);
    ssize_t (*send)(int fd, const void *data, size_t len, int flags);
    ssize_t (*recv)(int fd, void *data, size_t len, int flags);
    int (*poll)(struct pollfd *fds, nfds_t count, int timeout_ms);
    int (*close)(int fd);
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
    /* fcntl's F_DUPFD_CLOEXEC: a copy with the lowest free number that is not below `least`. */
    int (*duplicate)(int fd, int least);
    /* A monotonic clock, in microseconds. */
    uint64_t (*now_us)(void);
    /* Fills with unpredictable octets; false if there are none to be had. */
    bool (*random)(void *out, size_t len);
};

/* The libc of this program, for tests and tools. */
extern const struct dns_io dns_io_libc;

#endif
