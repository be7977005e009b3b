/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads ECHSHIM_PORTS, the ports that TLS is looked at on, for the engine and the stub's wire
 * guard. Pure, and allocates nothing: the guard may call it before any constructor ran.
 */
#ifndef SHIM_COMMON_PORTS_H
#define SHIM_COMMON_PORTS_H

#include <stdbool.h>
#include <stdint.h>

/* Takes one port, host order; false if there is no room for it. */
typedef bool shim_ports_add(void *context, uint16_t port);

/*
 * Hands each port of a comma-separated list to `add`; NULL or "" means DNS_HTTPS_PORT. False: a
 * part of the list could not be read or added. Watching too few ports would let a name out. So the
 * ports read so far stay, and DNS_HTTPS_PORT is added.
 */
bool shim_ports_parse(const char *list, shim_ports_add *add, void *context);

#endif
