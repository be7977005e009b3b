/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the launcher's supervisor and the stub agree on (docs/architecture.md, The supervisor). The
 * launcher makes a pass, two random words, for each program that it holds. A call of connect,
 * sendmsg or sendmmsg that has these words in its last two argument registers, which the kernel
 * does not read, was made by the stub: the filter lets it go at once.
 */
#ifndef SHIM_COMMON_SUPERVISION_H
#define SHIM_COMMON_SUPERVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shim_pass {
    uint64_t words[2]; /* a 32-bit program gives the lower halves */
};

/* The variable ECHSHIM_SUPERVISOR: "PASS:PID", the pass in 32 hexadecimal digits; then perhaps
 * ":no_new_privs", then perhaps ":relay". */
struct shim_supervision {
    struct shim_pass pass;
    int supervisor;    /* process id */
    bool no_new_privs; /* the launcher has set it; it was not set before */
    bool relay;        /* calls without the pass are led to the relay */
};

enum { SHIM_SUPERVISION_SIZE = 64 };

/* False: `text` (NULL: not set) is not such a value. Async-signal-safe. */
bool shim_supervision_parse(const char *text, struct shim_supervision *out);
/* Writes the value, with its NUL. */
void shim_supervision_write(const struct shim_supervision *supervision,
                            char out[SHIM_SUPERVISION_SIZE]);

/*
 * A question to the supervisor: connect(-1, PORT, SHIM_SUPERVISOR_QUESTION). It answers
 * SHIM_SUPERVISOR_HOLDS if it refuses that port to programs without the stub. A kernel without the
 * filter answers EBADF, and ENOSYS where the supervisor has died. PORT 0 asks whether it switches
 * on the ECH of Go programs: SHIM_SUPERVISOR_LEADS.
 */
enum {
    /* Less than 0, because qemu-user takes as much of the stack as a positive length says. */
    SHIM_SUPERVISOR_QUESTION = -0x45434851,
    SHIM_SUPERVISOR_HOLDS = 0x4543484f,
    SHIM_SUPERVISOR_LETS_GO = 0x45434847,
    SHIM_SUPERVISOR_LEADS = 0x4543484c,
};

#endif
