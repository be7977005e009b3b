/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program's own names: what getaddrinfo and gethostbyname answer under an encrypted resolver,
 * and what is prefetched for the next TLS handshake.
 *
 * The way of a name begins here, and is one ladder (docs/architecture.md, The way of a name). Each
 * rung asks only the next one:
 *
 * 1. The program resolves a name: shim_names_getaddrinfo or shim_names_asked, in this header.
 * 2. The name may lead to a TLS connection, so its HTTPS look-up begins at once and waits in a
 *    table for the handshake: shim/engine/config/prefetch.h.
 * 3. A look-up goes from an origin to its endpoints, or from a host to its addresses, by the cache
 *    or the network: dns/lookup.h.
 * 4. A look-up is one resolution or more. A resolution finds the records of one name, and follows
 *    its aliases: dns/resolution.h.
 * 5. A resolution asks one question after another. A question goes over plain DNS or the channel of
 *    an encrypted resolver: dns/question.h.
 *
 * The answer comes back by the same rungs. The handshake takes it from rung 2 (shim_config_search
 * calls shim_prefetch_https).
 *
 * The C library still resolves the name itself: /etc/hosts, numeric hosts, services, AI_* flags,
 * the order of RFC 6724, errors. Under an encrypted resolver, a service of its Name Service Switch
 * takes the place of its DNS client, and enters the ladder at rung 3.
 */
#ifndef SHIM_ENGINE_NAMES_NAMES_H
#define SHIM_ENGINE_NAMES_NAMES_H

#include <netdb.h>

#include "shim/engine/state/state.h"

/*
 * Puts our service into its place, if the settings ask for an encrypted resolver. Call once, at the
 * start of the engine. If that fails, names that are not this machine's own are not resolved at
 * all.
 */
void shim_names_start(void);

/* True if the C library would still ask in the clear: then do not call it. */
bool shim_names_closed(void);
/* True, once, if this thread's last look-up failed for a reason that will stay. */
bool shim_names_failed_for_good(void);

/* getaddrinfo as the application sees it (getaddrinfo.c). */
int shim_names_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                           struct addrinfo **result);
/* Another function of the C library is about to resolve the name. False: it must not. Keeps errno.
 * */
bool shim_names_asked(const char *node, const char *service, const struct addrinfo *hints);

#endif
