/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SVCB resolution for TLS over TCP (RFC 9460, 3; RFC 9848, 5): from an origin to endpoints with
 * their ECHConfigLists.
 *
 * Choices where the RFCs leave one: failures are told, and whether they are fatal is the caller's
 * policy (RFC 9460, 3.1); an RRset is not rejected because all records have no-default-alpn
 * (7.1.2); Additional records are not used, each alias is asked for (5.2).
 */
#ifndef DNS_LOOKUP_H
#define DNS_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/answer.h"
#include "dns/cache.h"
#include "dns/io.h"
#include "dns/resolver.h"

enum {
    DNS_ALIAS_MAX = 8, /* queries after the first one, for AliasMode records and CNAMEs (RFC
                          9460, 2.4.2 and 3.1) */
};

/* Who is asked and how. All pointers are borrowed; the same object may serve many threads. */
struct dns_lookup {
    const struct dns_resolver *resolver;
    const char *resolv_conf; /* NULL: /etc/resolv.conf */
    const struct dns_io *io;
    struct dns_cache *cache; /* NULL: none */
    uint64_t timeout_us;     /* bound of one look-up with all retries, servers, aliases and TCP */
};

/* How a look-up went, for the report. */
struct dns_lookup_report {
    uint64_t lookup_us; /* how long it took */
    bool cached;
    char resolver[DNS_RESOLVER_ID]; /* dns_servers_id of who was asked, or would have been */
};

/*
 * Looks up the HTTPS records of host and port (the authority's, in host order). Blocks at most
 * timeout_us; safe in threads and in the child of a fork, opens nothing that outlives the call,
 * keeps errno. The answer is one reference: dns_https_answer_free. NULL only if there is no memory,
 * which counts as DNS_FAILED. report may be NULL.
 */
ECH_MUST_USE struct dns_https_answer *dns_lookup_https(const struct dns_lookup *lookup,
                                                       const char *host, uint16_t port,
                                                       struct dns_lookup_report *report);

#endif
