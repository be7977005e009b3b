/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ldns does for us (dns/message.c). ldns needs libssl and libcrypto, and to load them takes
 * longer than a handshake. So the engine loads this part, a library of its own, only when it has a
 * question to send; tools and tests are linked with it.
 */
#ifndef DNS_LDNS_H
#define DNS_LDNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_LDNS_NAME_MAX = 255 };

struct dns_ldns {
    /* A query of class IN with recursion desired. edns_size: octets that we take by UDP; 0: no
     * EDNS. The caller owns *wire (free). False: no memory. */
    bool (*query)(const uint8_t *name, size_t name_length, uint16_t type, uint16_t id,
                  uint16_t edns_size, uint8_t **wire, size_t *length);
    /* The name at this position of the message, perhaps compressed, as at most 255 octets. Moves
     * the position behind it. ldns bounds the number of compression pointers. */
    bool (*expand)(const uint8_t *message, size_t length, size_t *position,
                   uint8_t name[DNS_LDNS_NAME_MAX], size_t *name_length);
};

/* NULL: it cannot be loaded. Linked with one of two: dns/ldns_linked.c, or the engine's. */
const struct dns_ldns *dns_ldns(void);
/* The only entry of libechshim-ldns.so. */
const struct dns_ldns *dns_ldns_table(void);

#endif
