/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/crypto.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

enum { HKDF_MAX_DIGESTS = 255 };

enum ech_status ech_random_fill(const struct ech_random *random, uint8_t *out, size_t len)
{
    return random->fill(random->context, out, len);
}

/* ---- hashes and HKDF ---- */

size_t ech_hash_size(enum ech_hash hash)
{
    switch (hash) {
    case ECH_HASH_SHA256:
        return 32;
    case ECH_HASH_SHA384:
        return 48;
    case ECH_HASH_SHA512:
        return 64;
    }
    return 0;
}

static gnutls_digest_algorithm_t digest_of(enum ech_hash hash)
{
    switch (hash) {
    case ECH_HASH_SHA256:
        return GNUTLS_DIG_SHA256;
    case ECH_HASH_SHA384:
        return GNUTLS_DIG_SHA384;
    case ECH_HASH_SHA512:
        return GNUTLS_DIG_SHA512;
    }
    return GNUTLS_DIG_UNKNOWN;
}

static gnutls_mac_algorithm_t mac_of(enum ech_hash hash)
{
    switch (hash) {
    case ECH_HASH_SHA256:
        return GNUTLS_MAC_SHA256;
    case ECH_HASH_SHA384:
        return GNUTLS_MAC_SHA384;
    case ECH_HASH_SHA512:
        return GNUTLS_MAC_SHA512;
    }
    return GNUTLS_MAC_UNKNOWN;
}

/*
 * gnutls_datum_t has no const, though what it is given for here is only read; and not every version
 * takes a NULL for no octets.
 */
static gnutls_datum_t datum_of(struct bytes from)
{
    static const uint8_t nothing;
    const uint8_t *data = from.len > 0 ? from.data : &nothing;
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)data, .size = (unsigned)from.len};
}

enum ech_status ech_hash_parts(enum ech_hash hash, const struct bytes *parts, size_t count,
                               uint8_t *out)
{
    gnutls_hash_hd_t handle;
    if (gnutls_hash_init(&handle, digest_of(hash)) != 0) {
        return ECH_ERR_CRYPTO;
    }
    enum ech_status status = ECH_OK;
    for (size_t i = 0; i < count && status == ECH_OK; i++) {
        if (parts[i].len > 0 && gnutls_hash(handle, parts[i].data, parts[i].len) != 0) {
            status = ECH_ERR_CRYPTO;
        }
    }
    uint8_t digest[ECH_HASH_MAX];
    gnutls_hash_deinit(handle, digest);
    if (status == ECH_OK) {
        memcpy(out, digest, ech_hash_size(hash));
    }
    ech_wipe(digest, sizeof digest);
    return status;
}

enum ech_status ech_hkdf_extract(enum ech_hash hash, struct bytes salt, struct bytes ikm,
                                 uint8_t *prk)
{
    /* HMAC pads its key with zeros, so an empty salt is the HashLen zeros of RFC 5869, 2.2. */
    gnutls_datum_t salt_datum = datum_of(salt);
    gnutls_datum_t ikm_datum = datum_of(ikm);
    return gnutls_hkdf_extract(mac_of(hash), &ikm_datum, &salt_datum, prk) == 0 ? ECH_OK
                                                                                : ECH_ERR_CRYPTO;
}

enum ech_status ech_hkdf_expand(enum ech_hash hash, struct bytes prk, struct bytes info,
                                uint8_t *out, size_t len)
{
    if (len > HKDF_MAX_DIGESTS * ech_hash_size(hash)) {
        return ECH_ERR_SPACE;
    }
    if (len == 0) {
        return ECH_OK;
    }
    gnutls_datum_t prk_datum = datum_of(prk);
    gnutls_datum_t info_datum = datum_of(info);
    return gnutls_hkdf_expand(mac_of(hash), &prk_datum, &info_datum, out, len) == 0
               ? ECH_OK
               : ECH_ERR_CRYPTO;
}

enum ech_status ech_hkdf_expand_label(enum ech_hash hash, struct bytes secret, const char *label,
                                      struct bytes context, uint8_t *out, size_t len)
{
    static const char prefix[] = "tls13 ";
    if (len > UINT16_MAX) {
        return ECH_ERR_SPACE;
    }
    /* struct HkdfLabel of RFC 8446, 7.1 */
    struct writer w;
    wr_init(&w, 0);
    wr_u16(&w, (uint16_t)len);
    struct wr_mark label_mark = wr_open(&w, 1);
    wr_bytes(&w, bytes_of(prefix, sizeof prefix - 1));
    wr_bytes(&w, bytes_of(label, strlen(label)));
    wr_close(&w, label_mark);
    struct wr_mark context_mark = wr_open(&w, 1);
    wr_bytes(&w, context);
    wr_close(&w, context_mark);
    enum ech_status status = wr_finish(&w);
    if (status == ECH_OK) {
        status = ech_hkdf_expand(hash, secret, wr_view(&w), out, len);
    }
    wr_wipe(&w);
    return status;
}

/* ---- AEAD ---- */

static gnutls_cipher_algorithm_t cipher_of(uint16_t aead_id)
{
    switch (aead_id) {
    case ECH_AEAD_AES_128_GCM:
        return GNUTLS_CIPHER_AES_128_GCM;
    case ECH_AEAD_AES_256_GCM:
        return GNUTLS_CIPHER_AES_256_GCM;
    case ECH_AEAD_CHACHA20_POLY1305:
        return GNUTLS_CIPHER_CHACHA20_POLY1305;
    default:
        return GNUTLS_CIPHER_UNKNOWN;
    }
}

size_t ech_aead_key_size(uint16_t aead_id)
{
    switch (aead_id) {
    case ECH_AEAD_AES_128_GCM:
        return 16;
    case ECH_AEAD_AES_256_GCM:
    case ECH_AEAD_CHACHA20_POLY1305:
        return 32;
    default:
        return 0;
    }
}

static enum ech_status aead_start(gnutls_aead_cipher_hd_t *handle, uint16_t aead_id,
                                  struct bytes key)
{
    size_t key_size = ech_aead_key_size(aead_id);
    if (key_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (key.len != key_size) {
        return ECH_ERR_CRYPTO;
    }
    gnutls_datum_t key_datum = datum_of(key);
    return gnutls_aead_cipher_init(handle, cipher_of(aead_id), &key_datum) == 0 ? ECH_OK
                                                                                : ECH_ERR_CRYPTO;
}

enum ech_status ech_aead_seal(uint16_t aead_id, struct bytes key, const uint8_t *nonce,
                              struct bytes aad, struct bytes plaintext, uint8_t *out)
{
    gnutls_aead_cipher_hd_t handle;
    enum ech_status status = aead_start(&handle, aead_id, key);
    if (status != ECH_OK) {
        return status;
    }
    gnutls_datum_t aad_datum = datum_of(aad);
    gnutls_datum_t plain = datum_of(plaintext);
    size_t expected = plaintext.len + ECH_AEAD_TAG;
    size_t len = expected;
    int rc = gnutls_aead_cipher_encrypt(handle, nonce, ECH_AEAD_NONCE, aad_datum.data, aad.len,
                                        ECH_AEAD_TAG, plain.data, plaintext.len, out, &len);
    gnutls_aead_cipher_deinit(handle);
    if (rc != 0 || len != expected) {
        ech_wipe(out, expected);
        return ECH_ERR_CRYPTO;
    }
    return ECH_OK;
}

enum ech_status ech_aead_open(uint16_t aead_id, struct bytes key, const uint8_t *nonce,
                              struct bytes aad, struct bytes ciphertext, uint8_t *out)
{
    if (ciphertext.len < ECH_AEAD_TAG) {
        return ech_aead_key_size(aead_id) == 0 ? ECH_ERR_UNSUPPORTED : ECH_ERR_CRYPTO;
    }
    size_t expected = ciphertext.len - ECH_AEAD_TAG;
    gnutls_aead_cipher_hd_t handle;
    enum ech_status status = aead_start(&handle, aead_id, key);
    if (status != ECH_OK) {
        ech_wipe(out, expected);
        return status;
    }
    /* Even where nothing is to come out GnuTLS wants an address. */
    uint8_t nothing[1];
    gnutls_datum_t aad_datum = datum_of(aad);
    size_t len = expected;
    int rc = gnutls_aead_cipher_decrypt(handle, nonce, ECH_AEAD_NONCE, aad_datum.data, aad.len,
                                        ECH_AEAD_TAG, ciphertext.data, ciphertext.len,
                                        expected > 0 ? out : nothing, &len);
    gnutls_aead_cipher_deinit(handle);
    if (rc != 0 || len != expected) {
        /* What GnuTLS deciphered before it saw the wrong tag is not authenticated. */
        ech_wipe(out, expected);
        return ECH_ERR_CRYPTO;
    }
    return ECH_OK;
}
