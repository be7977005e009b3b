/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A private mount namespace, in which tests replace files of the machine with their own. */
#ifndef TESTS_OWN_MOUNTS_H
#define TESTS_OWN_MOUNTS_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* In a chroot "/" is a folder of a mount with its root further up, and only that mount can be made
 * private. A process with its root below its current folder may climb that far. */
static inline bool own_mounts_of_chroot(void)
{
    enum { LEVELS_MAX = 256 };
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int current = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool private = false;
    if (root >= 0 && current >= 0 && chdir("/") == 0 && chroot("etc") == 0) {
        for (int level = 0; level < LEVELS_MAX && !private && chdir("..") == 0; level++) {
            private = mount(NULL, ".", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        }
        private = fchdir(root) == 0 && chroot(".") == 0 && fchdir(current) == 0 && private;
    }
    if (root >= 0) {
        (void)close(root);
    }
    if (current >= 0) {
        (void)close(current);
    }
    return private;
}

/* Moves the calling thread, and what it starts, into the namespace. Mounts there are seen nowhere
 * else. False, with errno, where this is forbidden. */
static inline bool own_mounts(void)
{
    return unshare(CLONE_NEWNS) == 0 && (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ||
                                         (errno == EINVAL && own_mounts_of_chroot()));
}

/* Describes an errno of unshare(2). */
static inline const char *own_mounts_refusal(int number)
{
    return number == ENOSPC ? "there may be no more of them: /proc/sys/user" : strerror(number);
}

/* Whether a test that cannot have namespaces may be skipped: only in make check, which counts
 * skipped tests (tests/parts.sh). Otherwise it must fail, lest it be taken for passed. */
static inline bool own_mounts_may_be_left_out(const char *why)
{
    const char *name = getenv("ECHSHIM_TEST_LEFT_OUT");
    int fd = name != NULL ? open(name, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    bool noted = fd >= 0 && dprintf(fd, "%s\n", why) > 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return noted;
}

#endif
