/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Record protection of TLS 1.2, one direction: AES-GCM (RFC 5288), ChaCha20-Poly1305 (RFC 7905),
 * and AES-CBC with HMAC, in the old order (RFC 5246, 6.2.3.2) or encrypt-then-MAC (RFC 7366).
 */
#ifndef ECH_TLS12_RECORD_H
#define ECH_TLS12_RECORD_H

#include "ech/records.h"
#include "ech/tls12_suites.h"

struct ech_tls12_protection {
    const struct ech_tls12_suite *suite;
    bool encrypt_then_mac; /* of a CBC suite */
    uint8_t mac_key[ECH_MAC_MAX];
    uint8_t key[ECH_AEAD_KEY_MAX];
    uint8_t iv[ECH_AEAD_NONCE]; /* the fixed part of the nonce */
    uint64_t sequence;          /* of the next record */
};

/* Octets of the nonce that come from the key block. */
size_t ech_tls12_fixed_iv_size(const struct ech_tls12_suite *suite);
void ech_tls12_protection_wipe(struct ech_tls12_protection *protection);

/* Writes one record with this content, which is short. `random` gives the IV of a CBC suite.
 * ECH_ERR_CRYPTO, ECH_ERR_SPACE, ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_tls12_protect(struct ech_tls12_protection *protection,
                                               const struct ech_random *random, uint8_t type,
                                               struct bytes content, struct writer *records);
/*
 * Opens a record into `opened`, which is emptied first; the caller owns and wipes it. Returns the
 * alert for the server on failure: bad_record_mac whether the MAC or the padding is wrong,
 * protocol_version, internal_error. *content is borrowed from `opened`.
 */
ECH_MUST_USE enum ech_alert ech_tls12_unprotect(struct ech_tls12_protection *protection,
                                                const struct ech_record *record,
                                                struct writer *opened, struct bytes *content);

#endif
