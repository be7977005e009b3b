/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the C library for names that the engine itself needs, from within a section. The call may
 * wait, and the program may leave it.
 */
#ifndef SHIM_ENGINE_RESOLVER_SYSTEM_NAMES_H
#define SHIM_ENGINE_RESOLVER_SYSTEM_NAMES_H

#include <netdb.h>
#include <stdbool.h>

/*
 * The C library's own getaddrinfo, for stream sockets. `absolute`: adds a dot to the end of the
 * name, which keeps the library from searching. Otherwise hands on `name` as this very pointer, so
 * it has to be static. EAI_SYSTEM with ECANCELED: the program has left the call.
 */
int shim_names_ask_system(const char *name, bool absolute, int family, int flags,
                          struct addrinfo **list);

#endif
