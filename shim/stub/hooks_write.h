/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the hooks on writing share, and names of libc that no header declares. */
#ifndef SHIM_STUB_HOOKS_WRITE_H
#define SHIM_STUB_HOOKS_WRITE_H

#include <errno.h>

#include "shim/stub/direct.h"
#include "shim/stub/guard.h"

SHIM_EXPORT ssize_t __write(int fd, const void *data, size_t length);
SHIM_EXPORT ssize_t __send(int fd, const void *data, size_t length, int flags);
SHIM_EXPORT int __connect(int fd, const struct sockaddr *address, socklen_t length);

#define REAL_OR_FAIL(name)                                                                         \
    __typeof__(&name) real = (__typeof__(&name))stub_libc(SHIM_HOOK_##name);                       \
    if (real == NULL) {                                                                            \
        errno = ENOSYS;                                                                            \
        return -1;                                                                                 \
    }

/* Fails if this libc has no such function. */
#define MUST_BE_THERE(real)                                                                        \
    if ((real) == NULL) {                                                                          \
        errno = ENOSYS;                                                                            \
        return -1;                                                                                 \
    }

/* Makes the real call, if the guard allows it. */
#define GUARDED(attempt, call)                                                                     \
    if (!stub_guard_allows(attempt)) {                                                             \
        return -1;                                                                                 \
    }                                                                                              \
    ssize_t result = (call);                                                                       \
    stub_guard_sent(attempt, result);                                                              \
    return result

#endif
