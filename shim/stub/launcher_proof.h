/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the launcher asks of the stub by ECHSHIM_LAUNCHER: "FOLLOW" or "FOLLOW:FD:INODE:NONCE".
 *   FOLLOW  look at what this process executes (hooks_exec.c): warn of programs without the shim;
 *           strict: refuse them; hold, hold-quietly: refuse them, unless a supervisor holds them
 *   FD      a socket (of that inode) on which the stub proves that it lives, by a message of the
 * nonce and its process id, "NONCE PID" Without the variable nothing of this happens.
 */
#ifndef SHIM_STUB_LAUNCHER_PROOF_H
#define SHIM_STUB_LAUNCHER_PROOF_H

#include "shim/common/preloadable.h"
#include "shim/stub/stub.h"

#define STUB_LIBRARY_NAME "libechshim.so"

enum stub_follow {
    STUB_FOLLOW_NO,
    STUB_FOLLOW_WARN,
    STUB_FOLLOW_STRICT,
    STUB_FOLLOW_HOLD,
    STUB_FOLLOW_HOLD_QUIETLY
};

/* Async-signal-safe. NO before our constructor ran. */
enum stub_follow stub_following(void);

/* What becomes of a program that will not have the shim. LED: the supervisor may still switch on
 * the ECH of a Go program; else that is HELD too. */
enum stub_unreached {
    STUB_UNREACHED_RUNS,
    STUB_UNREACHED_HELD,
    STUB_UNREACHED_LED,
    STUB_UNREACHED_REFUSED
};

/* Writes one line on standard error, by one call: what is executed, and why it will not have the
 * shim. Async-signal-safe; keeps errno. */
void stub_tell_unreached(const char *path, const char *why, enum stub_unreached what);

#endif
