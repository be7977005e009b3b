/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/descriptor.h"

#include <sys/resource.h>
#include <unistd.h>

/* The kernel's table of a process's descriptors has 1,024 places at that number; a higher one would
 * make it grow. */
enum { HIGH_NUMBER = 960 };

static int high_number(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > HIGH_NUMBER) {
        return HIGH_NUMBER;
    }
    return (int)(limit.rlim_cur / 4 * 3);
}

static uint64_t cookie_of(const struct dns_io *io, int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    return io->getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

bool dns_descriptor_open(const struct dns_io *io, int domain, int type,
                         struct dns_descriptor *descriptor)
{
    *descriptor = DNS_DESCRIPTOR_NONE;
    int fd = io->socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    int high = io->duplicate(fd, high_number());
    if (high >= 0) {
        (void)io->close(fd);
        fd = high;
    }
    *descriptor = (struct dns_descriptor){.fd = fd, .cookie = cookie_of(io, fd), .pid = getpid()};
    return true;
}

/* A kernel without cookies: within one call the number is trusted, as everybody does. */
static bool is_same(const struct dns_io *io, const struct dns_descriptor *descriptor)
{
    return descriptor->fd >= 0 &&
           (descriptor->cookie == 0 || cookie_of(io, descriptor->fd) == descriptor->cookie);
}

bool dns_descriptor_is_ours(const struct dns_io *io, const struct dns_descriptor *descriptor)
{
    return descriptor->pid == getpid() && is_same(io, descriptor);
}

void dns_descriptor_close(const struct dns_io *io, struct dns_descriptor *descriptor)
{
    if (is_same(io, descriptor)) {
        (void)io->close(descriptor->fd);
    }
    *descriptor = DNS_DESCRIPTOR_NONE;
}

void dns_descriptor_keep(const struct dns_io *io, struct dns_descriptor *descriptor)
{
    if (descriptor->cookie == 0) {
        dns_descriptor_close(io, descriptor);
    }
}
