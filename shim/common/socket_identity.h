/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which socket a descriptor is: a number is soon used again by the program around us.
 */
#ifndef SHIM_COMMON_SOCKET_IDENTITY_H
#define SHIM_COMMON_SOCKET_IDENTITY_H

#include <stdint.h>

/* What no socket has: it is not known which one this is. */
#define SHIM_SOCKET_UNKNOWN UINT64_MAX

/* The same for every descriptor of one socket, and for no other one (SO_COOKIE); never 0. May
 * change errno. */
uint64_t shim_socket_identity(int fd);

#endif
