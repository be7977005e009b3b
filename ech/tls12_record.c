/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_record.h"

#include <string.h>

#include "ech/client_hello.h"

/* RFC 5288, 3: a salt of four octets from the key block, and eight that each record carries. */
enum { GCM_SALT = 4, GCM_EXPLICIT_NONCE = 8 };
enum { PADDING_MAX = 256 };

static size_t explicit_nonce_size(const struct ech_tls12_suite *suite)
{
    return suite->aead_id == ECH_AEAD_CHACHA20_POLY1305 ? 0 : GCM_EXPLICIT_NONCE;
}

size_t ech_tls12_fixed_iv_size(const struct ech_tls12_suite *suite)
{
    return suite->aead_id == 0 ? 0 : ECH_AEAD_NONCE - explicit_nonce_size(suite);
}

void ech_tls12_protection_wipe(struct ech_tls12_protection *protection)
{
    ech_wipe(protection, sizeof *protection);
}

static struct bytes key_of(const struct ech_tls12_protection *protection)
{
    return bytes_of(protection->key, protection->suite->key_size);
}

static void write_sequence(const struct ech_tls12_protection *protection, struct writer *w)
{
    wr_u32(w, (uint32_t)(protection->sequence >> 32));
    wr_u32(w, (uint32_t)protection->sequence);
}

static void write_header(uint8_t type, size_t length, struct writer *w)
{
    wr_u8(w, type);
    wr_u16(w, ECH_TLS12);
    wr_u16(w, (uint16_t)length);
}

/* What is authenticated besides the content (RFC 5246, 6.2.3.1 and 6.2.3.3). */
static enum ech_status additional_data(const struct ech_tls12_protection *protection, uint8_t type,
                                       size_t length, struct writer *w)
{
    wr_init(w, 0);
    write_sequence(protection, w);
    write_header(type, length, w);
    return wr_finish(w);
}

/* ---- AEAD ---- */

/* RFC 7905, 2: the sequence number, padded to the left, XORed with the IV. */
static void chacha_nonce(const struct ech_tls12_protection *protection,
                         uint8_t nonce[ECH_AEAD_NONCE])
{
    uint64_t sequence = protection->sequence;
    for (size_t i = ECH_AEAD_NONCE; i > 0; i--) {
        nonce[i - 1] = protection->iv[i - 1] ^ (uint8_t)(sequence & 0xff);
        sequence >>= 8;
    }
}

static void gcm_nonce(const struct ech_tls12_protection *protection,
                      const uint8_t explicit_part[GCM_EXPLICIT_NONCE],
                      uint8_t nonce[ECH_AEAD_NONCE])
{
    memcpy(nonce, protection->iv, GCM_SALT);
    memcpy(nonce + GCM_SALT, explicit_part, GCM_EXPLICIT_NONCE);
}

static enum ech_status seal_aead(const struct ech_tls12_protection *protection, uint8_t type,
                                 struct bytes content, struct writer *sealed)
{
    uint8_t nonce[ECH_AEAD_NONCE];
    struct writer aad;
    size_t explicit_size = explicit_nonce_size(protection->suite);
    if (explicit_size > 0) {
        write_sequence(protection, sealed);
    }
    wr_zeros(sealed, content.len + ECH_AEAD_TAG);
    enum ech_status status = additional_data(protection, type, content.len, &aad);
    if (status == ECH_OK) {
        status = wr_finish(sealed);
    }
    if (status == ECH_OK && explicit_size > 0) {
        gcm_nonce(protection, sealed->data, nonce);
    } else if (status == ECH_OK) {
        chacha_nonce(protection, nonce);
    }
    if (status == ECH_OK) {
        status = ech_aead_seal(protection->suite->aead_id, key_of(protection), nonce, wr_view(&aad),
                               content, sealed->data + explicit_size);
    }
    wr_free(&aad);
    return status;
}

static enum ech_status open_aead(const struct ech_tls12_protection *protection,
                                 const struct ech_record *record, struct writer *opened,
                                 struct bytes *content)
{
    uint8_t nonce[ECH_AEAD_NONCE];
    uint8_t explicit_part[GCM_EXPLICIT_NONCE];
    struct writer aad;
    struct reader r = rd_of(record->fragment);
    size_t explicit_size = explicit_nonce_size(protection->suite);
    if (!rd_copy(&r, explicit_part, explicit_size) || r.len < ECH_AEAD_TAG) {
        return ECH_ERR_ILLEGAL;
    }
    if (explicit_size > 0) {
        gcm_nonce(protection, explicit_part, nonce);
    } else {
        chacha_nonce(protection, nonce);
    }
    size_t length = r.len - ECH_AEAD_TAG;
    enum ech_status status = additional_data(protection, record->type, length, &aad);
    if (status == ECH_OK) {
        wr_zeros(opened, length);
        status = wr_finish(opened);
    }
    if (status == ECH_OK) {
        status = ech_aead_open(protection->suite->aead_id, key_of(protection), nonce, wr_view(&aad),
                               rd_rest(&r), opened->data);
        status = status == ECH_ERR_CRYPTO ? ECH_ERR_ILLEGAL : status;
    }
    wr_free(&aad);
    *content = wr_view(opened);
    return status;
}

/* ---- AES-CBC with HMAC ---- */

static struct bytes mac_key_of(const struct ech_tls12_protection *protection)
{
    return bytes_of(protection->mac_key, ech_mac_size(protection->suite->mac));
}

static enum ech_status make_mac(const struct ech_tls12_protection *protection, uint8_t type,
                                struct bytes content, uint8_t *out)
{
    struct writer before;
    enum ech_status status = additional_data(protection, type, content.len, &before);
    if (status == ECH_OK) {
        const struct bytes parts[] = {wr_view(&before), content};
        status = ech_mac_parts(protection->suite->mac, mac_key_of(protection), parts, 2, out);
    }
    wr_free(&before);
    return status;
}

/* RFC 5246, 6.2.3.2: as few octets as fill the block, each with their number less one. */
static void write_padding(struct writer *w, size_t before)
{
    uint8_t more = (uint8_t)(ECH_CBC_BLOCK - 1 - before % ECH_CBC_BLOCK);
    for (size_t i = 0; i <= more; i++) {
        wr_u8(w, more);
    }
}

static enum ech_status seal_cbc(const struct ech_tls12_protection *protection,
                                const struct ech_random *random, uint8_t type, struct bytes content,
                                struct writer *sealed)
{
    uint8_t iv[ECH_CBC_BLOCK];
    uint8_t mac[ECH_MAC_MAX];
    size_t mac_size = ech_mac_size(protection->suite->mac);
    bool mac_first = !protection->encrypt_then_mac;
    enum ech_status status = ech_random_fill(random, iv, sizeof iv);
    if (status == ECH_OK && mac_first) {
        status = make_mac(protection, type, content, mac);
    }
    if (status != ECH_OK) {
        return status;
    }
    wr_bytes(sealed, bytes_of(iv, sizeof iv));
    wr_bytes(sealed, content);
    wr_bytes(sealed, bytes_of(mac, mac_first ? mac_size : 0));
    write_padding(sealed, content.len + (mac_first ? mac_size : 0));
    status = wr_finish(sealed);
    if (status == ECH_OK) {
        status = ech_cbc_encrypt(key_of(protection), iv, sealed->data + sizeof iv,
                                 sealed->len - sizeof iv);
    }
    if (status == ECH_OK && !mac_first) {
        status = make_mac(protection, type, wr_view(sealed), mac);
        wr_bytes(sealed, bytes_of(mac, mac_size));
    }
    return status == ECH_OK ? wr_finish(sealed) : status;
}

/*
 * Splits the decrypted octets into what was padded and the padding, which is checked as a whole.
 * If it is wrong, all octets count as what was padded, so that a MAC over them can be made and is
 * compared in any case. `least` octets are no padding.
 */
static bool split_padding(struct bytes plain, size_t least, struct bytes *padded)
{
    uint8_t expected[PADDING_MAX];
    struct reader r = rd_of(plain);
    struct reader end;
    struct bytes padding;
    uint8_t more;
    *padded = plain;
    if (plain.len < least + 1 || !rd_bytes(&r, plain.len - 1, padded)) {
        *padded = plain;
        return false;
    }
    end = r;
    if (!rd_u8(&end, &more) || plain.len < least + more + 1) {
        *padded = plain;
        return false;
    }
    r = rd_of(plain);
    memset(expected, more, sizeof expected);
    return rd_bytes(&r, plain.len - more - 1, padded) && rd_bytes(&r, (size_t)more + 1, &padding) &&
           bytes_equal_secret(padding, bytes_of(expected, (size_t)more + 1));
}

/* Cuts the last `size` octets off. False if there are not so many. */
static bool cut_end(struct bytes from, size_t size, struct bytes *rest, struct bytes *end)
{
    struct reader r = rd_of(from);
    return from.len >= size && rd_bytes(&r, from.len - size, rest) && rd_bytes(&r, size, end);
}

/* `ciphertext` has the IV before it. */
static enum ech_status decrypt(const struct ech_tls12_protection *protection,
                               struct bytes ciphertext, struct writer *opened)
{
    uint8_t iv[ECH_CBC_BLOCK];
    struct reader r = rd_of(ciphertext);
    if (!rd_copy(&r, iv, sizeof iv) || rd_done(&r) || r.len % ECH_CBC_BLOCK != 0) {
        return ECH_ERR_ILLEGAL;
    }
    wr_bytes(opened, rd_rest(&r));
    enum ech_status status = wr_finish(opened);
    return status == ECH_OK ? ech_cbc_decrypt(key_of(protection), iv, opened->data, opened->len)
                            : status;
}

/* Compares the MAC with the right one. */
static enum ech_status check_mac(const struct ech_tls12_protection *protection, uint8_t type,
                                 struct bytes content, struct bytes mac)
{
    uint8_t expected[ECH_MAC_MAX];
    enum ech_status status = make_mac(protection, type, content, expected);
    if (status == ECH_OK && !bytes_equal_secret(mac, bytes_of(expected, mac.len))) {
        status = ECH_ERR_ILLEGAL;
    }
    ech_wipe(expected, sizeof expected);
    return status;
}

static enum ech_status open_encrypt_then_mac(const struct ech_tls12_protection *protection,
                                             const struct ech_record *record, struct writer *opened,
                                             struct bytes *content)
{
    struct bytes ciphertext;
    struct bytes mac;
    if (!cut_end(record->fragment, ech_mac_size(protection->suite->mac), &ciphertext, &mac)) {
        return ECH_ERR_ILLEGAL;
    }
    enum ech_status status = check_mac(protection, record->type, ciphertext, mac);
    if (status == ECH_OK) {
        status = decrypt(protection, ciphertext, opened);
    }
    if (status == ECH_OK && !split_padding(wr_view(opened), 0, content)) {
        status = ECH_ERR_ILLEGAL;
    }
    return status;
}

/* The MAC is made and compared whether or not the padding is right: one error for both. */
static enum ech_status open_mac_then_encrypt(const struct ech_tls12_protection *protection,
                                             const struct ech_record *record, struct writer *opened,
                                             struct bytes *content)
{
    struct bytes padded;
    struct bytes mac;
    size_t mac_size = ech_mac_size(protection->suite->mac);
    enum ech_status status = decrypt(protection, record->fragment, opened);
    if (status != ECH_OK) {
        return status;
    }
    bool good = split_padding(wr_view(opened), mac_size, &padded);
    if (!cut_end(padded, mac_size, content, &mac)) {
        return ECH_ERR_ILLEGAL;
    }
    status = check_mac(protection, record->type, *content, mac);
    return status == ECH_OK && !good ? ECH_ERR_ILLEGAL : status;
}

/* ---- both ---- */

enum ech_status ech_tls12_protect(struct ech_tls12_protection *protection,
                                  const struct ech_random *random, uint8_t type,
                                  struct bytes content, struct writer *records)
{
    struct writer sealed;
    wr_init(&sealed, ECH_RECORD_PROTECTED_MAX);
    enum ech_status status = protection->suite->aead_id != 0
                                 ? seal_aead(protection, type, content, &sealed)
                                 : seal_cbc(protection, random, type, content, &sealed);
    if (status == ECH_OK) {
        write_header(type, wr_view(&sealed).len, records);
        wr_bytes(records, wr_view(&sealed));
        status = wr_finish(records);
        protection->sequence++;
    }
    wr_wipe(&sealed);
    return status;
}

enum ech_alert ech_tls12_unprotect(struct ech_tls12_protection *protection,
                                   const struct ech_record *record, struct writer *opened,
                                   struct bytes *content)
{
    enum ech_status status;
    wr_wipe(opened);
    *content = bytes_of(NULL, 0);
    /* The version is authenticated as the one that was agreed on. */
    if (record->version != ECH_TLS12) {
        return ECH_ALERT_PROTOCOL_VERSION;
    }
    if (protection->suite->aead_id != 0) {
        status = open_aead(protection, record, opened, content);
    } else if (protection->encrypt_then_mac) {
        status = open_encrypt_then_mac(protection, record, opened, content);
    } else {
        status = open_mac_then_encrypt(protection, record, opened, content);
    }
    protection->sequence++;
    switch (status) {
    case ECH_OK:
        return ECH_ALERT_NONE;
    case ECH_ERR_ILLEGAL:
        return ECH_ALERT_BAD_RECORD_MAC;
    default:
        return ECH_ALERT_INTERNAL_ERROR;
    }
}
