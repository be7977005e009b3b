/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Look-ups of HTTPS records that were begun when the program started to resolve the name, and are
 * taken up when its ClientHello needs them: so they cost no round trip of their own. Bounded; a
 * program that resolves and never connects leaves a few that are given up when others begin or
 * their time is over.
 */
#ifndef SHIM_ENGINE_CONFIG_PREFETCH_H
#define SHIM_ENGINE_CONFIG_PREFETCH_H

#include "dns/lookup.h"

enum {
    SHIM_PREFETCH_MAX = 8, /* look-ups in flight; over plain DNS each has a descriptor */
};

/* Begins the look-up, unless it is under way or the answer known. Never waits; keeps errno. */
void shim_prefetch_begin(const struct dns_lookup *lookup, const char *host, uint16_t port);

/* The program has its addresses: what is under way is hurried, and its patience counts from now. */
void shim_prefetch_addresses_came(const struct dns_lookup *lookup, const char *host, uint16_t port);

/*
 * The answer, if it is there by then (io's clock; 0: now). One reference, or NULL: the look-up goes
 * on.
 */
ECH_MUST_USE struct dns_endpoints *shim_prefetch_peek(const struct dns_lookup *lookup,
                                                      const char *host, uint16_t port,
                                                      uint64_t wait_until_us);

/* The program has no use for it. */
void shim_prefetch_drop(const char *host, uint16_t port);

/* How long the program may be kept for the records of a name. */
enum shim_patience {
    SHIM_PATIENT, /* as long as the look-up's own bound says */
    /* A moment from when it has its addresses (dns/resolver_health.h). The look-up goes on, so that
     * the next connection finds its answer. */
    SHIM_IMPATIENT,
};

/* dns_lookup_https, by what was begun ahead if there is something. Where patience ended the reason
 * is DNS_REASON_TIMEOUT. */
ECH_MUST_USE struct dns_endpoints *shim_prefetch_https(const struct dns_lookup *lookup,
                                                       const char *host, uint16_t port,
                                                       enum shim_patience patience,
                                                       struct dns_lookup_report *report);

/* For pthread_atfork. The child leaves what its parent began, between the two. */
void shim_prefetch_before_fork(void);
void shim_prefetch_leave(void);
void shim_prefetch_after_fork(void);

#endif
