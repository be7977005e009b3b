/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stub in a program that the launcher's supervisor holds (docs/architecture.md, The
 * supervisor). The hooks make their calls with the pass, by an instruction of their own, so the
 * filter lets them go at once. Each function here calls `real`, unless that is libc's own and there
 * is a pass.
 */
#ifndef SHIM_STUB_SUPERVISED_H
#define SHIM_STUB_SUPERVISED_H

#include <stdbool.h>
#include <sys/socket.h>

/* Are calls made with the pass? */
bool stub_has_pass(void);
/* Has the connection of this caller of connect to go to the relay, from a program that needs none
 * for itself? `real`: the function behind our hook. */
bool stub_leads_caller(const void *real, const void *caller);
/* Asks the supervisor to lead it there. */
int stub_lead_connect(int fd, const struct sockaddr *address, socklen_t length);

int stub_pass_connect(__typeof__(&connect) real, int fd, const struct sockaddr *address,
                      socklen_t length);
ssize_t stub_pass_sendto(__typeof__(&sendto) real, int fd, const void *data, size_t length,
                         int flags, const struct sockaddr *address, socklen_t address_length);
ssize_t stub_pass_sendmsg(__typeof__(&sendmsg) real, int fd, const struct msghdr *message,
                          int flags);
int stub_pass_sendmmsg(__typeof__(&sendmmsg) real, int fd, struct mmsghdr *messages,
                       unsigned int count, int flags);

/* Where a connection that was not made with the pass leads in truth, behind a call of connect. 0:
 * where the program asked, as far as is known. Keeps errno. */
socklen_t stub_led_to(int fd, struct sockaddr_storage *peer);

/* Would a supervisor hold a program that this process executes? It is asked: a process may have
 * the variable and no filter. Async-signal-safe; keeps errno. */
bool stub_is_held(void);
/* Tells the kernel that the supervisor may read the memory of this process, also after it executes
 * another program. Only Yama asks (ptrace_scope 1). Async-signal-safe. */
void stub_name_reader(void);

#endif
