/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What tests of the supervisor have in common (programs/connects). */
#ifndef TESTS_TOOLS_LAUNCHER_HELD_H
#define TESTS_TOOLS_LAUNCHER_HELD_H

#include "tests/preload/world.h"

/* The ways of programs/connects that must be refused. */
#define HELD_WAYS                                                                                  \
    "connect nonblocking mapped ipv6 multipath fastopen-sendto fastopen-sendmsg "                  \
    "fastopen-sendmmsg datagram-connect datagram-sendto datagram-unspecified datagram-sendmsg "    \
    "datagram-sendmmsg"
/* The same from other threads, processes and programs. */
#define HELD_ELSEWHERE                                                                             \
    "thread fork vfork clone3 shared-memory double-fork own-filter exec cleared-exec descriptor "  \
    "memory-file script"

/* The program `name` of tests/tools/launcher/programs with arguments, as a shell's command. The
 * caller may forget it. */
char *held_command(const char *name, const char *arguments);

/* Each of these ways was tried, and gave this error number. */
void held_expect(const struct run_result *result, const char *ways, int number);

unsigned held_count(const char *text, const char *part);

/* Does this machine run code of 32 bits? Not every kernel and hypervisor of 64 bits does. */
bool held_machine_runs_32(void);

#endif
