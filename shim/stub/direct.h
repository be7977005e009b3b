/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hooks in two forms. The exported one leads on to the next function of its name, which may be
 * another preload's. The direct one does the same work and leads on to libc's own: dlsym hands it
 * out to whoever asks libc's handle, so that another preload, or what belongs to one, never comes
 * back to itself.
 */
#ifndef SHIM_STUB_DIRECT_H
#define SHIM_STUB_DIRECT_H

#include <fcntl.h>
#include <netdb.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/stub/stub.h"

/* on_NAME(real, ...) is the work; `real` may be NULL. */
#define STUB_HOOK(type, name, parameters, ...)                                                     \
    SHIM_EXPORT type name parameters                                                               \
    {                                                                                              \
        return on_##name((__typeof__(&name))stub_libc(SHIM_HOOK_##name), __VA_ARGS__);             \
    }                                                                                              \
    type stub_direct_##name parameters                                                             \
    {                                                                                              \
        return on_##name((__typeof__(&name))stub_libc_own(SHIM_HOOK_##name), __VA_ARGS__);         \
    }

/* All that have a direct form. */
#define STUB_DIRECT_HOOKS(X)                                                                       \
    X(connect)                                                                                     \
    X(write)                                                                                       \
    X(writev)                                                                                      \
    X(send)                                                                                        \
    X(sendto)                                                                                      \
    X(sendmsg)                                                                                     \
    X(sendmmsg)                                                                                    \
    X(pwritev2)                                                                                    \
    X(pwritev64v2)                                                                                 \
    X(sendfile)                                                                                    \
    X(sendfile64)                                                                                  \
    X(splice)                                                                                      \
    X(getaddrinfo)                                                                                 \
    X(getaddrinfo_a)                                                                               \
    X(gethostbyname)                                                                               \
    X(gethostbyname2)                                                                              \
    X(gethostbyname_r)                                                                             \
    X(gethostbyname2_r)

#define STUB_DECLARE_DIRECT(name) __typeof__(name) stub_direct_##name;
STUB_DIRECT_HOOKS(STUB_DECLARE_DIRECT)
#undef STUB_DECLARE_DIRECT

#endif
