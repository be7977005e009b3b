/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hooks in two forms. Both do the same work. The exported form then calls the next function of its
 * name, which may be another preload's. The direct form calls libc's own. If a library asks libc's
 * handle for the function, our dlsym gives it the direct form. So another preload never gets back
 * to itself.
 */
#ifndef SHIM_STUB_DIRECT_H
#define SHIM_STUB_DIRECT_H

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
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

/* The C library has these, and declares them no more or not for everybody. */
SHIM_EXPORT int __sigaction(int number, const struct sigaction *action, struct sigaction *before);
SHIM_EXPORT sighandler_t bsd_signal(int number, sighandler_t handler);

/* All hooks that have a direct form. */
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
    X(sigaction)                                                                                   \
    X(__sigaction)                                                                                 \
    X(signal)                                                                                      \
    X(ssignal)                                                                                     \
    X(bsd_signal)                                                                                  \
    X(sysv_signal)                                                                                 \
    X(__sysv_signal)                                                                               \
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
