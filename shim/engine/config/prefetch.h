/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prefetched HTTPS records. The look-up begins when the program starts to resolve the name, and its
 * ClientHello takes the answer: so it costs no round trip of its own.
 *
 * In the way of a name (shim/engine/names/names.h) this is where a look-up waits for whoever needs
 * it: shim_prefetch_begin begins one, _peek asks whether the answer is there, _https waits for it,
 * _drop gives it up. The table is bounded. A look-up that no connection takes ends when others
 * begin, or when its time is over.
 */
#ifndef SHIM_ENGINE_CONFIG_PREFETCH_H
#define SHIM_ENGINE_CONFIG_PREFETCH_H

#include "dns/lookup.h"

enum {
    SHIM_PREFETCH_MAX = 8, /* look-ups in progress; over plain DNS each has a descriptor */
};

/* Begins the look-up, unless it is in progress, in another thread too, or the answer is known.
 * Never waits; keeps errno. */
void shim_prefetch_begin(const struct dns_lookup *lookup, const char *host, uint16_t port);

/* Says that the program has its addresses: hurries the look-up, and starts to count the program's
 * patience. */
void shim_prefetch_addresses_came(const struct dns_lookup *lookup, const char *host, uint16_t port);

/*
 * Gives the answer if it comes before wait_until_us (io's clock; 0: now). One reference, or NULL:
 * the look-up goes on.
 */
ECH_MUST_USE struct dns_endpoints *shim_prefetch_peek(const struct dns_lookup *lookup,
                                                      const char *host, uint16_t port,
                                                      uint64_t wait_until_us);

/* Gives the look-up up: the program does not need it. */
void shim_prefetch_drop(const struct dns_lookup *lookup, const char *host, uint16_t port);

/* How long the program may have to wait for the records of a name. */
enum shim_patience {
    SHIM_PATIENT, /* for as long as the look-up takes, within its own limit */
    /* For a moment after it has its addresses (dns/resolver_health.h). The look-up goes on, so that
     * the next connection finds its answer. */
    SHIM_IMPATIENT,
};

/* Like dns_lookup_https, but continues a prefetched look-up if there is one. If patience ends
 * first, the reason is DNS_REASON_TIMEOUT. */
ECH_MUST_USE struct dns_endpoints *shim_prefetch_https(const struct dns_lookup *lookup,
                                                       const char *host, uint16_t port,
                                                       enum shim_patience patience,
                                                       struct dns_lookup_report *report);

/* For pthread_atfork. Between the two, the child calls shim_prefetch_leave to free its parent's
 * look-ups. */
void shim_prefetch_before_fork(void);
void shim_prefetch_leave(void);
void shim_prefetch_after_fork(void);

#endif
