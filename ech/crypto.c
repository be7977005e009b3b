/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/crypto.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

enum { HKDF_MAX_DIGESTS = 255, HKDF_LABEL_ROOM = 128 };

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
 * gnutls_datum_t has no const, but GnuTLS only reads the octets here. Not every version takes NULL
 * for no octets.
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
    uint8_t room[HKDF_LABEL_ROOM];
    wr_init_on(&w, 0, room, sizeof room);
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

struct aead {
    gnutls_cipher_algorithm_t cipher; /* GNUTLS_CIPHER_UNKNOWN: none that we do */
    size_t key_size;
    size_t tag_size;
};

static struct aead aead_by_id(uint16_t aead_id)
{
    switch (aead_id) {
    case ECH_AEAD_AES_128_GCM:
        return (struct aead){GNUTLS_CIPHER_AES_128_GCM, 16, ECH_AEAD_TAG};
    case ECH_AEAD_AES_256_GCM:
        return (struct aead){GNUTLS_CIPHER_AES_256_GCM, 32, ECH_AEAD_TAG};
    case ECH_AEAD_CHACHA20_POLY1305:
        return (struct aead){GNUTLS_CIPHER_CHACHA20_POLY1305, 32, ECH_AEAD_TAG};
    default:
        return (struct aead){GNUTLS_CIPHER_UNKNOWN, 0, 0};
    }
}

static struct aead aead_by_suite(uint16_t cipher_suite)
{
    switch (cipher_suite) {
    case ECH_SUITE_AES_128_GCM_SHA256:
        return aead_by_id(ECH_AEAD_AES_128_GCM);
    case ECH_SUITE_AES_256_GCM_SHA384:
        return aead_by_id(ECH_AEAD_AES_256_GCM);
    case ECH_SUITE_CHACHA20_POLY1305_SHA256:
        return aead_by_id(ECH_AEAD_CHACHA20_POLY1305);
    case ECH_SUITE_AES_128_CCM_SHA256:
        return (struct aead){GNUTLS_CIPHER_AES_128_CCM, 16, ECH_AEAD_TAG};
    case ECH_SUITE_AES_128_CCM_8_SHA256:
        return (struct aead){GNUTLS_CIPHER_AES_128_CCM_8, 16, ECH_AEAD_TAG / 2};
    default:
        return (struct aead){GNUTLS_CIPHER_UNKNOWN, 0, 0};
    }
}

static enum ech_status aead_start(gnutls_aead_cipher_hd_t *handle, const struct aead *aead,
                                  struct bytes key)
{
    if (aead->key_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (key.len != aead->key_size) {
        return ECH_ERR_CRYPTO;
    }
    gnutls_datum_t key_datum = datum_of(key);
    return gnutls_aead_cipher_init(handle, aead->cipher, &key_datum) == 0 ? ECH_OK : ECH_ERR_CRYPTO;
}

static enum ech_status aead_seal(struct aead aead, struct bytes key, const uint8_t *nonce,
                                 struct bytes aad, struct bytes plaintext, uint8_t *out)
{
    gnutls_aead_cipher_hd_t handle;
    enum ech_status status = aead_start(&handle, &aead, key);
    if (status != ECH_OK) {
        return status;
    }
    gnutls_datum_t aad_datum = datum_of(aad);
    gnutls_datum_t plain = datum_of(plaintext);
    size_t expected = plaintext.len + aead.tag_size;
    size_t len = expected;
    int rc = gnutls_aead_cipher_encrypt(handle, nonce, ECH_AEAD_NONCE, aad_datum.data, aad.len,
                                        aead.tag_size, plain.data, plaintext.len, out, &len);
    gnutls_aead_cipher_deinit(handle);
    if (rc != 0 || len != expected) {
        ech_wipe(out, expected);
        return ECH_ERR_CRYPTO;
    }
    return ECH_OK;
}

static enum ech_status aead_open(struct aead aead, struct bytes key, const uint8_t *nonce,
                                 struct bytes aad, struct bytes ciphertext, uint8_t *out)
{
    if (aead.key_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (ciphertext.len < aead.tag_size) {
        return ECH_ERR_CRYPTO;
    }
    size_t expected = ciphertext.len - aead.tag_size;
    gnutls_aead_cipher_hd_t handle;
    enum ech_status status = aead_start(&handle, &aead, key);
    if (status != ECH_OK) {
        ech_wipe(out, expected);
        return status;
    }
    /* GnuTLS wants an address even if there is no output. */
    uint8_t nothing[1];
    gnutls_datum_t aad_datum = datum_of(aad);
    size_t len = expected;
    int rc = gnutls_aead_cipher_decrypt(handle, nonce, ECH_AEAD_NONCE, aad_datum.data, aad.len,
                                        aead.tag_size, ciphertext.data, ciphertext.len,
                                        expected > 0 ? out : nothing, &len);
    gnutls_aead_cipher_deinit(handle);
    if (rc != 0 || len != expected) {
        /* What GnuTLS deciphered before it saw the wrong tag is not authenticated. */
        ech_wipe(out, expected);
        return ECH_ERR_CRYPTO;
    }
    return ECH_OK;
}

size_t ech_aead_key_size(uint16_t aead_id)
{
    return aead_by_id(aead_id).key_size;
}

enum ech_status ech_aead_seal(uint16_t aead_id, struct bytes key, const uint8_t *nonce,
                              struct bytes aad, struct bytes plaintext, uint8_t *out)
{
    return aead_seal(aead_by_id(aead_id), key, nonce, aad, plaintext, out);
}

enum ech_status ech_aead_open(uint16_t aead_id, struct bytes key, const uint8_t *nonce,
                              struct bytes aad, struct bytes ciphertext, uint8_t *out)
{
    return aead_open(aead_by_id(aead_id), key, nonce, aad, ciphertext, out);
}

size_t ech_suite_key_size(uint16_t cipher_suite)
{
    return aead_by_suite(cipher_suite).key_size;
}

size_t ech_suite_tag_size(uint16_t cipher_suite)
{
    return aead_by_suite(cipher_suite).tag_size;
}

enum ech_status ech_suite_seal(uint16_t cipher_suite, struct bytes key, const uint8_t *nonce,
                               struct bytes aad, struct bytes plaintext, uint8_t *out)
{
    return aead_seal(aead_by_suite(cipher_suite), key, nonce, aad, plaintext, out);
}

enum ech_status ech_suite_open(uint16_t cipher_suite, struct bytes key, const uint8_t *nonce,
                               struct bytes aad, struct bytes ciphertext, uint8_t *out)
{
    return aead_open(aead_by_suite(cipher_suite), key, nonce, aad, ciphertext, out);
}
