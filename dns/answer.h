/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a look-up yields: endpoints with their ECHConfigLists, or why there are none. Immutable once
 * made and shared by reference, between the cache and any number of threads.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dns/name.h"
#include "dns/svcb_select.h"
#include "ech/wire.h"

enum dns_result {
    DNS_FOUND,  /* there are endpoints; each says whether it has ech */
    DNS_NONE,   /* SVCB resolution ended without endpoints: connect as if there were no record (RFC
                   9460, 3 and 3.1) */
    DNS_FAILED, /* it could not be completed; over protected DNS this is a reason to give up (RFC
                   9460, 3.1) */
};

enum dns_reason {
    DNS_REASON_OK, /* of DNS_FOUND */
    /* of DNS_NONE */
    DNS_REASON_NODATA,
    DNS_REASON_NXDOMAIN,
    DNS_REASON_NO_SERVICE,       /* AliasMode with "." (2.5.1) */
    DNS_REASON_INCOMPATIBLE,     /* no record that we can use (8) */
    DNS_REASON_MALFORMED_RECORD, /* so the RRset was rejected (2.2) */
    DNS_REASON_ALIAS_LIMIT,      /* aliases or CNAMEs in a circle, or too many (3.1) */
    DNS_REASON_NO_QUERY,         /* not a name to ask the DNS about (3): nothing was sent */
    /* of DNS_FAILED */
    DNS_REASON_TIMEOUT,
    DNS_REASON_SERVFAIL,
    DNS_REASON_REFUSED,
    DNS_REASON_FORMERR,
    DNS_REASON_RCODE, /* another response code */
    DNS_REASON_MALFORMED_ANSWER,
    DNS_REASON_NETWORK,
    DNS_REASON_NO_MEMORY,
    DNS_REASON_NO_RANDOM,
    /* the next ones: of DNS_FAILED, with an encrypted resolver */
    DNS_REASON_RESOLVER_ADDRESS,     /* the system found no address of it */
    DNS_REASON_RESOLVER_CERTIFICATE, /* it could not prove who it is */
    DNS_REASON_RESOLVER_TLS,         /* the handshake failed otherwise, or a record was broken */
    DNS_REASON_RESOLVER_ECH,         /* a handshake with ECH failed */
    DNS_REASON_RESOLVER_CLOSED,      /* it closed the connection without an answer */
    DNS_REASON_HTTP_STATUS,          /* not 2xx (RFC 8484, 4.2.1) */
    DNS_REASON_HTTP_ANSWER,          /* the body is no DNS message, or the HTTP is broken */
};

/* A fixed lower-case word ("ok", "nodata", "servfail", "malformed_answer", ...). Never NULL, static
 * storage. */
const char *dns_reason_name(enum dns_reason reason);

/* One endpoint. Its octets belong to the answer. Its ech goes with this target and port only (RFC
 * 9848, 3 and 4). */
struct dns_endpoint {
    char target[DNS_HOST_SIZE]; /* the name whose addresses to connect to, "." resolved, no trailing
                                   dot */
    bool target_is_owner;       /* TargetName is "." and there was no alias: the origin's own name,
                                   through CNAMEs, has this endpoint's addresses */
    uint16_t port;
    uint16_t priority; /* SvcPriority; 0 for the endpoint that stands for an alias's target (RFC
                          9460, 3) */
    bool no_default_alpn;
    struct bytes alpn;            /* ids, each with a length octet */
    struct bytes ech_config_list; /* well-formed, with its length prefix; empty: none */
    struct bytes ipv4hint;        /* addresses of 4 octets */
    struct bytes ipv6hint;        /* addresses of 16 octets */
};

struct dns_endpoints {
    enum dns_result result;
    enum dns_reason reason;
    struct dns_endpoint *endpoints; /* in the order in which to try them */
    size_t count;                   /* 0 unless DNS_FOUND */
    /*
     * All endpoints have an ech parameter, so the client is SVCB-reliant (RFC 9848, 5.1). This
     * holds, by the RFC's words, even if an endpoint has no usable config: that endpoint then gets
     * GREASE, and no connection may ignore the records.
     */
    bool all_have_ech;
    bool alias_followed; /* at least one AliasMode record */
    uint32_t ttl;        /* seconds, as the DNS said; 0: not told */
    size_t size;         /* octets of memory of the whole answer */
    uint8_t *octets;     /* the memory that the endpoints point into */
    atomic_uint references;
};

/* A new answer without endpoints and with one reference; NULL if there is no memory. */
ECH_MUST_USE struct dns_endpoints *dns_answer_new(enum dns_result result, enum dns_reason reason);

/* What dns_answer_from_records needs to know beside the records. */
struct dns_answer_origin {
    const struct dns_name
        *owner;    /* the final QNAME, which "." in TargetName stands for (RFC 9460, 2.5.2) */
    uint16_t port; /* the authority's */
    bool alias_followed;
    uint64_t shuffle; /* a random number that decides the order of hints (RFC 9460, 7.3); 0: they
                         keep theirs */
};

/*
 * A DNS_FOUND answer of these records, in their order. If an alias was followed, and not all
 * records have ech (RFC 9848, 5.1), the endpoint {owner, authority's port, no parameters} comes
 * last (RFC 9460, 3); then count may be 0. NULL: no memory.
 */
ECH_MUST_USE struct dns_endpoints *dns_answer_from_records(const struct https_rr *records,
                                                           size_t count,
                                                           const struct dns_answer_origin *origin);

/* One more reference; returns the answer. */
struct dns_endpoints *dns_endpoints_hold(struct dns_endpoints *answer);
/* Gives a reference back; the last one frees. NULL is nothing. */
void dns_endpoints_free(struct dns_endpoints *answer);

/* Bounds on how long answers are kept. */
enum {
    /* Seconds. The minimum also holds where the DNS gave no time (RFC 2308, 5 would not keep that
     * at all). */
    DNS_CACHE_TTL_MIN = 5,
    DNS_CACHE_TTL_MAX = 86400,
    /* "No record" is forgotten sooner, whatever the SOA says (RFC 2308, 5: "one to three hours have
     * been found to work well"): a site that publishes its first key should not have to wait a day.
     */
    DNS_CACHE_NEGATIVE_TTL_MAX = 3600,
};

/* Seconds for which this answer may be kept: its ttl within these bounds. */
uint32_t dns_endpoints_lifetime(const struct dns_endpoints *answer);

#endif
