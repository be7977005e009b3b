/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is the server that rejected ECH? X.509 path validation and signatures for the outer
 * handshake (ech/tls13_handshake.h), by GnuTLS. Nothing is fetched while validating: no AIA, CRL or
 * OCSP (RFC 9849, 10.7).
 */
#ifndef SHIM_ENGINE_BASE_VERIFY_H
#define SHIM_ENGINE_BASE_VERIFY_H

#include "ech/tls13_handshake.h"

struct shim_verifier;

/*
 * Reads the trust anchors: those of the file (PEM), or the system's if it is NULL. The caller owns
 * *verifier: shim_verifier_free. It may serve many handshakes, one at a time. ECH_ERR_UNSUPPORTED:
 * no anchors; ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status shim_verifier_new(struct shim_verifier **verifier,
                                               const char *ca_file);
/* NULL is fine. */
void shim_verifier_free(struct shim_verifier *verifier);

/* For a handshake, which must not outlive it. */
struct ech_tls13_verifier shim_verifier_callbacks(struct shim_verifier *verifier);

/*
 * For a server that is known by its name, a host name, or where that is "", by its address of 4 or
 * 16 octets: whether the chain (DER, the leaf first) is a good one, and the leaf for it (RFC 9525).
 */
ECH_MUST_USE bool shim_verifier_is_server(const struct shim_verifier *verifier,
                                          const struct bytes *certificates, size_t count,
                                          const char *name, struct bytes address);

/*
 * RFC 9525, 6.3, for a name that is a host name: equal without regard to case, or `presented` is a
 * wildcard: its whole left-most label, for exactly one label, over two labels at least.
 */
bool shim_dns_id_matches(struct bytes presented, struct bytes reference);

#endif
