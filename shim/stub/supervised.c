/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/supervised.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "shim/common/passing_call.h"
#include "shim/common/ports.h"
#include "shim/common/preloadable.h"
#include "shim/stub/locked.h"
#include "shim/stub/relayed.h"
#include "shim/stub/stub.h"

/*
 * The pass, once this stub takes it. The supervisor searches the data of our file for these octets
 * (tools/echshim/supervisor/image.h). Found, they prove that a stub lives in the process, and that
 * its settings are strict. The value at the start keeps them in the file's data, out of .bss.
 */
static _Alignas(sizeof(struct shim_pass)) struct shim_pass taken = {.words = {1, 1}};

static atomic_int state;
enum { UNKNOWN, WITHOUT, WITH_PASS };

static bool relayed; /* calls without the pass go to the relay */

static int reader; /* the supervisor's process id; 0: there is none */

/* A child of a fork has to say it again. What it executes then need not. */
void stub_name_reader(void)
{
    __typeof__(&prctl) real = (__typeof__(&prctl))stub_libc_own(SHIM_HOOK_prctl);
    int saved = errno;
    if (real != NULL && reader > 0) {
        (void)real(PR_SET_PTRACER, (unsigned long)reader, 0, 0, 0);
    }
    errno = saved;
}

/* A stub that is strict for no host takes no pass: the supervisor holds its program like one
 * without a stub. Where there is a relay, the pass says that the program does not need it. Two
 * threads may run this at the same time: they write the same octets. */
static int learn(void)
{
    struct shim_supervision supervision;
    int saved = errno;
    int now = WITHOUT;
    if (shim_supervision_parse(secure_getenv("ECHSHIM_SUPERVISOR"), &supervision)) {
        reader = supervision.supervisor;
        stub_name_reader();
        if (supervision.no_new_privs) {
            shim_preloadable_ignore_no_new_privs();
        }
        relayed = supervision.relay;
        if (relayed ? !stub_needs_relay() : stub_strict_somewhere()) {
            taken = supervision.pass;
            now = WITH_PASS;
        }
    }
    atomic_store_explicit(&state, now, memory_order_release);
    errno = saved;
    return now;
}

__attribute__((constructor)) static void learn_early(void)
{
    int now = learn();
    if (relayed && now == WITH_PASS) {
        stub_hide_relay();
    }
    if (reader > 0) {
        /* libc itself connects in children, for its log and for names. */
        (void)pthread_atfork(NULL, NULL, stub_name_reader);
    }
}

bool stub_has_pass(void)
{
    return atomic_load_explicit(&state, memory_order_acquire) == WITH_PASS;
}

/*
 * May the call be made here? Not if another preload stands between us and libc. Nor in a program
 * that has locked itself in: its own filter expects the calls that libc makes.
 */
static bool may_pass(const void *real, enum shim_hook hook)
{
    int now = atomic_load_explicit(&state, memory_order_acquire);
    if (now == UNKNOWN) {
        now = learn();
    }
    return now == WITH_PASS && !stub_locked() && real == stub_libc_own(hook);
}

bool stub_leads_caller(const void *real, const void *caller)
{
    return may_pass(real, SHIM_HOOK_connect) && relayed && stub_is_unreached(caller);
}

/* Makes a call that waits, and in which a thread can be cancelled, as in libc's functions. */
static long call_with(const struct shim_pass *with, long number, long a, long b, long c, long d)
{
    int type;
    /* As libc's own functions do: the thread is in the kernel all the time. */
    (void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type); /* NOLINT(cert-pos47-c) */
    long result = shim_passing_call(with, number, a, b, c, d);
    (void)pthread_setcanceltype(type, NULL);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static long pass(long number, long a, long b, long c, long d)
{
    return call_with(&taken, number, a, b, c, d);
}

/* From our instruction and without the pass: so the supervisor knows that we ask. */
int stub_lead_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    static const struct shim_pass none;
    return (int)call_with(&none, SYS_connect, fd, (long)address, (long)length, 0);
}

int stub_pass_connect(__typeof__(&connect) real, int fd, const struct sockaddr *address,
                      socklen_t length)
{
    return may_pass((const void *)real, SHIM_HOOK_connect)
               ? (int)pass(SYS_connect, fd, (long)address, (long)length, 0)
               : real(fd, address, length);
}

/* sendto has no register free, so sendmsg takes its place. The kernel makes the one of the other.
 */
ssize_t stub_pass_sendto(__typeof__(&sendto) real, int fd, const void *data, size_t length,
                         int flags, const struct sockaddr *address, socklen_t address_length)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    const struct msghdr message = {.msg_name = (void *)(uintptr_t)address,
                                   .msg_namelen = address_length,
                                   .msg_iov = &part,
                                   .msg_iovlen = 1};
    /* Without an address the filter lets it go; sendmsg would cut an address that is too long. */
    if (address == NULL || address_length > sizeof(struct sockaddr_storage) ||
        !may_pass((const void *)real, SHIM_HOOK_sendto)) {
        return real(fd, data, length, flags, address, address_length);
    }
    return pass(SYS_sendmsg, fd, (long)&message, flags, 0);
}

ssize_t stub_pass_sendmsg(__typeof__(&sendmsg) real, int fd, const struct msghdr *message,
                          int flags)
{
    return may_pass((const void *)real, SHIM_HOOK_sendmsg)
               ? pass(SYS_sendmsg, fd, (long)message, flags, 0)
               : real(fd, message, flags);
}

int stub_pass_sendmmsg(__typeof__(&sendmmsg) real, int fd, struct mmsghdr *messages,
                       unsigned int count, int flags)
{
    return may_pass((const void *)real, SHIM_HOOK_sendmmsg)
               ? (int)pass(SYS_sendmmsg, fd, (long)messages, (long)count, flags)
               : real(fd, messages, count, flags);
}

socklen_t stub_led_to(int fd, struct sockaddr_storage *peer)
{
    socklen_t length = sizeof *peer;
    int saved = errno;
    bool led = relayed && !stub_locked() && getpeername(fd, (struct sockaddr *)peer, &length) == 0;
    errno = saved;
    return led ? length : 0;
}

/* context: a bool. */
static bool is_port_held(void *context, uint16_t port)
{
    bool *held = context;
    *held = *held && shim_supervisor_holds(port);
    return true;
}

/* context: the same. */
static void are_ports_held(void *context, const char *list)
{
    (void)shim_ports_parse(list, is_port_held, context);
}

bool stub_is_held(void)
{
    bool held = true;
    int saved = errno;
    stub_each_value(SHIM_CONF_PORTS, are_ports_held, &held);
    errno = saved;
    return held;
}
