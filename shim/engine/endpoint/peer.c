/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/endpoint/peer.h"

#include <errno.h>

#include "shim/common/address.h"
#include "shim/engine/endpoint/asked_port.h"
#include "shim/engine/sockets/reconnect.h"
#include "shim/engine/state/state.h"

enum { CANDIDATES = 64 };

static bool peer_of(int fd, struct shim_peer *peer)
{
    socklen_t length = sizeof peer->address;
    if (fd >= 0 && fd == peer->way.fd && peer->way.peer.ss_family != AF_UNSPEC) {
        peer->address = peer->way.peer;
    } else if (fd < 0 || getpeername(fd, (struct sockaddr *)&peer->address, &length) != 0) {
        return false;
    }
    peer->port = shim_address_port((const struct sockaddr *)&peer->address);
    return peer->address.ss_family == AF_INET || peer->address.ss_family == AF_INET6;
}

/* Has the connection carried octets? Asks only if the stub has not asked yet. */
static bool is_used(const struct shim_way *way, int fd)
{
    return way->carried == SHIM_CARRIED_UNASKED ? shim_reconnect_used(fd)
                                                : way->carried == SHIM_CARRIED_OCTETS;
}

/* Is a noted descriptor still the stream socket that was noted? */
static bool is_stream_to(const struct shim_connection *noted, struct shim_peer *peer)
{
    int type = 0;
    socklen_t length = sizeof type;
    return getsockopt(noted->fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
           peer_of(noted->fd, peer) && (peer->port == noted->port || peer->way.tunnel) &&
           (peer->fd = noted->fd) >= 0;
}

/* A connection to a watched port that is still being made, so the kernel knows no peer yet. */
static bool is_being_made(const struct shim_connection *noted, const char *host,
                          struct shim_peer *peer)
{
    struct shim_way way = {.fd = -1};
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getpeername(noted->fd, (struct sockaddr *)&address, &length) == 0 || errno != ENOTCONN ||
        !shim_state()->stub->way_of(noted->fd, host, &way) || !way.watched) {
        return false;
    }
    *peer = (struct shim_peer){
        .fd = noted->fd, .way = way, .address = {.ss_family = AF_UNSPEC}, .port = noted->port};
    return true;
}

/* A socket that is not of the Internet families has no port, and hides none. */
static bool is_local(int fd)
{
    int domain = AF_UNSPEC;
    socklen_t length = sizeof domain;
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
           domain != AF_INET && domain != AF_INET6;
}

static bool same_address(const struct shim_peer *a, const struct shim_peer *b)
{
    struct shim_address first;
    struct shim_address second;
    return shim_address_of((const struct sockaddr *)&a->address, &first) &&
           shim_address_of((const struct sockaddr *)&b->address, &second) &&
           shim_address_equal(&first, &second);
}

/* Looks among those that were written to, or among those that were not. Each costs three system
 * calls. */
static bool guess_among(const struct shim_connection *noted, size_t count, bool written,
                        struct shim_peer *peer)
{
    const struct shim_settings *settings = &shim_state()->settings;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        struct shim_peer candidate = {.fd = -1};
        if (noted[i].written != written) {
            continue;
        }
        (void)shim_state()->stub->way_of(noted[i].fd, NULL, &candidate.way);
        if ((!candidate.way.watched && !shim_settings_watches(settings, noted[i].port)) ||
            !is_stream_to(&noted[i], &candidate)) {
            continue;
        }
        candidate.used = is_used(&candidate.way, candidate.fd);
        if (!found || (peer->used && !candidate.used)) {
            *peer = candidate;
            found = true;
        } else if (!candidate.used && !same_address(&candidate, peer)) {
            peer->doubtful = true;
        }
    }
    return found;
}

/*
 * Guesses the connection to a watched port on which a handshake is most likely to begin: one that
 * carried nothing yet. A program may keep many connections open, so those on which we saw octets
 * are only looked at if there is no other.
 */
static bool guess_watched(const struct shim_connection *noted, size_t count, struct shim_peer *peer)
{
    struct shim_peer other = {.fd = -1};
    bool found = guess_among(noted, count, false, peer);
    if ((!found || peer->used) && guess_among(noted, count, true, &other) &&
        (!found || !other.used)) {
        *peer = other;
        found = true;
    }
    return found;
}

/* The newest connection through a proxy, to this host or (NULL) to a watched port. */
static bool find_tunnel(const char *host, struct shim_peer *peer)
{
    struct shim_peer found = {.address = {.ss_family = AF_UNSPEC}, .used = true};
    if (!shim_state()->stub->way_of(-1, host, &found.way)) {
        return false;
    }
    found.fd = found.way.fd;
    (void)peer_of(found.fd, &found);
    *peer = found;
    return true;
}

/* The port that the `connect` of this descriptor was given. False: none was noted. */
static bool noted_port(int fd, const struct shim_connection *noted, size_t count, uint16_t *port)
{
    for (size_t i = 0; fd >= 0 && i < count; i++) {
        if (noted[i].fd == fd) {
            *port = noted[i].port;
            return true;
        }
    }
    return false;
}

/* For a program that has locked itself in: believes the noted `connect` calls and does not ask the
 * kernel. If none was noted, it may be any port. */
static void find_unasked(int fd, uint16_t told_port, struct shim_peer *peer)
{
    struct shim_connection noted[CANDIDATES];
    size_t count = shim_state()->stub->connections(noted, CANDIDATES);
    *peer =
        (struct shim_peer){.fd = fd, .address = {.ss_family = AF_UNSPEC}, .port = DNS_HTTPS_PORT};
    if (told_port != 0) {
        peer->port = told_port;
    } else {
        (void)noted_port(fd, noted, count, &peer->port);
    }
}

/* Asks the kernel and the stub about the descriptor itself. False: neither knows the peer, and
 * *peer has neither address nor port. */
static bool find_of_descriptor(int fd, uint16_t told_port, const char *host, struct shim_peer *peer)
{
    /* Asked for datagram sockets too: DTLS to a port that is not watched does not concern us. */
    struct shim_way way = {.fd = -1};
    if (fd >= 0) {
        (void)shim_state()->stub->way_of(fd, host, &way);
    }
    *peer = (struct shim_peer){.fd = fd, .way = way};
    peer->used = is_used(&way, fd);
    if (peer_of(fd, peer)) {
        return true;
    }
    *peer = (struct shim_peer){
        .fd = fd, .way = way, .address = {.ss_family = AF_UNSPEC}, .port = told_port};
    return told_port != 0 || is_local(fd);
}

/* Guesses among the noted connections, the most likely first. */
static bool guess(int fd, const char *host, const struct shim_connection *noted, size_t count,
                  struct shim_peer *peer)
{
    bool found = guess_watched(noted, count, peer);
    if ((!found || peer->used) && fd < 0 && find_tunnel(NULL, peer)) {
        return true; /* a used connection is more likely a tunnel than the start of a handshake */
    }
    for (size_t i = 0; !found && i < count; i++) {
        found = is_being_made(&noted[i], host, peer);
    }
    for (size_t i = 0; !found && i < count; i++) {
        found = is_stream_to(&noted[i], peer);
    }
    return found;
}

void shim_peer_find(int fd, uint16_t told_port, const char *host, struct shim_peer *peer)
{
    const struct shim_stub *stub = shim_state()->stub;
    if (stub->locked()) {
        find_unasked(fd, told_port, peer);
        return;
    }
    if ((fd < 0 && told_port == 0 && host != NULL && find_tunnel(host, peer)) ||
        find_of_descriptor(fd, told_port, host, peer)) {
        return;
    }
    struct shim_connection noted[CANDIDATES];
    size_t count = stub->connections(noted, CANDIDATES);
    if (noted_port(fd, noted, count, &peer->port) || guess(fd, host, noted, count, peer)) {
        return;
    }
    /* Nothing says that this handshake concerns us: it may be TLS within datagrams (OpenVPN) or
     * over a pipe. If the hello goes to a watched port after all, the guard sees it there. */
    *peer = (struct shim_peer){.fd = -1, .address = {.ss_family = AF_UNSPEC}};
    uint16_t port;
    if (fd < 0 && host != NULL && shim_asked_port(host, &port)) {
        peer->port = port; /* with TCP fast open the hello itself makes the connection */
    }
}
