/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domain names (RFC 1035, 3.1) and the query name of HTTPS records (RFC 9460, 9.1).
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/host_name.h"
#include "ech/status.h"
#include "ech/wire.h"

enum {
    DNS_NAME_MAX = 255, /* octets on the wire, root label included (RFC 1035, 2.3.4) */
    DNS_LABEL_MAX = 63, /* octets of one label */
};

/* A name as on the wire: uncompressed, lower-case, with its root label. So equal names are equal
 * octets. */
struct dns_name {
    uint8_t len;
    uint8_t octets[DNS_NAME_MAX];
};

/* Borrowed octets of the name. */
static inline struct bytes dns_name_view(const struct dns_name *name)
{
    return bytes_of(name->octets, name->len);
}

ECH_MUST_USE bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* True for the root, which stands as "." in TargetName. */
ECH_MUST_USE bool dns_name_is_root(const struct dns_name *name);

/*
 * Reads an uncompressed name (RFC 9460, 2.2) and lower-cases it. ECH_ERR_DECODE: cut short, longer
 * than 255 octets, or with a compression pointer; then the reader has not moved.
 */
ECH_MUST_USE enum ech_status dns_name_read(struct reader *r, struct dns_name *name);

/* What a host name is to a client of the DNS. */
enum dns_name_kind {
    DNS_NAME_NONE,    /* no host name: an IP literal, or it has forbidden octets */
    DNS_NAME_PRIVATE, /* one label, or under a name that the global DNS does not have or must not be
                         asked for: localhost, test, invalid (RFC 6761), local (RFC 6762), home.arpa
                         (RFC 8375), onion (RFC 7686), alt (RFC 9476), internal (ICANN), and those
                         of RFC 6762, appendix G: intranet, private, corp, home, lan, localdomain.
                         Only the local network can say what it means. */
    DNS_NAME_GLOBAL,
};

/* Letters, digits, hyphens and underscores in labels of 1 to 63 octets, the last one not a number;
 * one trailing dot is allowed. The total length is not checked. */
ECH_MUST_USE enum dns_name_kind dns_name_kind_of(const char *host);

/*
 * The QNAME of the HTTPS query of an origin (RFC 9460, 2.3 and 9.1): the host for port 443, else
 * _PORT._https.HOST. ECH_ERR_UNSUPPORTED: no query may be sent for this host (RFC 9460, 3): it is
 * not DNS_NAME_GLOBAL. ECH_ERR_SPACE: with the prefix it is too long for the DNS.
 */
ECH_MUST_USE enum ech_status dns_name_of_origin(const char *host, uint16_t port,
                                                struct dns_name *name);

/*
 * The QNAME for the addresses of a host name, taken as absolute. The caller decides whether it may
 * ask for a private name. ECH_ERR_UNSUPPORTED: it is DNS_NAME_NONE. ECH_ERR_SPACE.
 */
ECH_MUST_USE enum ech_status dns_name_of_host(const char *host, struct dns_name *name);

/*
 * Writes the name as text without a trailing dot. False if it is the root, or has octets that a
 * host name may not have: no resolver interface of the system could take it.
 */
ECH_MUST_USE bool dns_name_to_host(const struct dns_name *name, char host[DNS_HOST_SIZE]);

#endif
