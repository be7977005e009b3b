/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is this the server that rejected ECH, or the resolver? X.509 path validation and signatures, by
 * GnuTLS (ech/tls13_handshake.h). Validation fetches nothing: no AIA, CRL or OCSP (RFC 9849, 10.7).
 */
#ifndef SHIM_ENGINE_BASE_VERIFY_H
#define SHIM_ENGINE_BASE_VERIFY_H

#include "ech/tls13_handshake.h"

struct shim_verifier;

/*
 * Reads the trust anchors from the file (PEM), or the system's if it is NULL. The caller owns
 * *verifier and frees it by shim_verifier_free. It may serve many handshakes, one at a time.
 * ECH_ERR_UNSUPPORTED: there are no anchors; ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status shim_verifier_new(struct shim_verifier **verifier,
                                               const char *ca_file);
/* NULL does nothing. */
void shim_verifier_free(struct shim_verifier *verifier);

/* The callbacks for a handshake, which must not outlive the verifier. */
struct ech_outer_verifier shim_verifier_callbacks(struct shim_verifier *verifier);

/*
 * Is the chain (DER, leaf first) valid, and the leaf for this server (RFC 9525)? The server is
 * known by its host name or, where that is "", by its address of 4 or 16 octets.
 */
ECH_MUST_USE bool shim_verifier_is_server(const struct shim_verifier *verifier,
                                          const struct bytes *certificates, size_t count,
                                          const char *name, struct bytes address);

/*
 * RFC 9525, 6.3: does a presented DNS-ID match a host name? They are equal without regard to case,
 * or `presented` begins with the label "*", which stands for exactly one label, before two labels
 * at least.
 */
bool shim_dns_id_matches(struct bytes presented, struct bytes reference);

#endif
