/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes where the program's connections lead. */
#include <errno.h>
#include <sys/socket.h>

#include "shim/common/address.h"
#include "shim/stub/guard.h"
#include "shim/stub/hooks_write.h"
#include "shim/stub/library.h"
#include "shim/stub/locked.h"
#include "shim/stub/supervised.h"

/* The program has time now, until the connection is there: the engine may prepare the hello. */
static void tell_engine(const struct sockaddr *address, socklen_t length)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL && length >= sizeof address->sa_family &&
        stub_port_watched(shim_address_port(address)) && !stub_locked()) {
        engine->connecting(address, length);
    }
}

static int on_connect(__typeof__(&connect) real, const void *caller, int fd,
                      const struct sockaddr *address, socklen_t length)
{
    MUST_BE_THERE(real);
    uint64_t socket;
    bool noted = stub_connection_begins(fd, &socket);
    bool led = stub_leads_caller((const void *)real, caller);
    int result =
        led ? stub_lead_connect(fd, address, length) : stub_pass_connect(real, fd, address, length);
    if (noted && (result == 0 || errno == EINPROGRESS || errno == EINTR)) {
        struct sockaddr_storage relay;
        socklen_t relay_length = led || !stub_has_pass() ? stub_led_to(fd, &relay) : 0;
        stub_connection_begun(fd, socket,
                              relay_length > 0 ? (const struct sockaddr *)&relay : address,
                              relay_length > 0 ? relay_length : length);
        if (result != 0 && errno == EINPROGRESS && relay_length == 0) {
            tell_engine(address, length);
        }
    }
    return result;
}

/* Not by STUB_HOOK: the caller counts. */
SHIM_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return on_connect((__typeof__(&connect))stub_libc(SHIM_HOOK_connect), CALLER, fd, address,
                      length);
}

int stub_direct_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return on_connect((__typeof__(&connect))stub_libc_own(SHIM_HOOK_connect), CALLER, fd, address,
                      length);
}
