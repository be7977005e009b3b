/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Record protection of TLS 1.3 (RFC 8446, 5.2 to 5.4), one direction.
 */
#ifndef ECH_TLS13_RECORD_H
#define ECH_TLS13_RECORD_H

#include "ech/crypto.h"
#include "ech/records.h"

struct ech_tls13_protection {
    uint16_t cipher_suite;
    uint8_t key[ECH_AEAD_KEY_MAX];
    uint8_t iv[ECH_AEAD_NONCE];
    uint64_t sequence; /* of the next record */
};

/* Key and IV from a traffic secret (RFC 8446, 7.3). ECH_ERR_UNSUPPORTED: no suite of TLS 1.3. */
ECH_MUST_USE enum ech_status ech_tls13_protection_start(struct ech_tls13_protection *protection,
                                                        uint16_t cipher_suite,
                                                        const uint8_t *traffic_secret);
void ech_tls13_protection_wipe(struct ech_tls13_protection *protection);

/* Writes one record with this content, type and number of padding octets. ECH_ERR_SPACE: it would
 * be too long; ECH_ERR_CRYPTO, ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_tls13_protect(struct ech_tls13_protection *protection,
                                               uint8_t type, struct bytes content, size_t padding,
                                               struct writer *records);

/* The contents of a protected record. */
struct ech_tls13_plaintext {
    uint8_t type;
    struct bytes content; /* borrowed from the writer that was given */
};
/*
 * Opens a record of the type application_data into `opened`, which is emptied first; the caller
 * owns and wipes it. Returns the alert for the server on failure (bad_record_mac, record_overflow,
 * unexpected_message, internal_error), ECH_ALERT_NONE on success.
 */
ECH_MUST_USE enum ech_alert ech_tls13_unprotect(struct ech_tls13_protection *protection,
                                                const struct ech_record *record,
                                                struct writer *opened,
                                                struct ech_tls13_plaintext *plaintext);

#endif
