/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS for programs that have a resolver of their own. Under an encrypted resolver their questions
 * must not go out in the clear. So the supervisor connects such a socket to itself, and answers by
 * the engine.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_NAMES_H
#define TOOLS_ECHSHIM_SUPERVISOR_NAMES_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/socket.h>

/* The loop's descriptors come to this epoll. */
void supervisor_names_start(int loop);

/*
 * Makes the call, a connect to port 53, but to the supervisor. False: this cannot be done, and
 * nothing was done. `destination` tells the family.
 */
bool supervisor_names_lead(const struct seccomp_notif *notification,
                           const struct sockaddr_storage *destination);

/* Something came to this descriptor of the loop. False: it is none of these. */
bool supervisor_names_serve(int fd);

#endif
