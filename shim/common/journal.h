/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes to the system's journal by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), one
 * datagram for each entry. Not by libsystemd, which would bring its own compression and
 * cryptography into every program.
 */
#ifndef SHIM_COMMON_JOURNAL_H
#define SHIM_COMMON_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* The value of ECHSHIM_REPORT. To name a file so, write ./journald. */
#define SHIM_REPORT_TO_JOURNAL "journald"
#define SHIM_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* libc's own functions. By linkage we would call the stub's hooks. */
struct shim_journal_calls {
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    ssize_t (*write)(int fd, const void *data, size_t length);
};

/*
 * Sends an entry to the socket of that path; an entry too large for a datagram as a sealed memfd.
 * Never waits, never raises SIGPIPE, and leaves no descriptor; async-signal-safe on Linux. False
 * with errno: ENOENT or ECONNREFUSED if there is no listener, EAGAIN if it is behind.
 */
bool shim_journal_send(const char *path, const struct shim_journal_calls *real, const void *entry,
                       size_t length);

#endif
