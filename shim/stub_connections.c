/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where `connect` was seen to lead. Only a hint for transports that hide their descriptor: a reader
 * asks getpeername before it believes one. One 64-bit word an entry (descriptor 24 bits, port 16,
 * sequence 24), so no lock is needed in connect.
 */
#include <netinet/in.h>
#include <stdatomic.h>

#include "shim/stub.h"

enum { NOTED = 256, FD_BITS = 24, PORT_BITS = 16, SEQUENCE_BITS = 24 };

static _Atomic uint64_t noted[NOTED];
static _Atomic uint32_t last_sequence;

void stub_connection_note(int fd, const struct sockaddr *address, socklen_t length)
{
    uint16_t port;
    if (fd < 0 || fd >= 1 << FD_BITS || address == NULL) {
        return;
    }
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    } else if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        port = ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    } else {
        return;
    }
    uint32_t sequence = atomic_fetch_add_explicit(&last_sequence, 1, memory_order_relaxed) + 1;
    uint64_t word = (uint64_t)fd << (PORT_BITS + SEQUENCE_BITS) | (uint64_t)port << SEQUENCE_BITS |
                    (sequence & ((1U << SEQUENCE_BITS) - 1));
    atomic_store_explicit(&noted[(unsigned)fd % NOTED], word, memory_order_release);
}

bool stub_connection_port(int fd, uint16_t *port)
{
    uint64_t word =
        fd >= 0 ? atomic_load_explicit(&noted[(unsigned)fd % NOTED], memory_order_acquire) : 0;
    *port = (uint16_t)(word >> SEQUENCE_BITS);
    return word != 0 && (int)(word >> (PORT_BITS + SEQUENCE_BITS)) == fd;
}

size_t stub_connections(struct shim_connection *out, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < NOTED; i++) {
        uint64_t word = atomic_load_explicit(&noted[i], memory_order_acquire);
        if (word == 0) {
            continue;
        }
        struct shim_connection one = {
            .fd = (int)(word >> (PORT_BITS + SEQUENCE_BITS)),
            .port = (uint16_t)(word >> SEQUENCE_BITS),
            .sequence = (uint32_t)word & ((1U << SEQUENCE_BITS) - 1),
        };
        /* Insertion by falling sequence; what does not fit is the oldest. */
        size_t at = count;
        while (at > 0 && out[at - 1].sequence < one.sequence) {
            at--;
        }
        if (at >= max) {
            continue;
        }
        count = count < max ? count + 1 : max;
        for (size_t j = count - 1; j > at; j--) {
            out[j] = out[j - 1];
        }
        out[at] = one;
    }
    return count;
}
