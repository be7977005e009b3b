/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions that write octets from memory to a socket. If the guard has nothing to do, each is
 * one relaxed load and a call. Results, errno and interruptions are those of the real function.
 */
#include <errno.h>
#include <unistd.h>

#include "shim/stub/hooks_write.h"
#include "shim/stub/supervised.h"

/* OpenSSL writes by it, and no hook may have seen the handshake begin (BIO_f_ssl). */
static ssize_t write_for(const void *caller, __typeof__(&write) real, int fd, const void *data,
                         size_t length)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle()) {
        return real(fd, data, length);
    }
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct stub_attempt attempt = {.fd = fd, .parts = &part, .count = 1, .parts_known = 1};
    if (!stub_guard_allows(&attempt)) {
        stub_openssl_write_refused(caller);
        return -1;
    }
    ssize_t result = real(fd, data, length);
    stub_guard_sent(&attempt, result);
    return result;
}

SHIM_EXPORT ssize_t write(int fd, const void *data, size_t length)
{
    return write_for(__builtin_return_address(0), (__typeof__(&write))stub_libc(SHIM_HOOK_write),
                     fd, data, length);
}

ssize_t stub_direct_write(int fd, const void *data, size_t length)
{
    return write_for(__builtin_return_address(0),
                     (__typeof__(&write))stub_libc_own(SHIM_HOOK_write), fd, data, length);
}

static ssize_t on_writev(__typeof__(&writev) real, int fd, const struct iovec *parts, int count)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || count <= 0) {
        return real(fd, parts, count);
    }
    struct stub_attempt attempt = {.fd = fd, .parts = parts, .count = (size_t)count};
    GUARDED(&attempt, real(fd, parts, count));
}

STUB_HOOK(ssize_t, writev, (int fd, const struct iovec *parts, int count), fd, parts, count)

static ssize_t on_send(__typeof__(&send) real, int fd, const void *data, size_t length, int flags)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle()) {
        return real(fd, data, length, flags);
    }
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct stub_attempt attempt = {
        .fd = fd, .flags = flags, .parts = &part, .count = 1, .parts_known = 1};
    GUARDED(&attempt, real(fd, data, length, flags));
}

STUB_HOOK(ssize_t, send, (int fd, const void *data, size_t length, int flags), fd, data, length,
          flags)

static ssize_t on_sendto(__typeof__(&sendto) real, int fd, const void *data, size_t length,
                         int flags, const struct sockaddr *address, socklen_t address_length)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle()) {
        return stub_pass_sendto(real, fd, data, length, flags, address, address_length);
    }
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct stub_attempt attempt = {.fd = fd,
                                   .flags = flags,
                                   .address = address,
                                   .address_length = address_length,
                                   .parts = &part,
                                   .count = 1,
                                   .parts_known = 1};
    GUARDED(&attempt, stub_pass_sendto(real, fd, data, length, flags, address, address_length));
}

STUB_HOOK(ssize_t, sendto,
          (int fd, const void *data, size_t length, int flags, const struct sockaddr *address,
           socklen_t address_length),
          fd, data, length, flags, address, address_length)

static struct stub_attempt attempt_of(int fd, const struct msghdr *message, int flags)
{
    return (struct stub_attempt){.fd = fd,
                                 .flags = flags,
                                 .address = message->msg_name,
                                 .address_length = message->msg_namelen,
                                 .parts = message->msg_iov,
                                 .count = message->msg_iovlen};
}

static ssize_t on_sendmsg(__typeof__(&sendmsg) real, int fd, const struct msghdr *message,
                          int flags)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || !stub_can_read(message, sizeof *message)) {
        return stub_pass_sendmsg(real, fd, message, flags);
    }
    struct stub_attempt attempt = attempt_of(fd, message, flags);
    GUARDED(&attempt, stub_pass_sendmsg(real, fd, message, flags));
}

STUB_HOOK(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)

/* For GnuTLS's octets, in GnuTLS's memory. */
ssize_t stub_guarded_sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL_OR_FAIL(sendmsg);
    if (stub_guard_idle()) {
        return stub_pass_sendmsg(real, fd, message, flags);
    }
    struct stub_attempt attempt = attempt_of(fd, message, flags);
    attempt.readable = true;
    GUARDED(&attempt, stub_pass_sendmsg(real, fd, message, flags));
}

/*
 * Sends message by message, each after its own decision. The kernel does the same and, like this,
 * reports an error only if nothing was sent.
 */
static int on_sendmmsg(__typeof__(&sendmmsg) real, int fd, struct mmsghdr *messages,
                       unsigned int count, int flags)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || messages == NULL) {
        return stub_pass_sendmmsg(real, fd, messages, count, flags);
    }
    unsigned sent = 0;
    while (sent < count) {
        if (!stub_can_read(&messages[sent], sizeof messages[sent])) {
            int result = stub_pass_sendmmsg(real, fd, &messages[sent], 1, flags);
            sent += result > 0 ? 1 : 0;
            break;
        }
        struct stub_attempt attempt = attempt_of(fd, &messages[sent].msg_hdr, flags);
        if (!stub_guard_allows(&attempt)) {
            break;
        }
        int result = stub_pass_sendmmsg(real, fd, &messages[sent], 1, flags);
        stub_guard_sent(&attempt, result > 0 ? (ssize_t)messages[sent].msg_len : result);
        if (result <= 0) {
            break;
        }
        sent++;
        if (attempt.tracked) {
            break; /* the guard may refuse the next message, and the call must say so */
        }
    }
    return sent > 0 || count == 0 ? (int)sent : -1;
}

STUB_HOOK(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned int count, int flags), fd,
          messages, count, flags)

/* Position -1 makes it writev with flags (writev(2)). Sockets have no other position. */
static ssize_t on_pwritev2(__typeof__(&pwritev2) real, int fd, const struct iovec *parts, int count,
                           off_t position, int flags)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || count <= 0 || position != -1) {
        return real(fd, parts, count, position, flags);
    }
    struct stub_attempt attempt = {.fd = fd, .parts = parts, .count = (size_t)count};
    GUARDED(&attempt, real(fd, parts, count, position, flags));
}

STUB_HOOK(ssize_t, pwritev2,
          (int fd, const struct iovec *parts, int count, off_t position, int flags), fd, parts,
          count, position, flags)

static ssize_t on_pwritev64v2(__typeof__(&pwritev64v2) real, int fd, const struct iovec *parts,
                              int count, off64_t position, int flags)
{
    MUST_BE_THERE(real);
    if (stub_guard_idle() || count <= 0 || position != -1) {
        return real(fd, parts, count, position, flags);
    }
    struct stub_attempt attempt = {.fd = fd, .parts = parts, .count = (size_t)count};
    GUARDED(&attempt, real(fd, parts, count, position, flags));
}

STUB_HOOK(ssize_t, pwritev64v2,
          (int fd, const struct iovec *parts, int count, off64_t position, int flags), fd, parts,
          count, position, flags)

/* libc's own functions have these names too. */
SHIM_EXPORT ssize_t __write(int fd, const void *data, size_t length)
{
    return stub_direct_write(fd, data, length);
}

SHIM_EXPORT ssize_t __send(int fd, const void *data, size_t length, int flags)
{
    return stub_direct_send(fd, data, length, flags);
}

SHIM_EXPORT int __connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return stub_direct_connect(fd, address, length);
}
