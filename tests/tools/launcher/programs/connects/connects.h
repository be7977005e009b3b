/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_TOOLS_LAUNCHER_PROGRAMS_CONNECTS_H
#define TESTS_TOOLS_LAUNCHER_PROGRAMS_CONNECTS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

extern struct sockaddr_in server;
extern const char *own_path;
extern const char *own_port;

extern uint8_t hello[256];
extern size_t hello_length;
void make_hello(void);

/* A system call by an instruction of this program: 0 or more, or -errno. */
long raw(long number, long a, long b, long c, long d, long e, long f);

/* Ends the program if there is none. */
int new_socket(int family, int type);

/* `result` is what a call that connects `fd` gave. Sends the hello if it is connected, and closes
 * it; gives 0 or the error number. */
int end_of(int fd, long result);

/* Each gives 0 or an error number. */
typedef int way(void);
way by_connect, by_nonblocking, by_mapped, by_ipv6, by_multipath, by_fastopen_sendto,
    by_fastopen_sendmsg, by_fastopen_sendmmsg, by_datagram_connect, by_datagram_sendto,
    by_datagram_unspecified, by_datagram_sendmsg, by_datagram_sendmmsg, by_libc;
/* These must pass. */
way by_unix, by_unix_sendmsg, by_bad_pointer, by_io_uring, by_disconnect;
/* Calls of 32-bit programs (x86-64). */
way by_int80_connect, by_int80_socketcall, by_int80_sendmsg, by_x32;
/* From other processes and threads. */
way by_thread, by_fork, by_vfork, by_clone3, by_shared_memory, by_double_fork, by_generations,
    by_exit, by_closed_memory, by_closed_libc, by_closed_unix, by_own_filter, by_own_listener;
/* From other programs, all of which are this one. */
way by_exec, by_cleared_exec, by_descriptor, by_memory_file, by_script;

#endif
