/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies the options of a socket. No system call copies all of them, so the list is in
 * socket_copy.c.
 */
#ifndef SHIM_ENGINE_SOCKETS_SOCKET_COPY_H
#define SHIM_ENGINE_SOCKETS_SOCKET_COPY_H

#include <sys/socket.h>

/*
 * Makes a non-blocking socket of our own (own_socket.h) for a connection to the same peer. It has
 * the family, type, options, signal owner and local address of a connected one. -1 with errno.
 */
int shim_socket_like(int fd);

/*
 * The same for a connection to another address, with that address's family. It takes over the local
 * address only if the application seems to have chosen it; then the families must be equal. fd -1:
 * a socket with the kernel's defaults.
 */
int shim_socket_to(int fd, const struct sockaddr *to);

#endif
