/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions of the C library that libsteps.so replaces (steps.c). */
#include "steps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define CALLER __builtin_return_address(0)
#define STEP(call, name, fd, length)                                                               \
    enum verdict verdict = steps_take(call, name, fd, CALLER);                                     \
    if (verdict == FAIL) {                                                                         \
        return -1;                                                                                 \
    }                                                                                              \
    length = verdict == CARRY_ONE && length > 1 ? 1 : length

ssize_t read(int fd, void *out, size_t length)
{
    STEP(CALL_IN, "read", fd, length);
    return syscall(SYS_read, fd, out, length);
}

ssize_t recvfrom(int fd, void *restrict out, size_t length, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict from_length)
{
    STEP(CALL_IN, "recvfrom", fd, length);
    return syscall(SYS_recvfrom, fd, out, length, flags, from, from_length);
}

ssize_t recv(int fd, void *out, size_t length, int flags)
{
    STEP(CALL_IN, "recv", fd, length);
    return syscall(SYS_recvfrom, fd, out, length, flags, NULL, NULL);
}

ssize_t write(int fd, const void *data, size_t length)
{
    STEP(CALL_OUT, "write", fd, length);
    return syscall(SYS_write, fd, data, length);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    STEP(CALL_OUT, "send", fd, length);
    return syscall(SYS_sendto, fd, data, length, flags, NULL, 0);
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *address,
               socklen_t address_length)
{
    STEP(CALL_OUT, "sendto", fd, length);
    return syscall(SYS_sendto, fd, data, length, flags, address, address_length);
}

/* Leaves one octet of the first part that is not empty. */
static void cut(struct msghdr *message, struct iovec *octet)
{
    size_t i = 0;
    while (i + 1 < message->msg_iovlen && message->msg_iov[i].iov_len == 0) {
        i++;
    }
    *octet = (struct iovec){message->msg_iov[i].iov_base, 1};
    message->msg_iov = octet;
    message->msg_iovlen = 1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct msghdr whole = *message;
    struct iovec octet;
    size_t parts = whole.msg_iovlen + 1;
    STEP(CALL_OUT, "sendmsg", fd, parts);
    if (parts == 1 && whole.msg_iovlen > 0) {
        cut(&whole, &octet);
    }
    return syscall(SYS_sendmsg, fd, &whole, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    struct iovec octet;
    size_t all = message.msg_iovlen + 1;
    STEP(CALL_OUT, "writev", fd, all);
    if (all == 1 && count > 0) {
        cut(&message, &octet);
    }
    return syscall(SYS_writev, fd, message.msg_iov, message.msg_iovlen);
}

/* An interrupted connect continues by itself. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    enum verdict verdict = steps_take(CALL_CONNECT, "connect", fd, CALLER);
    if (verdict == FAIL && errno != EINTR) {
        return -1;
    }
    int result = (int)syscall(SYS_connect, fd, address, length);
    if (verdict == FAIL) {
        errno = EINTR;
        return -1;
    }
    return result;
}

/* A separate function: the header declares that poll only writes there. */
static __attribute__((noinline)) int first_of(struct pollfd *waits, nfds_t count)
{
    return count > 0 ? waits[0].fd : -1;
}

int poll(struct pollfd *waits, nfds_t count, int milliseconds)
{
    struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    if (steps_take(CALL_POLL, "poll", first_of(waits, count), CALLER) == FAIL) {
        return -1;
    }
    return (int)syscall(SYS_ppoll, waits, count, milliseconds < 0 ? NULL : &limit, NULL, 0);
}

int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict length)
{
    if (steps_take(CALL_ASK, "getpeername", fd, CALLER) == FAIL) {
        return -1;
    }
    return (int)syscall(SYS_getpeername, fd, address, length);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    if (steps_take(CALL_ASK, "bind", fd, CALLER) == FAIL) {
        return -1;
    }
    return (int)syscall(SYS_bind, fd, address, length);
}

int dup3(int fd, int over, int flags)
{
    if (steps_take(CALL_DUP, "dup3", over, CALLER) == FAIL) {
        return -1;
    }
    int result = (int)syscall(SYS_dup3, fd, over, flags);
    if (result >= 0) {
        steps_note_owner(over, false);
    }
    return result;
}

int socket(int domain, int type, int protocol)
{
    if (domain == AF_INET && steps_take(CALL_NEW, "socket", -1, CALLER) == FAIL) {
        return -1;
    }
    int fd = (int)syscall(SYS_socket, domain, type, protocol);
    steps_note_owner(fd, steps_is_engine(CALLER));
    return fd;
}

int close(int fd)
{
    steps_watch("close", fd, CALLER, false);
    return (int)syscall(SYS_close, fd);
}

/* Only matters where the engine moves its descriptors to higher numbers. */
int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    int result = (int)syscall(SYS_fcntl, fd, command, argument);
    if (command == F_DUPFD_CLOEXEC && result >= 0) {
        steps_note_owner(result, steps_is_engines(fd));
    }
    return result;
}

int shutdown(int fd, int how)
{
    steps_watch("shutdown", fd, CALLER, false);
    return (int)syscall(SYS_shutdown, fd, how);
}
