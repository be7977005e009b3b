/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The authority of one run. Its key is made at the start, lives in this process's memory and
 * nowhere else, and is gone with the process.
 */
#ifndef TOOLS_RELAY_AUTHORITY_H
#define TOOLS_RELAY_AUTHORITY_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <time.h>

enum { RELAY_AUTHORITY_HOURS = 24 };

struct relay_authority;

/* `hosts`: the only names that it may speak for, ended by NULL; NULL: all. NULL: see
 * relay_authority's GnuTLS error, there is no memory or no randomness. */
struct relay_authority *relay_authority_new(const char *const *hosts);
void relay_authority_free(struct relay_authority *authority);

/* Its certificate, as DER; lives as long as the authority. */
const gnutls_datum_t *relay_authority_certificate(const struct relay_authority *authority);

/* A certificate for a server, with its key. Several connections share one. */
struct relay_leaf {
    gnutls_certificate_credentials_t credentials;
    unsigned users;
};

/*
 * The leaf for a name or an address, wrong in the ways of `faults` (tools/relay/faults.h).
 * `real_names`: the extension subjectAltName of the real certificate, for
 * RELAY_FAULT_OTHER_HOST. To be given back; NULL: failed.
 */
struct relay_leaf *relay_authority_leaf(struct relay_authority *authority, const char *name,
                                        unsigned faults, const gnutls_datum_t *real_names);
void relay_leaf_release(struct relay_leaf *leaf);

#endif
