/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that the engine asks the C library for, from within a section: the call may wait, and the
 * program may leave it.
 */
#ifndef SHIM_ENGINE_RESOLVER_SYSTEM_NAMES_H
#define SHIM_ENGINE_RESOLVER_SYSTEM_NAMES_H

#include <netdb.h>
#include <stdbool.h>

/*
 * getaddrinfo for stream sockets, of the C library itself. `absolute`: the name has no dot at its
 * end and is given one, which keeps the library from searching; else `name` is handed on as the
 * very pointer, and has to be static. EAI_SYSTEM with ECANCELED: the program has left the call.
 */
int shim_names_ask_system(const char *name, bool absolute, int family, int flags,
                          struct addrinfo **list);

#endif
