/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets of the engine's own in somebody else's process. A program that closes all descriptors
 * it does not know (closefrom, the start of a daemon) closes ours as well, and the number may be
 * another connection of the program by the time of our next call: so each call first makes sure
 * that the descriptor still is what was opened, and fails with EBADF if it is not. They are
 * close-on-exec, have high numbers, and the child of a fork does not keep them.
 *
 * Signatures and errors are those of POSIX; connect and send are the real ones.
 */
#ifndef SHIM_ENGINE_SOCKETS_OWN_SOCKET_H
#define SHIM_ENGINE_SOCKETS_OWN_SOCKET_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

/* EMFILE also if more than a fixed number are open at the same time. */
int shim_own_socket(int domain, int type, int protocol);
int shim_own_connect(int fd, const struct sockaddr *address, socklen_t length);
ssize_t shim_own_send(int fd, const void *data, size_t length, int flags);
ssize_t shim_own_recv(int fd, void *out, size_t size, int flags);
/* All of them have to be ours; those below 0 are left out, as poll does. As shim_section_poll. */
int shim_own_poll(struct pollfd *wait, nfds_t count, int milliseconds);
/* Puts it over a descriptor of the application's, close-on-exec or not; it stays open itself. 0, or
 * -1 with errno. */
int shim_own_put_over(int fd, int over, int flags);
int shim_own_close(int fd);

/* In the child of a fork: those of the parent's other threads. */
void shim_own_sockets_leave(void);

#endif
