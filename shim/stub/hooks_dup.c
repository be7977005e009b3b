/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dup2, for our own connections alone. Another preload may lead a connection through a proxy and
 * put the socket of that one under the descriptor that it was asked to connect (proxychains). A
 * program may reuse the number of our descriptor at the same moment, and what then lies there is
 * not ours. The kernel does not tell the two apart. But the preload calls dup2 in the thread that
 * connects, while that thread is in its `connect` and holds back the program's signals: no code of
 * the program runs there.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shim/common/socket_identity.h"
#include "shim/stub/hooks_write.h"

/* Our connection that another preload is making in this thread. */
struct led {
    bool on;
    int fd;
    uint64_t socket; /* what was put under the descriptor; 0: nothing */
};
static __thread struct led led __attribute__((tls_model("initial-exec")));

void stub_led_begin(int fd)
{
    led = (struct led){.on = true, .fd = fd};
}

uint64_t stub_led_end(void)
{
    led.on = false;
    return led.socket;
}

SHIM_EXPORT int dup2(int from, int to)
{
    __typeof__(&dup2) real = (__typeof__(&dup2))stub_libc(SHIM_HOOK_dup2);
    MUST_BE_THERE(real);
    if (!led.on || to != led.fd || from == to) {
        return real(from, to);
    }
    /* Ours never pass to the programs that this one starts. */
    int result = dup3(from, to, O_CLOEXEC);
    if (result >= 0) {
        led.socket = shim_socket_identity(to);
    }
    return result;
}
