/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There is no call for "all options of this socket": this is the list.
 */
#ifndef SHIM_ENGINE_SOCKETS_SOCKET_COPY_H
#define SHIM_ENGINE_SOCKETS_SOCKET_COPY_H

#include <sys/socket.h>

/*
 * A new socket of the same family and type as a connected one, with its options, its owner for
 * signals and its local address, for a connection to the same peer; non-blocking. One of
 * own_socket.h. -1 with errno.
 */
int shim_socket_like(int fd);

/*
 * The same, for a connection to another address: of that address's family, and with the local
 * address only where the application seems to have chosen one, which then must be of that family.
 * fd -1: a socket as the kernel makes it.
 */
int shim_socket_to(int fd, const struct sockaddr *to);

#endif
