/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ECHSHIM_PORTS, read by the engine (what is TLS looked at for?) and by the stub's wire guard
 * alike. Pure, and without memory of its own: the guard may read it before any constructor ran.
 */
#ifndef SHIM_COMMON_PORTS_H
#define SHIM_COMMON_PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* The ports that TLS is looked at on, if the setting names none. */
enum { SHIM_DEFAULT_PORT = 443 };

/* Takes one port, host order; false if there is no room for it. */
typedef bool shim_ports_add(void *context, uint16_t port);

/*
 * Hands each port of a comma-separated list to `add`; NULL or "" is SHIM_DEFAULT_PORT. False if a
 * part of the list cannot be read or added. Watching too little would let a name out: what could be
 * read stays then, and 443 is handed over with it.
 */
bool shim_ports_parse(const char *list, shim_ports_add *add, void *context);

#endif
