/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the oldest supported C library (that of Debian 11) does not declare. The TLS libraries are
 * in compat_tls.h. These two files are the only ones that know of older releases when they are
 * compiled. Which functions a library has, the shim finds out when a program runs, by what that
 * library exports.
 */
#ifndef SHIM_COMMON_COMPAT_H
#define SHIM_COMMON_COMPAT_H

#include <sys/socket.h>
#include <sys/syscall.h>

/* glibc 2.34. Earlier releases do not have the function either.
 * NOLINTNEXTLINE(readability-redundant-declaration) */
int execveat(int folder, const char *path, char *const argv[], char *const environment[],
             int flags);

/* glibc 2.34; Linux 5.9. Every architecture that the shim knows numbers it so. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* glibc 2.35; Linux 5.14. */
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SOCK_SNDBUF_LOCK
#define SOCK_SNDBUF_LOCK 1
#define SOCK_RCVBUF_LOCK 2
#endif

#endif
