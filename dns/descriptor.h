/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A socket of ours that stays open between calls in somebody else's process. Programs close
 * descriptors that they do not know of and are given the numbers again, and a fork copies them: so
 * it is made sure before each use that it is still the same socket, and of this process.
 */
#ifndef DNS_DESCRIPTOR_H
#define DNS_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dns/io.h"
#include "ech/status.h"

struct dns_descriptor {
    int fd;          /* -1: none */
    uint64_t cookie; /* SO_COOKIE, which no other socket of this system has; 0: the kernel has none
                      */
    pid_t pid;
};

#define DNS_DESCRIPTOR_NONE ((struct dns_descriptor){.fd = -1})

/* Opens a socket, close-on-exec and non-blocking, with a number above those that programs use.
 * False with errno; then there is none. */
ECH_MUST_USE bool dns_descriptor_open(const struct dns_io *io, int domain, int type,
                                      struct dns_descriptor *descriptor);

/* Whether it is open and still what was opened, in this process. */
ECH_MUST_USE bool dns_descriptor_is_ours(const struct dns_io *io,
                                         const struct dns_descriptor *descriptor);

/* Closes it, but nothing that has come in its place; in the child of a fork only the child's copy.
 * There is none afterwards. */
void dns_descriptor_close(const struct dns_io *io, struct dns_descriptor *descriptor);

/* To be called before it is left open for a later call: closes it if later nobody could tell
 * whether it is the same. */
void dns_descriptor_keep(const struct dns_io *io, struct dns_descriptor *descriptor);

#endif
