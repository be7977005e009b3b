/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes where the program's connections lead. */
#include <errno.h>
#include <sys/socket.h>

#include "shim/stub/hooks_write.h"
#include "shim/stub/supervised.h"

static int on_connect(__typeof__(&connect) real, int fd, const struct sockaddr *address,
                      socklen_t length)
{
    MUST_BE_THERE(real);
    uint64_t socket;
    bool noted = stub_connection_begins(fd, &socket);
    int result = stub_pass_connect(real, fd, address, length);
    if (noted && (result == 0 || errno == EINPROGRESS || errno == EINTR)) {
        struct sockaddr_storage relay;
        socklen_t relay_length = stub_led_to(fd, &relay);
        stub_connection_begun(fd, socket,
                              relay_length > 0 ? (const struct sockaddr *)&relay : address,
                              relay_length > 0 ? relay_length : length);
    }
    return result;
}

STUB_HOOK(int, connect, (int fd, const struct sockaddr *address, socklen_t length), fd, address,
          length)
