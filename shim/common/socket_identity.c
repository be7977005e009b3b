/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/socket_identity.h"

#include <sys/socket.h>
#include <sys/stat.h>

uint64_t shim_socket_identity(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    struct stat status;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 && cookie != 0) {
        return cookie;
    }
    /* For a kernel without cookies. An inode number may come again, but not while it is in use. */
    return fstat(fd, &status) == 0 && status.st_ino != 0 ? (uint64_t)status.st_ino
                                                         : SHIM_SOCKET_UNKNOWN;
}
