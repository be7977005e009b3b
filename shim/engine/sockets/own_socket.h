/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine's own sockets in another program's process. A program that closes all descriptors it
 * does not know (closefrom, the start of a daemon) closes ours too, and by our next call the number
 * may be another connection of the program. So each call first checks that the descriptor still is
 * what we opened, and fails with EBADF if not. Our sockets are close-on-exec and have high numbers,
 * and the child of a fork does not keep them.
 *
 * Signatures and errors are those of POSIX. connect and send are the real functions, not hooks.
 */
#ifndef SHIM_ENGINE_SOCKETS_OWN_SOCKET_H
#define SHIM_ENGINE_SOCKETS_OWN_SOCKET_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

/* EMFILE also if a fixed number of them is open already. */
int shim_own_socket(int domain, int type, int protocol);
int shim_own_connect(int fd, const struct sockaddr *address, socklen_t length);
/* The same for a connection to a resolver. If another preload leads it through a proxy, and puts
 * the socket of that connection under our descriptor (proxychains), that socket is ours from now
 * on. */
int shim_own_connect_resolver(int fd, const struct sockaddr *address, socklen_t length);
ssize_t shim_own_send(int fd, const void *data, size_t length, int flags);
ssize_t shim_own_recv(int fd, void *out, size_t size, int flags);
/* Like shim_section_poll. All descriptors have to be ours; it skips those below 0, as poll does. */
int shim_own_poll(struct pollfd *wait, nfds_t count, int milliseconds);
/* Puts fd over a descriptor of the application, close-on-exec or not; fd stays open. 0, or -1 with
 * errno. */
int shim_own_put_over(int fd, int over, int flags);
int shim_own_close(int fd);

/* In the child of a fork: closes the sockets of the parent's other threads. */
void shim_own_sockets_leave(void);

#endif
