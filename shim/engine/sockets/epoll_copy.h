/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A descriptor that another file is put over loses its epoll registrations. The old file keeps them
 * while it is open elsewhere, by dup or in a child, and goes on reporting events. The kernel lists
 * registrations in /proc/self/fdinfo, so moving them needs no hook on epoll_ctl.
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

/* Takes a descriptor out of the epoll sets of this process, and notes what to add again. Leaves
 * alone what another process registered under the same number in a shared set. */
void shim_epoll_take(int fd, struct epoll_registrations *registrations);
/* Adds the descriptor again. */
void shim_epoll_restore(int fd, const struct epoll_registrations *registrations);
/* One line of fdinfo ("tfd: 5 events: 19 data: 5  pos:0 ino:61 sdev:f"). */
struct epoll_line {
    int target;
    uint32_t events;
    uint64_t data;
    bool has_inode; /* Linux 4.13 and later print the inode */
    uint64_t inode;
};

/* False if the line is no registration. Public for tests. */
bool shim_epoll_parse_line(const char *text, struct epoll_line *line);

/* The descriptor that an entry of /proc/self/fd stands for; -1 for "." and "..". */
int shim_descriptor_named(const char *name);

#endif
