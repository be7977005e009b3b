/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dup2 over a descriptor drops its epoll registrations. The kernel lists them in /proc/self/fdinfo,
 * so no hook on epoll_ctl is needed to put them back.
 */
#ifndef SHIM_EPOLL_COPY_H
#define SHIM_EPOLL_COPY_H

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

/* Notes in which epoll sets of this process a descriptor is, and with what. */
void shim_epoll_note(int fd, struct epoll_registrations *registrations);
/* Adds it again. */
void shim_epoll_restore(int fd, const struct epoll_registrations *registrations);
/* Reads one line of fdinfo ("tfd: 5 events: 19 data: 5 ..."); for tests. False if it is no
 * registration. */
bool shim_epoll_parse_line(const char *line, int *target, uint32_t *events, uint64_t *data);

/* The descriptor that an entry of /proc/self/fd is for; -1 for "." and "..". */
int shim_descriptor_named(const char *name);

#endif
