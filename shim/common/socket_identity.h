/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which socket a descriptor is. The number alone does not tell, because the program soon uses it
 * again.
 */
#ifndef SHIM_COMMON_SOCKET_IDENTITY_H
#define SHIM_COMMON_SOCKET_IDENTITY_H

#include <stdint.h>

/* No socket has this identity: it means that the socket is not known. */
#define SHIM_SOCKET_UNKNOWN UINT64_MAX

/* All descriptors of one socket have the same identity, and nothing else has it: no other socket
 * (SO_COOKIE), and no file or pipe. Never 0. May change errno. */
uint64_t shim_socket_identity(int fd);

#endif
