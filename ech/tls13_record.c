/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_record.h"

#include "ech/client_hello.h"
#include "ech/server_hello.h"

enum { TYPE_OCTET = 1 };

enum ech_status ech_tls13_protection_start(struct ech_tls13_protection *protection,
                                           uint16_t cipher_suite, const uint8_t *traffic_secret)
{
    enum ech_hash hash;
    enum ech_status status = ech_suite_hash(cipher_suite, &hash);
    if (status != ECH_OK) {
        return status;
    }
    struct bytes secret = bytes_of(traffic_secret, ech_hash_size(hash));
    struct bytes none = bytes_of(NULL, 0);
    protection->cipher_suite = cipher_suite;
    protection->sequence = 0;
    status = ech_hkdf_expand_label(hash, secret, "key", none, protection->key,
                                   ech_suite_key_size(cipher_suite));
    if (status == ECH_OK) {
        status =
            ech_hkdf_expand_label(hash, secret, "iv", none, protection->iv, sizeof protection->iv);
    }
    return status;
}

void ech_tls13_protection_wipe(struct ech_tls13_protection *protection)
{
    ech_wipe(protection, sizeof *protection);
}

/* RFC 8446, 5.3: the sequence number, padded to the left, XORed with the IV. It cannot wrap: a
 * handshake has only a few records. */
static void next_nonce(struct ech_tls13_protection *protection, uint8_t nonce[ECH_AEAD_NONCE])
{
    uint64_t sequence = protection->sequence++;
    for (size_t i = ECH_AEAD_NONCE; i > 0; i--) {
        nonce[i - 1] = protection->iv[i - 1] ^ (uint8_t)(sequence & 0xff);
        sequence >>= 8;
    }
}

static struct bytes key_of(const struct ech_tls13_protection *protection)
{
    return bytes_of(protection->key, ech_suite_key_size(protection->cipher_suite));
}

/* `inner`: TLSInnerPlaintext. The header is the additional data. */
static enum ech_status seal(struct ech_tls13_protection *protection, struct bytes inner,
                            struct writer *records)
{
    size_t length = inner.len + ech_suite_tag_size(protection->cipher_suite);
    struct writer sealed;
    struct writer header;
    wr_init(&sealed, 0);
    wr_init(&header, 0);
    wr_zeros(&sealed, length);
    wr_u8(&header, ECH_RECORD_APPLICATION_DATA);
    wr_u16(&header, ECH_TLS12);
    wr_u16(&header, (uint16_t)length);
    enum ech_status status = wr_finish(&sealed);
    if (status == ECH_OK) {
        status = wr_finish(&header);
    }
    if (status == ECH_OK) {
        uint8_t nonce[ECH_AEAD_NONCE];
        next_nonce(protection, nonce);
        status = ech_suite_seal(protection->cipher_suite, key_of(protection), nonce,
                                wr_view(&header), inner, sealed.data);
    }
    if (status == ECH_OK) {
        wr_bytes(records, wr_view(&header));
        wr_bytes(records, wr_view(&sealed));
        status = wr_finish(records);
    }
    wr_free(&header);
    wr_free(&sealed);
    return status;
}

enum ech_status ech_tls13_protect(struct ech_tls13_protection *protection, uint8_t type,
                                  struct bytes content, size_t padding, struct writer *records)
{
    struct writer inner;
    wr_init(&inner, ECH_RECORD_PLAINTEXT_MAX + TYPE_OCTET);
    wr_bytes(&inner, content);
    wr_u8(&inner, type);
    wr_zeros(&inner, padding);
    enum ech_status status = wr_finish(&inner);
    if (status == ECH_OK) {
        status = seal(protection, wr_view(&inner), records);
    }
    wr_wipe(&inner);
    return status;
}

/* RFC 8446, 5.4: the type is the last octet that is not zero. */
static enum ech_alert read_inner(struct bytes inner, struct ech_tls13_plaintext *plaintext)
{
    if (inner.len > ECH_RECORD_PLAINTEXT_MAX + TYPE_OCTET) {
        return ECH_ALERT_RECORD_OVERFLOW;
    }
    size_t content = inner.len;
    struct bytes octet;
    do {
        struct reader r = rd_of(inner);
        if (content == 0 || !rd_bytes(&r, content - 1, &plaintext->content) ||
            !rd_bytes(&r, TYPE_OCTET, &octet)) {
            return ECH_ALERT_UNEXPECTED_MESSAGE;
        }
        content--;
    } while (*octet.data == 0);
    plaintext->type = *octet.data;
    return ECH_ALERT_NONE;
}

enum ech_alert ech_tls13_unprotect(struct ech_tls13_protection *protection,
                                   const struct ech_record *record, struct writer *opened,
                                   struct ech_tls13_plaintext *plaintext)
{
    uint8_t nonce[ECH_AEAD_NONCE];
    size_t tag = ech_suite_tag_size(protection->cipher_suite);
    struct reader raw = rd_of(record->raw);
    struct bytes header;
    /* A record too short for a tag is treated like a wrong tag. */
    if (record->fragment.len < tag || !rd_bytes(&raw, ECH_RECORD_HEADER, &header)) {
        return ECH_ALERT_BAD_RECORD_MAC;
    }
    wr_wipe(opened);
    wr_zeros(opened, record->fragment.len - tag);
    if (wr_finish(opened) != ECH_OK) {
        return ECH_ALERT_INTERNAL_ERROR;
    }
    next_nonce(protection, nonce);
    switch (ech_suite_open(protection->cipher_suite, key_of(protection), nonce, header,
                           record->fragment, opened->data)) {
    case ECH_OK:
        return read_inner(wr_view(opened), plaintext);
    case ECH_ERR_CRYPTO:
        return ECH_ALERT_BAD_RECORD_MAC;
    default:
        return ECH_ALERT_INTERNAL_ERROR;
    }
}
