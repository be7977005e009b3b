/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the oldest supported releases do not declare, and only tests use. Include it last. */
#ifndef TESTS_COMPAT_H
#define TESTS_COMPAT_H

#include <limits.h>
#include <malloc.h>

#include "../shim/common/compat.h"

/* Weak, so that a program can be linked with a glibc before 2.34. It finds the shim's function, or
 * NULL. */
extern __typeof__(execveat) execveat __attribute__((weak));

/* The function and its structure: glibc 2.33. */
#if !__GLIBC_PREREQ(2, 33)
#define mallinfo2 mallinfo
#endif

/* glibc 2.33; Linux 5.6. */
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Linux 5.11. */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

#endif
