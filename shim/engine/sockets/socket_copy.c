/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/sockets/socket_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/engine/sockets/own_socket.h"

#include "shim/common/address.h"
#include "shim/common/compat.h"

/* Where the kernel does not know an option, or forbids to set it, the new socket keeps the default.
 * */
static const struct {
    int level;
    int option;
} options[] = {
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_OOBINLINE},
    {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_PRIORITY},
    {SOL_SOCKET, SO_MARK},
    {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},
    {SOL_SOCKET, SO_RCVLOWAT},
    {SOL_SOCKET, SO_REUSEADDR},
    {SOL_SOCKET, SO_REUSEPORT},
    {SOL_SOCKET, SO_DONTROUTE},
    {SOL_SOCKET, SO_TIMESTAMP},
    {SOL_SOCKET, SO_BUSY_POLL},
    {SOL_SOCKET, SO_ZEROCOPY},
    {SOL_SOCKET, SO_BINDTODEVICE},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_SYNCNT},
    {IPPROTO_TCP, TCP_LINGER2},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP},
    {IPPROTO_TCP, TCP_QUICKACK},
    {IPPROTO_TCP, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {IPPROTO_TCP, TCP_CORK},
    {IPPROTO_TCP, TCP_CONGESTION},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_TTL},
    {IPPROTO_IP, IP_MTU_DISCOVER},
    {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IP, IP_FREEBIND},
    {IPPROTO_IP, IP_TRANSPARENT},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {IPPROTO_IPV6, IPV6_V6ONLY},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER},
    {IPPROTO_IPV6, IPV6_RECVERR},
    {IPPROTO_IPV6, IPV6_AUTOFLOWLABEL},
};

enum { VALUE_SIZE = 64 };

static void copy_option(int from, int to, int level, int option)
{
    unsigned char value[VALUE_SIZE];
    socklen_t length = sizeof value;
    if (getsockopt(from, level, option, value, &length) == 0) {
        (void)setsockopt(to, level, option, value, length);
    }
}

/* The kernel reports twice the size that was asked for. Copy only a size that was set by hand: such
 * a buffer no longer grows by itself. */
static void copy_buffer(int from, int to, int option)
{
    int own = 0;
    int fresh = 0;
    socklen_t length = sizeof own;
    if (getsockopt(from, SOL_SOCKET, SO_BUF_LOCK, &own, &length) != 0) {
        return;
    }
    int bit = option == SO_SNDBUF ? SOCK_SNDBUF_LOCK : SOCK_RCVBUF_LOCK;
    if ((own & bit) == 0 || getsockopt(from, SOL_SOCKET, option, &fresh, &length) != 0) {
        return;
    }
    fresh /= 2;
    (void)setsockopt(to, SOL_SOCKET, option, &fresh, sizeof fresh);
}

/*
 * Binds the new socket to the same local address, with a new port. The kernel does not tell whether
 * the application bound the address, so the copy always does.
 */
static bool copy_local_address(int from, int to)
{
    struct sockaddr_storage local = {0};
    socklen_t length = sizeof local;
    if (getsockname(from, (struct sockaddr *)&local, &length) != 0) {
        return true;
    }
    int no_port = 1;
    (void)setsockopt(to, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &no_port, sizeof no_port);
    if (local.ss_family == AF_INET) {
        ((struct sockaddr_in *)(void *)&local)->sin_port = 0;
    } else if (local.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)&local)->sin6_port = 0;
    }
    return bind(to, (const struct sockaddr *)&local, length) == 0;
}

static int family_of(int fd)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 ? family : AF_UNSPEC;
}

/*
 * Has the application bound the local address? The kernel does not tell. So ask it which address it
 * would choose for the same peer: if that is another one, the application bound its own. Sends no
 * packet.
 */
static bool local_address_chosen(int fd)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    struct sockaddr_storage usual = {.ss_family = AF_UNSPEC};
    struct shim_address own;
    struct shim_address kernels;
    socklen_t length = sizeof peer;
    socklen_t local_length = sizeof local;
    socklen_t usual_length = sizeof usual;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 ||
        getsockname(fd, (struct sockaddr *)&local, &local_length) != 0) {
        return false;
    }
    int asker = shim_own_socket(peer.ss_family, SOCK_DGRAM, 0);
    if (asker < 0) {
        return false;
    }
    copy_option(fd, asker, SOL_SOCKET, SO_MARK);
    copy_option(fd, asker, SOL_SOCKET, SO_BINDTODEVICE);
    bool chosen = shim_own_connect(asker, (const struct sockaddr *)&peer, length) == 0 &&
                  getsockname(asker, (struct sockaddr *)&usual, &usual_length) == 0 &&
                  shim_address_of((const struct sockaddr *)&local, &own) &&
                  shim_address_of((const struct sockaddr *)&usual, &kernels) &&
                  !shim_address_equal(&own, &kernels);
    (void)shim_own_close(asker);
    return chosen;
}

/* A new socket of the family, with all options but the local address. */
static int socket_with_options(int fd, int family)
{
    int protocol = 0;
    socklen_t length = sizeof protocol;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0) {
        return -1;
    }
    int fresh = shim_own_socket(family, SOCK_STREAM | SOCK_NONBLOCK, protocol);
    if (fresh < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        copy_option(fd, fresh, options[i].level, options[i].option);
    }
    copy_buffer(fd, fresh, SO_SNDBUF);
    copy_buffer(fd, fresh, SO_RCVBUF);
    struct f_owner_ex owner;
    if (fcntl(fd, F_GETOWN_EX, &owner) == 0) {
        (void)fcntl(fresh, F_SETOWN_EX, &owner);
    }
    (void)fcntl(fresh, F_SETSIG, fcntl(fd, F_GETSIG));
    return fresh;
}

static int with_local_address(int fd, int fresh)
{
    if (fresh >= 0 && !copy_local_address(fd, fresh)) {
        int failure = errno;
        (void)shim_own_close(fresh);
        errno = failure;
        return -1;
    }
    return fresh;
}

int shim_socket_like(int fd)
{
    int family = family_of(fd);
    return family != AF_UNSPEC ? with_local_address(fd, socket_with_options(fd, family)) : -1;
}

int shim_socket_to(int fd, const struct sockaddr *to)
{
    if (fd < 0) {
        return shim_own_socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    }
    if (!local_address_chosen(fd)) {
        return socket_with_options(fd, to->sa_family);
    }
    if (family_of(fd) != to->sa_family) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return with_local_address(fd, socket_with_options(fd, to->sa_family));
}
