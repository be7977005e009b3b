/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For which watched port the program has resolved a name (getaddrinfo with a service). That tells
 * to which port a handshake for that name will go where nothing else does: with TCP fast open a
 * program (wget2) writes its hello before there is a connection, from a function of its own.
 */
#ifndef SHIM_ENGINE_ENDPOINT_ASKED_PORT_H
#define SHIM_ENGINE_ENDPOINT_ASKED_PORT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Both are lock-free and need no memory. Of names that share a place the last one counts; one that
 * is forgotten is one for which nothing tells a port, and in strict mode the wire guard still stops
 * its hello.
 */
void shim_asked_note(const char *host, uint16_t port);
bool shim_asked_port(const char *host, uint16_t *port);

#endif
