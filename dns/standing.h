/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which resolvers are down. It is kept where answers are kept (dns/cache.h), in the process and in
 * the shared folder, as an answer to a question that no name has: so it belongs to one network, it
 * expires, and a damaged file says nothing.
 */
#ifndef DNS_STANDING_H
#define DNS_STANDING_H

#include "dns/lookup.h"

enum {
    DNS_DOWN_S = 60, /* how long a resolver counts as down, in seconds */
    /* Microseconds for which a resolver that is known to be down may show no sign of life, before a
     * question to it fails. */
    DNS_DOWN_WAIT_US = 300000,
};

/* Is the resolver of this id known to be down? Without a cache nothing is known. */
ECH_MUST_USE bool dns_standing_is_down(const struct dns_lookup *lookup, const char *id);
/* Notes that it is down, or that it answered. */
void dns_standing_note(const struct dns_lookup *lookup, const char *id, bool down);

#endif
