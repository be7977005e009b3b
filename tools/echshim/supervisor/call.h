/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a held call asks for: the addresses in it, read from the memory of the program. Pure, apart
 * from the function that reads.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_CALL_H
#define TOOLS_ECHSHIM_SUPERVISOR_CALL_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum supervisor_read {
    SUPERVISOR_READ,        /* all octets */
    SUPERVISOR_READ_FAULT,  /* there is no such memory: the kernel will say EFAULT too */
    SUPERVISOR_READ_DENIED, /* we may not read it, or cannot */
};

/* Reads the memory of the program that makes the call. */
struct supervisor_memory {
    enum supervisor_read (*read)(void *context, uint64_t address, void *out, size_t length);
    void *context;
};

enum supervisor_look {
    SUPERVISOR_LOOK_NOTHING, /* no watched port */
    SUPERVISOR_LOOK_WATCHED,
    SUPERVISOR_LOOK_DENIED, /* the memory cannot be read */
};

/* Is a port, in host order, watched? */
typedef bool supervisor_watches(const void *context, uint16_t port);

/* Looks at the addresses of a call. WATCHED: *destination is the first one with a watched port. */
enum supervisor_look supervisor_look_at(const struct seccomp_data *call,
                                        const struct supervisor_memory *memory,
                                        supervisor_watches *watches, const void *context,
                                        struct sockaddr_storage *destination);

/* Is it connect, or its kin in socketcall? Then *fd is its descriptor. */
bool supervisor_is_connect(const struct seccomp_data *call, const struct supervisor_memory *memory,
                           int *fd);

/* Is it the question whether a port is held (shim/common/supervision.h)? */
bool supervisor_is_question(const struct seccomp_data *call, uint16_t *port);

#endif
