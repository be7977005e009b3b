/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/lead.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/echshim/supervisor/target.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* A connection within this machine takes microseconds, unless the relay's queue is full. */
enum { PATIENCE_MS = 200 };

/* ---- the copy ---- */

/* A thread may have descriptors of its own (unshare(2), CLONE_FILES), and pidfd_getfd takes those
 * of its process. */
static bool is_tasks_own(pid_t task, int fd, int copy)
{
    char path[64];
    struct stat its;
    struct stat ours;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)task, fd);
    return stat(path, &its) == 0 && fstat(copy, &ours) == 0 && S_ISSOCK(ours.st_mode) &&
           its.st_dev == ours.st_dev && its.st_ino == ours.st_ino;
}

int supervisor_copy_socket(pid_t task, int fd)
{
    int process = (int)syscall(SYS_pidfd_open, supervisor_target_process(task), 0);
    int copy = process >= 0 ? (int)syscall(SYS_pidfd_getfd, process, fd, 0) : -1;
    if (process >= 0) {
        (void)close(process);
    }
    if (copy >= 0 && !is_tasks_own(task, fd, copy)) {
        (void)close(copy);
        copy = -1;
    }
    return copy;
}

/* ---- the socket ---- */

static int option(int fd, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

static bool only_ipv6(int fd)
{
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length) == 0 && value != 0;
}

/* Where this socket finds the relay; 0: nowhere. */
static socklen_t relay_address(const struct supervisor_lead *lead, int copy,
                               struct sockaddr_storage *address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET,
                               .sin_port = htons(lead->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(lead->port_ipv6)};
    if (option(copy, SO_DOMAIN) == AF_INET) {
        memcpy(address, &ipv4, sizeof ipv4);
        return sizeof ipv4;
    }
    if (lead->listener_ipv6 >= 0) {
        ipv6.sin6_addr = in6addr_loopback;
    } else if (!only_ipv6(copy)) {
        ipv6.sin6_port = htons(lead->port);
        ipv6.sin6_addr.s6_addr[10] = 0xff;
        ipv6.sin6_addr.s6_addr[11] = 0xff;
        memcpy(&ipv6.sin6_addr.s6_addr[12], &ipv4.sin_addr, sizeof ipv4.sin_addr);
    } else {
        return 0;
    }
    memcpy(address, &ipv6, sizeof ipv6);
    return sizeof ipv6;
}

static socklen_t length_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

/*
 * Could packets leave for the destination? Programs try IPv6 first, and go on with IPv4 when the
 * kernel says at once that there is no way. The relay's address would hide that.
 */
static int no_way_to(const struct sockaddr_storage *destination)
{
    int problem = 0;
    int fd = socket(destination->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return 0;
    }
    if (connect(fd, (const struct sockaddr *)destination, length_of(destination)) != 0) {
        problem = errno;
    }
    (void)close(fd);
    return problem == ENETUNREACH || problem == EHOSTUNREACH || problem == EADDRNOTAVAIL ? problem
                                                                                         : 0;
}

/* ---- connecting ---- */

/* Our call must not wait, whatever the program's would do. The flag belongs to the socket, which no
 * other thread of the program uses while it is not connected. */
static int connect_at_once(int copy, const struct sockaddr_storage *to, socklen_t length)
{
    int flags = fcntl(copy, F_GETFL);
    bool waits = flags >= 0 && (flags & O_NONBLOCK) == 0;
    if (waits) {
        (void)fcntl(copy, F_SETFL, flags | O_NONBLOCK);
    }
    int problem = connect(copy, (const struct sockaddr *)to, length) == 0 ? 0 : errno;
    if (problem == EINPROGRESS && waits) {
        struct pollfd wait = {.fd = copy, .events = POLLOUT};
        int failure = 0;
        socklen_t size = sizeof failure;
        bool ready = poll(&wait, 1, PATIENCE_MS) == 1 &&
                     getsockopt(copy, SOL_SOCKET, SO_ERROR, &failure, &size) == 0;
        /* The second call tells the kernel that the result is known. */
        problem = !ready         ? ETIMEDOUT
                  : failure != 0 ? failure
                  : connect(copy, (const struct sockaddr *)to, length) == 0 || errno == EISCONN
                      ? 0
                      : errno;
    }
    if (waits) {
        (void)fcntl(copy, F_SETFL, flags);
    }
    return problem;
}

bool supervisor_lead_send(const struct supervisor_lead *lead, const struct relay_claim *claim)
{
    struct pollfd wait = {.fd = lead->link, .events = POLLOUT};
    return lead->link >= 0 && poll(&wait, 1, PATIENCE_MS) == 1 &&
           send(lead->link, claim, sizeof *claim, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof *claim;
}

bool supervisor_lead_can(const struct supervisor_lead *lead, int copy,
                         const struct sockaddr_storage *destination, int *problem)
{
    struct sockaddr_storage any;
    socklen_t length = sizeof any;
    int domain = option(copy, SO_DOMAIN);
    if (option(copy, SO_TYPE) != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6)) {
        return false;
    }
    if (lead->link < 0 || relay_address(lead, copy, &any) == 0) {
        *problem = EACCES; /* whatever goes wrong, the connection is refused */
    } else if (domain == AF_INET6 && destination->ss_family == AF_INET) {
        *problem = EAFNOSUPPORT; /* as the kernel says */
    } else if (getpeername(copy, (struct sockaddr *)&any, &length) == 0) {
        *problem = EISCONN;
    } else {
        *problem = no_way_to(destination);
    }
    return true;
}

int supervisor_lead_connect(const struct supervisor_lead *lead, int copy, struct relay_claim *claim)
{
    struct sockaddr_storage to = {.ss_family = AF_UNSPEC};
    socklen_t length = relay_address(lead, copy, &to);
    const int off = 0;
    /* Otherwise the kernel would connect with the first write, from a port that is not known. */
    (void)setsockopt(copy, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &off, sizeof off);
    int problem = length > 0 ? connect_at_once(copy, &to, length) : EACCES;
    if (problem != 0 && problem != EINPROGRESS) {
        return problem;
    }
    length = sizeof claim->source;
    if (getsockname(copy, (struct sockaddr *)&claim->source, &length) != 0 ||
        !supervisor_lead_send(lead, claim)) {
        (void)shutdown(copy, SHUT_RDWR);
        return ECONNREFUSED;
    }
    return problem;
}

int supervisor_lead_again(const struct supervisor_lead *lead, int copy)
{
    struct sockaddr_storage to = {.ss_family = AF_UNSPEC};
    socklen_t length = relay_address(lead, copy, &to);
    return length > 0 ? connect_at_once(copy, &to, length) : EACCES;
}

static void reset_waiting(int listener)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd;
    while (listener >= 0 && (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        (void)close(fd);
    }
}

void supervisor_lead_end(const struct supervisor_lead *lead)
{
    reset_waiting(lead->listener);
    reset_waiting(lead->listener_ipv6);
}
