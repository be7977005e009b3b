/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/socket_identity.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Cookies count sockets, so none has these bits. A number of an inode must not look like a cookie,
 * nor that of a file like that of a socket. */
#define OF_SOCKET (UINT64_C(1) << 62)
#define OF_FILE (UINT64_C(1) << 61)

uint64_t shim_socket_identity(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    struct stat status;
    bool known = getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0;
    if (known && cookie != 0) {
        return cookie;
    }
    /* For what is no socket, and for a kernel without cookies. An inode number may come again, but
     * not while it is in use. */
    if ((!known && errno == EBADF) || fstat(fd, &status) != 0) {
        return SHIM_SOCKET_UNKNOWN;
    }
    uint64_t mark = S_ISSOCK(status.st_mode) ? OF_SOCKET : OF_FILE;
    return mark | ((uint64_t)status.st_ino & (OF_FILE - 1));
}
