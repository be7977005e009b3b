/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AEAD by nettle: by the ids of HPKE, and by the cipher suites of TLS 1.3. See ech/crypto.c. */
#include "ech/crypto.h"

#include <nettle/ccm.h>
#include <nettle/chacha-poly1305.h>
#include <nettle/gcm.h>
#include <nettle/memops.h>
#include <nettle/nettle-meta.h>
#include <nettle/version.h>

struct aead {
    const struct nettle_aead *functions; /* NULL: AES-128-CCM */
    size_t key_size;                     /* 0: none that we do */
    size_t tag_size;
};

union aead_context {
    struct gcm_aes128_ctx gcm_aes128;
    struct gcm_aes256_ctx gcm_aes256;
    struct chacha_poly1305_ctx chacha_poly1305;
    struct ccm_aes128_ctx ccm_aes128;
};

/* One message: its nonce, its additional data, and the context of the cipher with the key. */
struct message {
    struct aead aead;
    const uint8_t *nonce;
    struct bytes aad;
    union aead_context context;
};

static struct aead aead_by_id(uint16_t aead_id)
{
    switch (aead_id) {
    case ECH_AEAD_AES_128_GCM:
        return (struct aead){&nettle_gcm_aes128, AES128_KEY_SIZE, ECH_AEAD_TAG};
    case ECH_AEAD_AES_256_GCM:
        return (struct aead){&nettle_gcm_aes256, AES256_KEY_SIZE, ECH_AEAD_TAG};
    case ECH_AEAD_CHACHA20_POLY1305:
        return (struct aead){&nettle_chacha_poly1305, CHACHA_POLY1305_KEY_SIZE, ECH_AEAD_TAG};
    default:
        return (struct aead){NULL, 0, 0};
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
        return (struct aead){NULL, AES128_KEY_SIZE, ECH_AEAD_TAG};
    case ECH_SUITE_AES_128_CCM_8_SHA256:
        return (struct aead){NULL, AES128_KEY_SIZE, ECH_AEAD_TAG / 2};
    default:
        return (struct aead){NULL, 0, 0};
    }
}

/* ---- one message ---- */

/* Sets each member alone: the context has 4 KB, and cipher and key say how much of it is used. */
static enum ech_status begin(struct message *message, struct aead aead, struct bytes key,
                             const uint8_t *nonce, struct bytes aad)
{
    const struct nettle_aead *functions = aead.functions;
    message->aead = aead;
    message->nonce = nonce;
    message->aad = aad;
    if (aead.key_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (key.len != aead.key_size) {
        return ECH_ERR_CRYPTO;
    }
    if (functions == NULL) {
        ccm_aes128_set_key(&message->context.ccm_aes128, key.data);
        return ECH_OK;
    }
    functions->set_encrypt_key(&message->context, key.data); /* decrypting takes the same */
    functions->set_nonce(&message->context, nonce);
    if (aad.len > 0) {
        functions->update(&message->context, aad.len, aad.data);
    }
    return ECH_OK;
}

static void make_tag(struct message *message, uint8_t *tag)
{
#if NETTLE_VERSION_MAJOR >= 4
    message->aead.functions->digest(&message->context, tag);
#else
    message->aead.functions->digest(&message->context, message->aead.tag_size, tag);
#endif
}

static enum ech_status aead_seal(struct aead aead, struct bytes key, const uint8_t *nonce,
                                 struct bytes aad, struct bytes plaintext, uint8_t *out)
{
    struct message message;
    enum ech_status status = begin(&message, aead, key, nonce, aad);
    if (status == ECH_OK && aead.functions != NULL) {
        aead.functions->encrypt(&message.context, plaintext.len, out, plaintext.data);
        make_tag(&message, out + plaintext.len);
    } else if (status == ECH_OK) {
        ccm_aes128_encrypt_message(&message.context.ccm_aes128, ECH_AEAD_NONCE, nonce, aad.len,
                                   aad.data, aead.tag_size, plaintext.len + aead.tag_size, out,
                                   plaintext.data);
    }
    ech_wipe(&message.context, sizeof message.context);
    return status;
}

/* Writes `length` octets to `out`. False: the tag is wrong. */
static bool decrypt(struct message *message, struct bytes ciphertext, size_t length, uint8_t *out)
{
    uint8_t tag[ECH_AEAD_TAG];
    if (message->aead.functions == NULL) {
        return ccm_aes128_decrypt_message(
                   &message->context.ccm_aes128, ECH_AEAD_NONCE, message->nonce, message->aad.len,
                   message->aad.data, message->aead.tag_size, length, out, ciphertext.data) != 0;
    }
    message->aead.functions->decrypt(&message->context, length, out, ciphertext.data);
    make_tag(message, tag);
    return memeql_sec(tag, ciphertext.data + length, message->aead.tag_size) != 0;
}

static enum ech_status aead_open(struct aead aead, struct bytes key, const uint8_t *nonce,
                                 struct bytes aad, struct bytes ciphertext, uint8_t *out)
{
    struct message message;
    if (aead.key_size == 0) {
        return ECH_ERR_UNSUPPORTED;
    }
    if (ciphertext.len < aead.tag_size) {
        return ECH_ERR_CRYPTO;
    }
    size_t length = ciphertext.len - aead.tag_size;
    enum ech_status status = begin(&message, aead, key, nonce, aad);
    if (status == ECH_OK && !decrypt(&message, ciphertext, length, out)) {
        status = ECH_ERR_CRYPTO;
    }
    if (status != ECH_OK) {
        /* What was deciphered before the tag proved wrong is not authenticated. */
        ech_wipe(out, length);
    }
    ech_wipe(&message.context, sizeof message.context);
    return status;
}

/* ---- by id, and by cipher suite ---- */

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
