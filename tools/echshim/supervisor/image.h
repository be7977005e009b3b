/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a stub with the pass live in a process, and did a call come from the C library that it
 * guards? /proc/PID/maps tells where the stub's data are, and these must hold the
 * pass. Pure, apart from the function that reads.
 *
 * The stub's own calls carry the pass and never come here, but for those that it wants led to the
 * relay: those of a module with TLS that nothing reaches. What else comes here out of a process
 * with the stub are calls that the C library makes for itself (getaddrinfo sorts addresses by
 * connecting sockets for datagrams, RFC 6724) or for another preload behind ours, and calls by
 * instructions of the program itself, as Go makes them.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_IMAGE_H
#define TOOLS_ECHSHIM_SUPERVISOR_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/common/supervision.h"
#include "tools/echshim/supervisor/call.h"

/* A file as the kernel names it in maps. */
struct supervisor_file {
    unsigned major;
    unsigned minor;
    unsigned long long inode;
};

enum { SUPERVISOR_STUBS_MAX = 8 }; /* one for each architecture that is installed */

struct supervisor_stubs {
    struct supervisor_file file[SUPERVISOR_STUBS_MAX];
    size_t count;
};

/* Finds the file that an address lies in. False: in none. */
bool supervisor_file_at(const char *maps, uint64_t address, struct supervisor_file *file);

/*
 * `maps` is the text of the process; `instruction` is where the call came from (behind the
 * instruction); `narrow`: a program of 32 bits, whose C library enters the kernel by the vdso.
 */
bool supervisor_image_answers(const char *maps, uint64_t instruction, bool narrow,
                              const struct supervisor_stubs *stubs, const struct shim_pass *pass,
                              const struct supervisor_memory *memory);
/* Does the detour of a Go program with the pass live in a process (tools/echshim/go/ask.h)? Then
 * its TLS asks for each handshake. */
bool supervisor_image_asks(const char *maps, const struct shim_pass *pass,
                           const struct supervisor_memory *memory);

#endif
