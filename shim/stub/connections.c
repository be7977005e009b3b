/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>

#include "shim/common/address.h"
#include "shim/common/socket_identity.h"
#include "shim/stub/connections.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

/* ---- what `connect` did, for each descriptor ---- */

/*
 * A hint for transports that hide their descriptor. Readers ask getpeername before they believe it.
 * Each descriptor has one 64-bit word: port (16 bits) and sequence (24 bits) of its last connect.
 */
enum { FD_BITS = 24, PORT_BITS = 16, SEQUENCE_BITS = 24, NOTES = 4096 };

/* The words, in chunks. A chunk is mapped when it is first needed. */
static _Atomic uint64_t first_notes[NOTES];
static _Atomic(_Atomic uint64_t *) notes[(1 << FD_BITS) / NOTES] = {first_notes};
static _Atomic int last_noted = -1; /* the highest descriptor */
static _Atomic uint32_t last_sequence;

static _Atomic uint64_t *note_of(int fd, bool make)
{
    if (fd < 0 || fd >= 1 << FD_BITS) {
        return NULL;
    }
    _Atomic uint64_t *chunk = atomic_load_explicit(&notes[fd / NOTES], memory_order_acquire);
    if (chunk == NULL && make && !stub_locked()) {
        size_t size = NOTES * sizeof *chunk;
        _Atomic uint64_t *fresh =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED) {
            return NULL;
        }
        if (atomic_compare_exchange_strong(&notes[fd / NOTES], &chunk, fresh)) {
            chunk = fresh;
        } else {
            (void)munmap(fresh, size);
        }
    }
    return chunk != NULL ? &chunk[fd % NOTES] : NULL;
}

static void note_descriptor(int fd, uint16_t port)
{
    _Atomic uint64_t *note = note_of(fd, true);
    if (note == NULL) {
        return;
    }
    uint32_t sequence = atomic_fetch_add_explicit(&last_sequence, 1, memory_order_relaxed) + 1;
    uint64_t word = (uint64_t)fd << (PORT_BITS + SEQUENCE_BITS) | (uint64_t)port << SEQUENCE_BITS |
                    (sequence & ((1U << SEQUENCE_BITS) - 1));
    atomic_store_explicit(note, word, memory_order_release);
    int last = atomic_load_explicit(&last_noted, memory_order_relaxed);
    while (last < fd && !atomic_compare_exchange_weak(&last_noted, &last, fd)) {
    }
}

bool stub_connection_port(int fd, uint16_t *port)
{
    const _Atomic uint64_t *note = note_of(fd, false);
    uint64_t word = note != NULL ? atomic_load_explicit(note, memory_order_acquire) : 0;
    *port = (uint16_t)(word >> SEQUENCE_BITS);
    return word != 0;
}

size_t stub_connections(struct shim_connection *out, size_t max)
{
    size_t count = 0;
    int last = atomic_load_explicit(&last_noted, memory_order_acquire);
    /* Newer connections mostly have higher numbers, so begin at the highest. */
    for (int fd = last; fd >= 0; fd--) {
        const _Atomic uint64_t *note = note_of(fd, false);
        uint64_t word = note != NULL ? atomic_load_explicit(note, memory_order_acquire) : 0;
        if (word == 0 || stub_mark_of(fd) == STUB_MARK_OTHER) {
            continue;
        }
        struct shim_connection noted = {
            .fd = fd,
            .port = (uint16_t)(word >> SEQUENCE_BITS),
            .sequence = (uint32_t)word & ((1U << SEQUENCE_BITS) - 1),
            .written = stub_mark_of(fd) == STUB_MARK_OVER,
        };
        /* Inserts by falling sequence. If there is no room, the oldest is left out. */
        size_t at = count;
        while (at > 0 && out[at - 1].sequence < noted.sequence) {
            at--;
        }
        if (at >= max) {
            continue;
        }
        count = count < max ? count + 1 : max;
        for (size_t j = count - 1; j > at; j--) {
            out[j] = out[j - 1];
        }
        out[at] = noted;
    }
    return count;
}

/* ---- what `connect` was asked for ---- */

uint64_t stub_address_hash(const struct sockaddr *address, socklen_t length)
{
    struct shim_address octets;
    static const struct shim_address any_ipv6;
    static const uint8_t any[4];
    const struct shim_address any_ipv4 = shim_address_of_ipv4(any);
    size_t needed = 0;
    if (address != NULL && length >= sizeof address->sa_family) {
        needed = address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                               : sizeof(struct sockaddr_in6);
    }
    if (needed == 0 || length < needed || !shim_address_of(address, &octets) ||
        shim_address_equal(&octets, &any_ipv4) || shim_address_equal(&octets, &any_ipv6)) {
        return 0;
    }
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof octets.octets; i++) {
        hash = (hash ^ octets.octets[i]) * UINT64_C(0x100000001b3);
    }
    return hash != 0 ? hash : 1;
}

/* Does not ask whether it is a stream: what is asked later, for a handshake or a write, tells. */
bool stub_connection_begins(int fd, uint64_t *socket)
{
    int saved = errno;
    /* Ask now: another library may talk to a proxy before it returns from its connect. */
    *socket = stub_off() ? SHIM_SOCKET_UNKNOWN : stub_socket_of(fd);
    bool noted = *socket != SHIM_SOCKET_UNKNOWN;
    if (noted) {
        struct stub_connection *connection = stub_connection_open(*socket, fd);
        if (connection != NULL) {
            stub_mark_set(fd, STUB_MARK_CONNECTED);
        }
        if (connection != NULL && stub_locked()) {
            stub_connection_renew(connection, fd); /* the number alone is the identity */
        }
        atomic_fetch_or_explicit(&stub_guard_work, STUB_GUARD_TUNNEL, memory_order_release);
    }
    errno = saved;
    return noted;
}

void stub_connection_begun(int fd, uint64_t socket, const struct sockaddr *address,
                           socklen_t length)
{
    if (length < sizeof address->sa_family ||
        (address->sa_family != AF_INET && address->sa_family != AF_INET6)) {
        return;
    }
    int saved = errno;
    if (!stub_known_alone()) {
        socket = stub_socket_of(fd); /* another library may have replaced the connection */
    }
    struct stub_connection *connection = stub_connection_open(socket, fd);
    if (connection != NULL) {
        atomic_store_explicit(&connection->asked_port, shim_address_port(address),
                              memory_order_relaxed);
        atomic_store_explicit(&connection->asked_address, stub_address_hash(address, length),
                              memory_order_relaxed);
        stub_connection_add_flags(connection, STUB_CONNECTION_ASKED);
    }
    note_descriptor(fd, shim_address_port(address));
    errno = saved;
}
