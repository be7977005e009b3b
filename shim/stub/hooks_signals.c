/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions that set a signal handler. They tell that there is one, before it is set
 * (shim/common/handlers.h), and change nothing. There is no hook on sigset: a library may have a
 * variable of that name, and a preload would take its place.
 */
#include <errno.h>
#include <signal.h>

#include "shim/stub/direct.h"
#include "shim/stub/handlers.h"

static bool is_handler(sighandler_t handler)
{
    return handler != SIG_DFL && handler != SIG_IGN && handler != SIG_ERR && handler != SIG_HOLD;
}

static int on_sigaction(__typeof__(&sigaction) real, int number, const struct sigaction *action,
                        struct sigaction *before)
{
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    if (action != NULL && is_handler(action->sa_handler)) {
        if ((action->sa_flags & SA_NODEFER) != 0) {
            stub_handler_undeferred();
        }
        stub_handler_comes(number);
    }
    return real(number, action, before);
}

#define on___sigaction on_sigaction

STUB_HOOK(int, sigaction, (int number, const struct sigaction *action, struct sigaction *before),
          number, action, before)
STUB_HOOK(int, __sigaction, (int number, const struct sigaction *action, struct sigaction *before),
          number, action, before)

static sighandler_t set_by(__typeof__(&signal) real, int number, sighandler_t handler)
{
    if (real == NULL) {
        errno = ENOSYS;
        return SIG_ERR;
    }
    if (is_handler(handler)) {
        stub_handler_comes(number);
    }
    return real(number, handler);
}

/* A handler that these set is not deferred (SA_NODEFER). */
static sighandler_t set_as_system_v(__typeof__(&signal) real, int number, sighandler_t handler)
{
    if (is_handler(handler)) {
        stub_handler_undeferred();
    }
    return set_by(real, number, handler);
}

#define on_signal set_by
#define on_ssignal set_by
#define on_bsd_signal set_by
#define on_sysv_signal set_as_system_v
#define on___sysv_signal set_as_system_v

STUB_HOOK(sighandler_t, signal, (int number, sighandler_t handler), number, handler)
STUB_HOOK(sighandler_t, ssignal, (int number, sighandler_t handler), number, handler)
STUB_HOOK(sighandler_t, bsd_signal, (int number, sighandler_t handler), number, handler)
STUB_HOOK(sighandler_t, sysv_signal, (int number, sighandler_t handler), number, handler)
STUB_HOOK(sighandler_t, __sysv_signal, (int number, sighandler_t handler), number, handler)
