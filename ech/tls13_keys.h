/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key schedule of TLS 1.3 without PSK (RFC 8446, 7.1), for the outer handshake after a
 * rejection. Both sides' secrets, so that a test server can use it too.
 */
#ifndef ECH_TLS13_KEYS_H
#define ECH_TLS13_KEYS_H

#include "ech/crypto.h"

/* Secrets of ech_hash_size octets each. */
struct ech_tls13_secrets {
    enum ech_hash hash;
    uint8_t secret[ECH_HASH_MAX]; /* Handshake Secret, then Master Secret */
    uint8_t client[ECH_HASH_MAX]; /* client_handshake_traffic_secret, then of application_0 */
    uint8_t server[ECH_HASH_MAX];
};

/*
 * Derives the handshake traffic secrets from the (EC)DHE shared secret and the transcript hash up
 * to ServerHello. ECH_ERR_CRYPTO, ECH_ERR_NOMEM; the caller wipes *secrets in any case.
 */
ECH_MUST_USE enum ech_status ech_tls13_secrets_handshake(struct ech_tls13_secrets *secrets,
                                                         enum ech_hash hash, struct bytes shared,
                                                         const uint8_t *transcript_hash);
/* Derives the application traffic secrets from the handshake secrets, which are then gone, and the
 * transcript hash up to the server's Finished. */
ECH_MUST_USE enum ech_status ech_tls13_secrets_application(struct ech_tls13_secrets *secrets,
                                                           const uint8_t *transcript_hash);
void ech_tls13_secrets_wipe(struct ech_tls13_secrets *secrets);

/* verify_data of a Finished (RFC 8446, 4.4.4), ech_hash_size octets, from its sender's handshake
 * traffic secret. */
ECH_MUST_USE enum ech_status ech_tls13_verify_data(enum ech_hash hash, const uint8_t *traffic,
                                                   const uint8_t *transcript_hash, uint8_t *out);

#endif
