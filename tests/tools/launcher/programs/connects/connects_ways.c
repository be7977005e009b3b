/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ways to connect, or to send something to an address. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "connects.h"

int by_connect(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    return end_of(fd, raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0));
}

int by_nonblocking(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    return end_of(fd, raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0));
}

int by_mapped(void)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = server.sin_port};
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
    return end_of(fd, raw(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0));
}

int by_ipv6(void)
{
    int fd = new_socket(AF_INET6, SOCK_STREAM);
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = server.sin_port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    return end_of(fd, raw(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0));
}

/* MPTCP, where the kernel has it. */
int by_multipath(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262);
    fd = fd >= 0 ? fd : new_socket(AF_INET, SOCK_STREAM);
    return end_of(fd, raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0));
}

/* Fast open: the first octets go with the SYN, or are sent after it. */
int by_fastopen_sendto(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    long result = raw(SYS_sendto, fd, (long)hello, (long)hello_length, MSG_FASTOPEN, (long)&server,
                      sizeof server);
    return end_of(fd, result);
}

static int send_messages(int fd, int flags, size_t count, bool one)
{
    struct iovec part = {.iov_base = hello, .iov_len = hello_length};
    struct mmsghdr messages[2] = {
        {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
        {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
    };
    messages[count - 1].msg_hdr.msg_name = &server;
    messages[count - 1].msg_hdr.msg_namelen = sizeof server;
    if (count == 2) { /* the first one goes elsewhere */
        static struct sockaddr_in other;
        other = server;
        other.sin_port = htons(9);
        messages[0].msg_hdr.msg_name = &other;
        messages[0].msg_hdr.msg_namelen = sizeof other;
    }
    long result = one ? raw(SYS_sendmsg, fd, (long)&messages[0].msg_hdr, flags, 0, 0, 0)
                      : raw(SYS_sendmmsg, fd, (long)messages, (long)count, flags, 0, 0);
    if (flags == MSG_FASTOPEN) {
        return end_of(fd, result);
    }
    close(fd);
    return result < 0 ? (int)-result : 0;
}

int by_fastopen_sendmsg(void)
{
    return send_messages(new_socket(AF_INET, SOCK_STREAM), MSG_FASTOPEN, 1, true);
}

int by_fastopen_sendmmsg(void)
{
    return send_messages(new_socket(AF_INET, SOCK_STREAM), MSG_FASTOPEN, 1, false);
}

int by_datagram_connect(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    long result = raw(SYS_connect, fd, (long)&server, sizeof server, 0, 0, 0);
    close(fd);
    return result < 0 ? (int)-result : 0;
}

static int datagram(int family)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    struct sockaddr_in address = server;
    address.sin_family = (sa_family_t)family;
    long result =
        raw(SYS_sendto, fd, (long)hello, (long)hello_length, 0, (long)&address, sizeof address);
    close(fd);
    return result < 0 ? (int)-result : 0;
}

int by_datagram_sendto(void)
{
    return datagram(AF_INET);
}

/* The kernel takes AF_UNSPEC for AF_INET. */
int by_datagram_unspecified(void)
{
    return datagram(AF_UNSPEC);
}

int by_datagram_sendmsg(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    return send_messages(fd, MSG_DONTWAIT, 1, true);
}

int by_datagram_sendmmsg(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    return send_messages(fd, MSG_DONTWAIT, 2, false);
}

int by_libc(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    int result = connect(fd, (const struct sockaddr *)&server, sizeof server);
    int problem = result < 0 ? errno : 0;
    if (result == 0) {
        (void)!write(fd, hello, hello_length);
    }
    close(fd);
    return problem;
}

/* These must pass. */
int by_unix(void)
{
    int fd = new_socket(AF_UNIX, SOCK_STREAM);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nowhere/socket"};
    long result = raw(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0);
    close(fd);
    return (int)-result; /* ENOENT */
}

int by_unix_sendmsg(void)
{
    int ends[2];
    char text[8];
    struct iovec part = {.iov_base = (char[]){'y', 'e', 's'}, .iov_len = 3};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return errno;
    }
    long result = raw(SYS_sendmsg, ends[0], (long)&message, 0, 0, 0, 0);
    return result == 3 && read(ends[1], text, sizeof text) == 3 ? 0 : (int)-result;
}

int by_bad_pointer(void)
{
    int fd = new_socket(AF_INET, SOCK_STREAM);
    long result = raw(SYS_connect, fd, 1, sizeof server, 0, 0, 0);
    close(fd);
    return (int)-result; /* EFAULT */
}

int by_io_uring(void)
{
    char parameters[120] = "";
    long result = raw(SYS_io_uring_setup, 4, (long)parameters, 0, 0, 0, 0);
    return result < 0 ? (int)-result : 0;
}

/* AF_UNSPEC takes the peer away again. */
int by_disconnect(void)
{
    int fd = new_socket(AF_INET, SOCK_DGRAM);
    struct sockaddr_in address = server;
    address.sin_family = AF_UNSPEC;
    long result = raw(SYS_connect, fd, (long)&address, sizeof address, 0, 0, 0);
    close(fd);
    return result < 0 ? (int)-result : 0;
}
