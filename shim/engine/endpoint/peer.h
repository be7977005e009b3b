/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The peer of a connection.
 */
#ifndef SHIM_ENGINE_ENDPOINT_PEER_H
#define SHIM_ENGINE_ENDPOINT_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/common/abi.h"

struct shim_peer {
    int fd;                          /* of the transport, known or guessed; -1: neither */
    bool used;                       /* the connection has carried octets to its peer already */
    bool doubtful;                   /* the address is a guess, and another is as likely */
    struct sockaddr_storage address; /* ss_family AF_UNSPEC: not known */
    struct shim_way way;             /* what `connect` and proxies were asked for, if known */
    uint16_t port; /* host order; 443 if nothing is known, 0 for a socket without ports */
};

/*
 * Finds the peer of a descriptor. If it is not connected yet, the port is the one that its
 * `connect` was given, or `told_port` (0: none) that the transport told.
 *
 * If the transport hides its descriptor (fd is -1: memory BIOs, own push functions), this guesses:
 * the newest noted stream socket that is still connected. A connection through a proxy to this host
 * (NULL: no name) comes first, then those to watched ports, first of all those that have carried
 * nothing yet. If there is none, the port counts as 443, which is the guess that protects.
 */
void shim_peer_find(int fd, uint16_t told_port, const char *host, struct shim_peer *peer);

#endif
