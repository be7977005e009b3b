/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * There is no call for "all options of this socket": this is the list.
 */
#ifndef SHIM_SOCKET_COPY_H
#define SHIM_SOCKET_COPY_H

/*
 * A new socket of the same family and type as a connected one, with its options, its owner for
 * signals and, where the application chose one, its local address; non-blocking. One of
 * own_socket.h. -1 with errno.
 */
int shim_socket_like(int fd);

#endif
