/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * syscall and prctl: by the one programs go round libc's other functions, and by both they lock
 * themselves in (libseccomp too).
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/stub/hooks_write.h"
#include "shim/stub/locked.h"
#include "shim/stub/output.h"

/* ---- the program locks itself in ---- */

/* Set before the call: behind it there may be no way back. Where it fails all is as it was. */
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

/* As libc has it, for six arguments: what a caller did not give is never looked at. */
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

/* The calls that write to a socket, lead one somewhere, or lock the program in, are as good as
 * libc's own functions: another preload may be asking for its next one by them. */
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
        return true;
    default:
        return false;
    }
}

/* libc's function for a call; SHIM_HOOK_COUNT: none that is hooked. */
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
 * Another preload, to which our own function leads on, makes the call itself. What it carries has
 * been judged where it came by us, and what the engine sends is not to be judged at all.
 */
static bool comes_from_us(long number, const void *caller)
{
    enum shim_hook function = function_of(number);
    const struct link_map *object = function != SHIM_HOOK_COUNT ? stub_object_at(caller) : NULL;
    return object != NULL && stub_calls_back(object, function);
}

#ifdef SYS_socketcall
/* The one system call for sockets of older kernels (socketcall(2)). */
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
    default:
        break;
    }
    /* io_uring: nobody sees what is written through it. As on a kernel without it, in strict mode.
     */
    if (stub_strict_somewhere()) {
        errno = ENOSYS;
        return -1;
    }
    return real(number, a, b, c, d, e, f);
}

/*
 * Under another name, for its prototype has no fixed arguments. The calls that are none of ours are
 * made by a jump, so a call that returns twice, or on another stack, does what it did.
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
