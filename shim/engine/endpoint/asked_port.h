/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watched port for which the program last resolved a name (getaddrinfo with a service). Where
 * nothing else tells the port of a handshake for that name, this does: with TCP fast open a program
 * (wget2) writes its hello, by a function of its own, before there is a connection.
 */
#ifndef SHIM_ENGINE_ENDPOINT_ASKED_PORT_H
#define SHIM_ENGINE_ENDPOINT_ASKED_PORT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Both functions are lock-free and need no memory. If names share a place, only the last one is
 * remembered. For a forgotten name no port is known, but in strict mode the wire guard still stops
 * its hello.
 */
void shim_asked_note(const char *host, uint16_t port);
bool shim_asked_port(const char *host, uint16_t *port);

#endif
