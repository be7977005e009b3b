/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Internet addresses of both families as one kind. Pure.
 */
#ifndef SHIM_COMMON_ADDRESS_H
#define SHIM_COMMON_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Octets in the order of the network; IPv4 as ::ffff:0:0/96 (RFC 4291, 2.5.5.2). */
struct shim_address {
    uint8_t octets[16];
};

enum { SHIM_ADDRESSES_MAX = 16 };

/* A host's addresses, at most the first SHIM_ADDRESSES_MAX. */
struct shim_addresses {
    struct shim_address list[SHIM_ADDRESSES_MAX];
    size_t count;
};

struct shim_address shim_address_of_ipv4(const uint8_t octets[4]);
struct shim_address shim_address_of_ipv6(const uint8_t octets[16]);
/* False: it is no internet address (NULL, or of another family). */
bool shim_address_of(const struct sockaddr *from, struct shim_address *address);
/* The port of an internet socket address, in host order; 0 for other families. */
uint16_t shim_address_port(const struct sockaddr *from);
/* AF_INET, also if the address came mapped into IPv6, or AF_INET6. */
int shim_address_family(const struct shim_address *address);
/* Writes a socket address; returns its length. The port is in host order. */
socklen_t shim_address_write(const struct shim_address *address, uint16_t port,
                             struct sockaddr_storage *to);

bool shim_address_equal(const struct shim_address *a, const struct shim_address *b);
bool shim_addresses_hold(const struct shim_addresses *addresses,
                         const struct shim_address *address);
/* Adds an address that is not there yet. If there is no room, it is left out. */
void shim_addresses_add(struct shim_addresses *addresses, const struct shim_address *address);

/*
 * Does the address mean different hosts in different networks? True for loopback, link-local, RFC
 * 1918, unique local (RFC 4193), site-local, shared by carriers (RFC 6598), and for addresses that
 * connect takes for this host (0.0.0.0/8, ::).
 */
bool shim_address_is_private(const struct shim_address *address);

#endif
