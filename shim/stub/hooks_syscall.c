/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscall and prctl. Programs use syscall to bypass libc's other functions, and both to lock
 * themselves in (libseccomp does).
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/stub/handlers.h"
#include "shim/stub/hooks_write.h"
#include "shim/stub/locked.h"
#include "shim/stub/output.h"

/* ---- the program locks itself in ---- */

/* Sets the lock before the call, because afterwards no system call may be possible. Undoes it if
 * the call fails. */
#define LOCKING(call)                                                                              \
    bool before = atomic_exchange(&stub_locked_state, true);                                       \
    __typeof__(call) result = (call);                                                              \
    if (result < 0) {                                                                              \
        atomic_store(&stub_locked_state, before);                                                  \
    } else {                                                                                       \
        stub_output_stop();                                                                        \
    }                                                                                              \
    return result

SHIM_EXPORT int prctl(int option, ...)
{
    REAL_OR_FAIL(prctl)
    va_list list;
    va_start(list, option);
    unsigned long two = va_arg(list, unsigned long);
    unsigned long three = va_arg(list, unsigned long);
    unsigned long four = va_arg(list, unsigned long);
    unsigned long five = va_arg(list, unsigned long);
    va_end(list);
    if (option != PR_SET_SECCOMP) {
        return real(option, two, three, four, five);
    }
    LOCKING(real(option, two, three, four, five));
}

/* ---- syscall ---- */

/* libc's syscall with six arguments. The kernel does not look at those that the caller did not
 * give. */
typedef long raw_call(long number, long a, long b, long c, long d, long e, long f);

static const void *pointer(long value)
{
    return (const void *)(uintptr_t)value; /* NOLINT(performance-no-int-to-ptr) */
}

#define POINTER(type, value) ((type)(uintptr_t)pointer(value))

static long locking_call(raw_call *real, long number, long a, long b, long c, long d, long e)
{
    LOCKING(real(number, a, b, c, d, e, 0));
}

/* Is it a call that writes to a socket, connects one, locks the program in, or sets a signal
 * handler? These count like libc's own functions. */
static bool is_ours(long number)
{
    switch (number) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwritev2:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_sendfile:
    case SYS_splice:
#ifdef SYS_socketcall
    case SYS_socketcall:
#endif
        return !stub_guard_idle();
    case SYS_connect:
    case SYS_prctl:
    case SYS_seccomp:
    case SYS_io_uring_setup:
    case SYS_rt_sigaction:
#ifdef SYS_sigaction
    case SYS_sigaction:
#endif
#ifdef SYS_signal
    case SYS_signal:
#endif
        return true;
    default:
        return false;
    }
}

/* The hooked function of libc that makes this call; SHIM_HOOK_COUNT: none. */
static enum shim_hook function_of(long number)
{
    switch (number) {
    case SYS_write:
        return SHIM_HOOK_write;
    case SYS_writev:
        return SHIM_HOOK_writev;
    case SYS_pwritev2:
        return SHIM_HOOK_pwritev2;
    case SYS_sendto:
        return SHIM_HOOK_send;
    case SYS_sendmsg:
        return SHIM_HOOK_sendmsg;
    case SYS_sendmmsg:
        return SHIM_HOOK_sendmmsg;
    case SYS_sendfile:
        return SHIM_HOOK_sendfile;
    case SYS_splice:
        return SHIM_HOOK_splice;
    case SYS_connect:
        return SHIM_HOOK_connect;
    default:
        return SHIM_HOOK_COUNT;
    }
}

/*
 * Does the call come from another preload that our own function has called? The guard has judged
 * those octets already, and it never judges what the engine sends.
 */
static bool comes_from_us(long number, const void *caller)
{
    enum shim_hook function = function_of(number);
    const struct link_map *object = function != SHIM_HOOK_COUNT ? stub_object_at(caller) : NULL;
    return object != NULL && stub_calls_back(object, function);
}

#ifdef SYS_socketcall
/* socketcall(2): the single system call for sockets on older kernels. */
static long socket_call(raw_call *real, long call, const long *given)
{
    enum { SEND = 9, SENDTO = 11, SENDMSG = 16, SENDMMSG = 20, ARGUMENTS = 6 };
    static const unsigned char counts[SENDMMSG + 1] = {
        [SEND] = 4, [SENDTO] = ARGUMENTS, [SENDMSG] = 3, [SENDMMSG] = 4};
    size_t count = call > 0 && call <= SENDMMSG ? counts[call] : 0;
    if (count == 0 || !stub_can_read(given, count * sizeof *given)) {
        return real(SYS_socketcall, call, (long)given, 0, 0, 0, 0);
    }
    int fd = (int)given[0];
    switch (call) {
    case SEND:
        return stub_direct_send(fd, pointer(given[1]), (size_t)given[2], (int)given[3]);
    case SENDTO:
        return stub_direct_sendto(fd, pointer(given[1]), (size_t)given[2], (int)given[3],
                                  pointer(given[4]), (socklen_t)given[5]);
    case SENDMSG:
        return stub_direct_sendmsg(fd, pointer(given[1]), (int)given[2]);
    default:
        return stub_direct_sendmmsg(fd, POINTER(struct mmsghdr *, given[1]), (unsigned)given[2],
                                    (int)given[3]);
    }
}
#endif

static long call_of_ours(raw_call *real, long number, long a, long b, long c, long d, long e,
                         long f)
{
    int fd = (int)a;
    switch (number) {
    case SYS_write:
        return stub_direct_write(fd, pointer(b), (size_t)c);
    case SYS_writev:
        return stub_direct_writev(fd, pointer(b), (int)c);
    case SYS_pwritev2:
        /* The position in two words; -1 is -1 in both. */
        return d == -1 ? stub_direct_pwritev2(fd, pointer(b), (int)c, -1, (int)f)
                       : real(number, a, b, c, d, e, f);
    case SYS_sendto:
        return stub_direct_sendto(fd, pointer(b), (size_t)c, (int)d, pointer(e), (socklen_t)f);
    case SYS_sendmsg:
        return stub_direct_sendmsg(fd, pointer(b), (int)c);
    case SYS_connect:
        return stub_direct_connect(fd, pointer(b), (socklen_t)c);
    case SYS_sendmmsg:
        return stub_direct_sendmmsg(fd, POINTER(struct mmsghdr *, b), (unsigned)c, (int)d);
    case SYS_sendfile:
        return stub_direct_sendfile(fd, (int)b, POINTER(off_t *, c), (size_t)d);
    case SYS_splice:
        return stub_direct_splice(fd, POINTER(off64_t *, b), (int)c, POINTER(off64_t *, d),
                                  (size_t)e, (unsigned)f);
#ifdef SYS_socketcall
    case SYS_socketcall:
        return socket_call(real, a, POINTER(const long *, b));
#endif
    case SYS_prctl:
        return a == PR_SET_SECCOMP ? locking_call(real, number, a, b, c, d, e)
                                   : real(number, a, b, c, d, e, f);
    case SYS_seccomp:
        return a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER
                   ? locking_call(real, number, a, b, c, d, e)
                   : real(number, a, b, c, d, e, f);
    case SYS_rt_sigaction:
#ifdef SYS_sigaction
    case SYS_sigaction:
#endif
#ifdef SYS_signal
    case SYS_signal:
#endif
        if (b != 0) {
            stub_handler_undeferred();  /* b need not be readable: it may be so, */
            stub_handler_comes((int)a); /* and SIG_IGN counts too */
        }
        return real(number, a, b, c, d, e, f);
    default:
        break;
    }
    /* io_uring writes where no hook can look. Strict mode answers as a kernel without io_uring
     * does. */
    if (stub_strict_somewhere()) {
        errno = ENOSYS;
        return -1;
    }
    return real(number, a, b, c, d, e, f);
}

/*
 * The hook on syscall has another name here, because the prototype of syscall is variadic. Calls
 * that are none of ours are made by a jump. So a call that returns twice, or on another stack,
 * works as before.
 */
SHIM_EXPORT long stub_syscall(long number, long a, long b, long c, long d, long e,
                              long f) __asm__("syscall");
SHIM_EXPORT long stub_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    raw_call *real = (raw_call *)stub_libc(SHIM_HOOK_syscall);
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    return is_ours(number) && !comes_from_us(number, __builtin_return_address(0))
               ? call_of_ours(real, number, a, b, c, d, e, f)
               : real(number, a, b, c, d, e, f);
}
