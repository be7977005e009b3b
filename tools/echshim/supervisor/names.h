/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS for programs that have a resolver of their own. Under an encrypted resolver their questions
 * must not go out in the clear. So the supervisor connects such a socket to itself, and answers by
 * the engine.
 */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_NAMES_H
#define TOOLS_ECHSHIM_SUPERVISOR_NAMES_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The loop's descriptors come to this epoll. */
void supervisor_names_start(int loop);

/*
 * Connects the copy of a task's socket to us. False: this cannot be done, and nothing was done.
 * Otherwise *error is what connect gives the program: 0, or a negative error number. `destination`
 * tells the family.
 */
bool supervisor_names_lead(int copy, pid_t task, const struct sockaddr_storage *destination,
                           int *error);

/* Something came to this descriptor of the loop. False: it is none of these. */
bool supervisor_names_serve(int fd);

#endif
