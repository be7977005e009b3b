/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To whom a connection goes.
 */
#ifndef SHIM_ENGINE_ENDPOINT_PEER_H
#define SHIM_ENGINE_ENDPOINT_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shim/common/abi.h"

struct shim_peer {
    int fd;        /* of the transport, as far as it is known or can be guessed; -1: neither */
    bool used;     /* the connection has carried octets to its peer already */
    bool doubtful; /* the address is a guess, and another one is as good */
    struct sockaddr_storage address; /* ss_family AF_UNSPEC: not known */
    struct shim_way way; /* what `connect` and proxies were asked for, as far as that is known */
    uint16_t port; /* host order; 443 where nothing at all is known, 0 for a socket without ports */
};

/*
 * The peer of a descriptor. One that is not connected yet leads to the port that `connect` was
 * given for it, or to the port that the transport told (not 0). Where the transport hides its
 * descriptor (fd is -1: memory BIOs, own push functions) it is the newest stream socket that
 * `connect` was seen on and that is still connected: one for which a proxy was asked for this host
 * (NULL: no name), then those to watched ports, and of these the ones that have carried nothing yet
 * first. If there is none, the port is taken for 443: a guess that
 * protects.
 */
void shim_peer_find(int fd, uint16_t told_port, const char *host, struct shim_peer *peer);

#endif
