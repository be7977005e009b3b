/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key schedule of TLS 1.2 (RFC 5246, 5, 6.3 and 8.1; RFC 7627), for the outer handshake with
 * a server that has no TLS 1.3. Both sides' keys, so that a test server can use it too.
 */
#ifndef ECH_TLS12_KEYS_H
#define ECH_TLS12_KEYS_H

#include "ech/tls12_record.h"

enum { ECH_TLS12_MASTER_SECRET = 48, ECH_TLS12_VERIFY_DATA = 12 };

/* Of the two hellos. */
struct ech_tls12_randoms {
    struct bytes client;
    struct bytes server;
};

/* PRF with P_SHA256 or P_SHA384: fills out with len octets. ECH_ERR_CRYPTO, ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_tls12_prf(enum ech_hash hash, struct bytes secret,
                                           const char *label, struct bytes seed, uint8_t *out,
                                           size_t len);
/* The master secret from the premaster secret (RFC 5246, 8.1). The caller wipes it. */
ECH_MUST_USE enum ech_status ech_tls12_master_secret(enum ech_hash hash, struct bytes premaster,
                                                     const struct ech_tls12_randoms *randoms,
                                                     uint8_t master[ECH_TLS12_MASTER_SECRET]);
/* The same of RFC 7627, 4: session_hash is the transcript's hash up to ClientKeyExchange. */
ECH_MUST_USE enum ech_status
ech_tls12_extended_master_secret(enum ech_hash hash, struct bytes premaster,
                                 struct bytes session_hash,
                                 uint8_t master[ECH_TLS12_MASTER_SECRET]);
/* Sets both directions' keys, with sequence numbers 0 (RFC 5246, 6.3). Their suite and
 * encrypt_then_mac are `suite`'s and the argument's. */
ECH_MUST_USE enum ech_status ech_tls12_protection_start(
    const struct ech_tls12_suite *suite, bool encrypt_then_mac,
    const uint8_t master[ECH_TLS12_MASTER_SECRET], const struct ech_tls12_randoms *randoms,
    struct ech_tls12_protection *client, struct ech_tls12_protection *server);
/* verify_data of a Finished (RFC 5246, 7.4.9); label: "client finished" or "server finished". */
ECH_MUST_USE enum ech_status ech_tls12_verify_data(enum ech_hash hash,
                                                   const uint8_t master[ECH_TLS12_MASTER_SECRET],
                                                   const char *label, struct bytes transcript_hash,
                                                   uint8_t out[ECH_TLS12_VERIFY_DATA]);

#endif
