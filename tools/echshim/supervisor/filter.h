/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seccomp filter of a held program (docs/architecture.md, The supervisor). Pure: it writes a
 * program for the kernel and installs nothing.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_FILTER_H
#define TOOLS_ECHSHIM_SUPERVISOR_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/common/supervision.h"

/* The system calls of one kind of programs that this machine can run. */
struct supervisor_calls {
    uint32_t arch; /* AUDIT_ARCH_... */
    int connect;
    int sendto;
    int sendmsg;
    int sendmmsg;
    int socketcall; /* -1: there is none */
    int io_uring_setup;
    size_t word; /* octets of a pointer */
};

/* Of socketcall(2), in its first argument. */
enum {
    SUPERVISOR_SOCKETCALL_CONNECT = 3,
    SUPERVISOR_SOCKETCALL_SENDTO = 11,
    SUPERVISOR_SOCKETCALL_SENDMSG = 16,
    SUPERVISOR_SOCKETCALL_SENDMMSG = 20,
};

/* The system calls of programs of this AUDIT_ARCH; NULL: this machine runs no such programs. */
const struct supervisor_calls *supervisor_calls_of(uint32_t arch);

enum { SUPERVISOR_FILTER_MAX = 160 };

/*
 * Writes the filter, and returns its length in instructions. connect, sendmsg, sendmmsg, and sendto
 * with an address notify the supervisor, unless they carry the pass; sendto cannot carry it.
 * io_uring_setup fails with ENOSYS, and so do these calls by a way into the kernel that the
 * supervisor does not know.
 */
size_t supervisor_filter(const struct shim_pass *pass,
                         struct sock_filter out[SUPERVISOR_FILTER_MAX]);

#endif
