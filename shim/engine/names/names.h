/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program's own names (docs/architecture.md, The way of a name): what its getaddrinfo and
 * gethostbyname are answered with under an encrypted resolver, and what is asked ahead for its next
 * TLS handshake.
 *
 * The C library stays the one that resolves: /etc/hosts, numeric hosts, services, AI_* flags, the
 * order of RFC 6724, errors. Under an encrypted resolver only the place of its DNS client is taken,
 * by a service of its Name Service Switch.
 */
#ifndef SHIM_ENGINE_NAMES_NAMES_H
#define SHIM_ENGINE_NAMES_NAMES_H

#include <netdb.h>

#include "shim/engine/state/state.h"

/*
 * Puts the service into its place, if the settings ask for an encrypted resolver; once, inside.
 * Where that cannot be done, names that are not this machine's own are not resolved at all.
 */
void shim_names_start(void);

/* True if the C library would ask in clear all the same: then it must not be asked. */
bool shim_names_closed(void);
/* True, once, if the last look-up of this thread failed for a reason that will stay. */
bool shim_names_failed_for_good(void);

/* getaddrinfo as the application shall see it (getaddrinfo.c). */
int shim_names_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                           struct addrinfo **result);
/* Another function of the C library is about to resolve the name. False: it must not. Keeps errno.
 */
bool shim_names_asked(const char *node, const char *service, const struct addrinfo *hints);

#endif
