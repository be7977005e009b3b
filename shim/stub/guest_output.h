/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes the lines of a report or a log from within the program, by path or by a descriptor of the
 * program. A line never blocks the program, never raises a signal in it, and never gets into a
 * descriptor that has become another file. A line that cannot be written at once is dropped and
 * counted. Async-signal-safe: no lock, no memory.
 *
 * The system calls of one line, all of which ordinary programs make themselves:
 *   always      rt_sigprocmask (twice), writev or, for sockets, sendmsg, close
 *   path        openat
 *   descriptor  fcntl, newfstatat; for pipes and terminals openat of /proc/self/fd, else poll
 *   failures    rt_sigpending, rt_sigtimedwait, lseek, newfstatat, ftruncate
 */
#ifndef SHIM_STUB_GUEST_OUTPUT_H
#define SHIM_STUB_GUEST_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Where lines go. The first four are constant once lines are written. */
struct shim_output {
    const char *path; /* borrowed; NULL: to the descriptor */
    int fd;           /* -1 with path NULL: nowhere */
    bool known;       /* the file behind the descriptor is known, and stands here */
    struct shim_output_identity {
        dev_t device;
        ino_t inode;
        mode_t type;
    } identity;
    atomic_bool cut;   /* a line was written in part, so the next write begins with a newline */
    atomic_ulong lost; /* lines that could not be written, or not whole */
};

#define SHIM_OUTPUT_NOWHERE                                                                        \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/* libc's own functions. By linkage we would call the stub's hooks. */
struct shim_output_calls {
    ssize_t (*writev)(int fd, const struct iovec *parts, int count);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
};

enum { SHIM_OUTPUT_PARTS = 15 };

/* Notes which file, pipe or socket the descriptor is now. From then on lines go only there. */
void shim_output_to_descriptor(struct shim_output *output, int fd);

/*
 * Writes one line, given in at most SHIM_OUTPUT_PARTS parts, by one call. A file is opened for each
 * line: made with mode 0600, for appending, never through a symbolic link. Lines for pipes may have
 * PIPE_BUF octets: longer ones would mix with those of others. False with errno if it was not
 * written; it is counted then. `output` that leads nowhere: EBADF, and not counted.
 */
bool shim_output_line(struct shim_output *output, const struct shim_output_calls *real,
                      const struct iovec *parts, int count);

#endif
