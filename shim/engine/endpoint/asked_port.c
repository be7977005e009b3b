/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/endpoint/asked_port.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "dns/host_name.h"

enum { PLACES = 1024, PORT_BITS = 16 };

/* Upper bits: the name's hash; lower 16 bits: the port. 0: free. */
static _Atomic uint64_t places[PLACES];

static uint64_t hash_of(const char *host)
{
    return dns_host_hash(host, strlen(host)) << PORT_BITS;
}

static _Atomic uint64_t *place_of(uint64_t hash)
{
    return &places[hash >> PORT_BITS & (PLACES - 1)];
}

void shim_asked_note(const char *host, uint16_t port)
{
    uint64_t hash = hash_of(host);
    atomic_store_explicit(place_of(hash), hash | port, memory_order_relaxed);
}

bool shim_asked_port(const char *host, uint16_t *port)
{
    uint64_t hash = hash_of(host);
    uint64_t known = atomic_load_explicit(place_of(hash), memory_order_relaxed);
    *port = (uint16_t)known;
    return *port != 0 && (known ^ hash) >> PORT_BITS == 0;
}
