/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CONNECT requests that went out (RFC 9110, 9.3.6): through them a connection to a proxy becomes
 * one to somebody else. Bounded, lock-free and safe in signal handlers, like all of the guard.
 */
#include <errno.h>
#include <string.h>

#include "shim/socket_identity.h"
#include "shim/stub_guard.h"

enum { TUNNELS = 64, PORT_BITS = 16, PORT_MAX = 65535 };

/* A ring. `target` is a hash of the host in its upper bits and the port in the lower ones. */
struct tunnel {
    _Atomic uint64_t socket; /* 0: free, or being filled in */
    _Atomic uint64_t target;
    atomic_int fd;
};

static struct tunnel tunnels[TUNNELS];
static atomic_uint next_tunnel;

static const char method[] = "CONNECT ";

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* FNV-1a. Who brings about a collision gets another port looked up. */
static uint64_t hash_of(const char *host, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ lower((uint8_t)host[i])) * UINT64_C(0x100000001b3);
    }
    return hash << PORT_BITS;
}

/* "host:port" up to a blank. False if it is not that. */
static bool read_target(const char *text, size_t length, uint64_t *target)
{
    const char *blank = memchr(text, ' ', length);
    const char *colon = blank != NULL ? memrchr(text, ':', (size_t)(blank - text)) : NULL;
    unsigned port = 0;
    if (colon == NULL || colon == text || colon + 1 == blank) {
        return false;
    }
    for (const char *at = colon + 1; at < blank; at++) {
        if (*at < '0' || *at > '9' || (port = port * 10 + (unsigned)(*at - '0')) > PORT_MAX) {
            return false;
        }
    }
    *target = hash_of(text, (size_t)(colon - text)) | port;
    return true;
}

bool stub_tunnel_begins(const char *octets, size_t length)
{
    return length >= sizeof method - 1 && memcmp(octets, method, sizeof method - 1) == 0;
}

void stub_tunnel_note(int fd, const char *octets, size_t length)
{
    uint64_t target;
    if (!stub_tunnel_begins(octets, length) ||
        !read_target(octets + sizeof method - 1, length - (sizeof method - 1), &target)) {
        return;
    }
    unsigned next = atomic_fetch_add_explicit(&next_tunnel, 1, memory_order_relaxed);
    struct tunnel *place = &tunnels[next % TUNNELS];
    atomic_store_explicit(&place->socket, 0, memory_order_release);
    atomic_store_explicit(&place->target, target, memory_order_release);
    atomic_store_explicit(&place->fd, fd, memory_order_release);
    atomic_store_explicit(&place->socket, shim_socket_identity(fd), memory_order_release);
}

/* Is it the socket under a descriptor or, where that is hidden, one that leads to the host and is
 * open still? */
static bool is_sought(const struct tunnel *place, uint64_t socket, uint64_t hash)
{
    uint64_t seen = atomic_load_explicit(&place->socket, memory_order_acquire);
    uint64_t target = atomic_load_explicit(&place->target, memory_order_acquire);
    if (seen == 0 || socket != 0) {
        return seen != 0 && seen == socket;
    }
    return target >> PORT_BITS == hash >> PORT_BITS &&
           shim_socket_identity(atomic_load_explicit(&place->fd, memory_order_acquire)) == seen;
}

bool stub_tunnel_of(int fd, const char *host, uint16_t *port)
{
    int saved = errno;
    uint64_t socket = fd >= 0 ? shim_socket_identity(fd) : 0;
    uint64_t hash = hash_of(host, strlen(host));
    unsigned next = atomic_load_explicit(&next_tunnel, memory_order_acquire);
    bool found = false;
    for (unsigned i = 1; i <= TUNNELS && !found; i++) {
        const struct tunnel *place = &tunnels[(next - i) % TUNNELS];
        if (is_sought(place, socket, hash)) {
            *port = (uint16_t)atomic_load_explicit(&place->target, memory_order_acquire);
            found = true;
        }
    }
    errno = saved;
    return found;
}
