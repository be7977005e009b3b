/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor that another file is put over loses its epoll registrations. The old file keeps them
 * while somebody else has it open, by dup or in a child, and goes on to report events. The kernel
 * lists registrations in /proc/self/fdinfo, so no hook on epoll_ctl is needed to move them.
 */
#ifndef SHIM_ENGINE_SOCKETS_EPOLL_COPY_H
#define SHIM_ENGINE_SOCKETS_EPOLL_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_EPOLL_MAX = 16 };

struct epoll_registrations {
    size_t count;
    struct {
        int epoll_fd;
        uint32_t events;
        uint64_t data;
    } registered[SHIM_EPOLL_MAX];
};

/* Takes a descriptor out of the epoll sets of this process, and notes what to add again. Another
 * process may have registered the same number in a set that it shares: that is left alone. */
void shim_epoll_take(int fd, struct epoll_registrations *registrations);
/* Adds it again. */
void shim_epoll_restore(int fd, const struct epoll_registrations *registrations);
/* One line of fdinfo ("tfd: 5 events: 19 data: 5  pos:0 ino:61 sdev:f"). */
struct epoll_line {
    int target;
    uint32_t events;
    uint64_t data;
    bool has_inode; /* Linux 4.13 and later say it */
    uint64_t inode;
};

/* False if the line is no registration. For tests. */
bool shim_epoll_parse_line(const char *text, struct epoll_line *line);

/* The descriptor that an entry of /proc/self/fd is for; -1 for "." and "..". */
int shim_descriptor_named(const char *name);

#endif
