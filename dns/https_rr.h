/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RDATA of HTTPS records (RFC 9460, 2.2 and 7; RFC 9848, 3). Pure and strict. Records come from the
 * wire only: the presentation form of RFC 9460, 2.1 is not read here.
 */
#ifndef DNS_HTTPS_RR_H
#define DNS_HTTPS_RR_H

#include "dns/name.h"
#include "ech/wire.h"

/* SvcParamKeys (RFC 9460, 14.3.2) that this client knows. */
enum https_key {
    HTTPS_KEY_MANDATORY = 0,
    HTTPS_KEY_ALPN = 1,
    HTTPS_KEY_NO_DEFAULT_ALPN = 2,
    HTTPS_KEY_PORT = 3,
    HTTPS_KEY_IPV4HINT = 4,
    HTTPS_KEY_ECH = 5,
    HTTPS_KEY_IPV6HINT = 6,
};

enum https_rr_verdict {
    HTTPS_RR_OK,
    HTTPS_RR_INCOMPATIBLE, /* a mandatory key that we do not know: the record is ignored (RFC 9460,
                              8) */
    HTTPS_RR_REJECTED,  /* not self-consistent: this record is rejected, the others stand (2.4.3) */
    HTTPS_RR_MALFORMED, /* the whole RRset is to be rejected (2.2) */
};

/* One record. Octets are borrowed from the RDATA; an absent parameter has `data` NULL. */
struct https_rr {
    uint16_t priority; /* 0 is AliasMode; then there are no parameters (2.4.2) */
    struct dns_name target;
    struct bytes mandatory; /* keys of 2 octets */
    struct bytes alpn;      /* ids, each with a length octet */
    bool no_default_alpn;
    bool has_port;
    uint16_t port;
    struct bytes ipv4hint; /* addresses of 4 octets */
    struct bytes ech; /* a well-formed ECHConfigList with its length prefix; none of its configs
                         need be usable */
    struct bytes ipv6hint; /* addresses of 16 octets */
};

/*
 * Parses the whole RDATA. *rr holds something only after HTTPS_RR_OK. In AliasMode only the framing
 * of the parameters is checked: their contents MUST be ignored (2.4.2).
 */
ECH_MUST_USE enum https_rr_verdict https_rr_parse(struct bytes rdata, struct https_rr *rr);

/*
 * RFC 9460, 7.1.2: whether the record's ALPN set (alpn, and http/1.1 unless no-default-alpn) has a
 * protocol for TLS over TCP. Ids that are defined for QUIC only (h3, h3-NN, hq-NN, doq) do not
 * count. Every other id does, since programs have ids of their own.
 */
ECH_MUST_USE bool https_rr_usable_over_tcp(const struct https_rr *rr);

/*
 * RFC 9460, 9 and 12: does this port belong to another protocol? A hostile record must not make us
 * talk to internal services. The list is the bad ports of the WHATWG's Fetch standard (2.9, port
 * blocking). The check is for ports from records, not for the authority's own. A record with such a
 * port stays in the set as an endpoint that cannot be reached; it is no reason to do without ECH.
 */
ECH_MUST_USE bool https_port_is_restricted(uint16_t port);

#endif
