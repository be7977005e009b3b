/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another preloaded library, whose own hook finds the next one by RTLD_NEXT. */
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    static const char text[] = "connect was wrapped\n";
    __typeof__(&connect) next = (__typeof__(&connect))dlsym(RTLD_NEXT, "connect");
    if (next == NULL || next == connect || write(STDERR_FILENO, text, sizeof text - 1) < 0) {
        _exit(99);
    }
    return next(fd, address, length);
}
