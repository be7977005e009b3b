/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which network this machine is in: answers from one network must not be used in another (RFC 9460,
 * 12). The address of a resolver does not tell networks apart: 192.168.1.1 and 127.0.0.53 are
 * everywhere.
 */
#ifndef DNS_NETWORK_H
#define DNS_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "ech/status.h"

/*
 * A number that changes with the default routes (or the two halves that VPN clients set instead),
 * the link-layer addresses of their routers, and the IPv6 prefixes of the links. It is read from
 * files in /proc/net; nothing is sent. False if they cannot be read. A network built with all the
 * same addresses, link-layer ones included, gets the same number.
 */
ECH_MUST_USE bool dns_network_id(uint64_t *id);

/* The same from the files `route`, `arp` and `ipv6_route` of this folder; the last two may be
 * missing. */
ECH_MUST_USE bool dns_network_id_of(const char *folder, uint64_t *id);

#endif
