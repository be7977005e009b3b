/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which network this machine is in, so that an answer of one is not used in another (RFC 9460, 12):
 * the address of a resolver does not tell that, for 192.168.1.1 and 127.0.0.53 are everywhere.
 */
#ifndef DNS_NETWORK_H
#define DNS_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "ech/status.h"

/*
 * A number that changes with the default routes and what stands in for them (halves, as clients of
 * VPNs set them), the addresses of their routers on the link, and the IPv6 prefixes of the links.
 * All that comes from files in /proc/net; nothing is sent. False if they cannot be read. Somebody
 * who builds a network with the same addresses, those on the link included, is not told apart.
 */
ECH_MUST_USE bool dns_network_id(uint64_t *id);

/* The same, of `route`, `arp` and `ipv6_route` in this folder; the last two need not be there. */
ECH_MUST_USE bool dns_network_id_of(const char *folder, uint64_t *id);

#endif
