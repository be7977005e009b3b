/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/peer.h"

#include <netinet/in.h>

#include "shim/engine.h"

enum { HTTPS_PORT = 443, CANDIDATES = 64 };

static bool peer_of(int fd, struct shim_peer *peer)
{
    socklen_t length = sizeof peer->address;
    int type = 0;
    socklen_t type_length = sizeof type;
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) != 0 ||
        type != SOCK_STREAM || getpeername(fd, (struct sockaddr *)&peer->address, &length) != 0) {
        return false;
    }
    if (peer->address.ss_family == AF_INET) {
        peer->port = ntohs(((const struct sockaddr_in *)(const void *)&peer->address)->sin_port);
        return true;
    }
    if (peer->address.ss_family == AF_INET6) {
        peer->port = ntohs(((const struct sockaddr_in6 *)(const void *)&peer->address)->sin6_port);
        return true;
    }
    return false;
}

/* A socket that is plainly none of the Internet's: nothing is hidden, there just is no port. */
static bool is_local(int fd)
{
    int domain = AF_UNSPEC;
    socklen_t length = sizeof domain;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
           domain != AF_INET && domain != AF_INET6;
}

void shim_peer_find(int fd, uint16_t told_port, struct shim_peer *peer)
{
    const struct shim_engine_state *state = shim_engine_state();
    if (peer_of(fd, peer)) {
        return;
    }
    *peer = (struct shim_peer){.address = {.ss_family = AF_UNSPEC}, .port = told_port};
    if (told_port != 0 || is_local(fd)) {
        return;
    }
    struct shim_connection noted[CANDIDATES];
    size_t count = state->stub->connections(noted, CANDIDATES);
    for (size_t i = 0; fd >= 0 && i < count; i++) {
        if (noted[i].fd == fd) {
            peer->port = noted[i].port;
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (shim_settings_watches(&state->settings, noted[i].port) && peer_of(noted[i].fd, peer) &&
            peer->port == noted[i].port) {
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (peer_of(noted[i].fd, peer) && peer->port == noted[i].port) {
            return;
        }
    }
    *peer = (struct shim_peer){.address = {.ss_family = AF_UNSPEC}, .port = HTTPS_PORT};
}
