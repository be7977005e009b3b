/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech_keys.h"

#include "listen.h"
#include <openssl/base64.h>
#include <openssl/bytestring.h>
#include <openssl/hpke.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ECH_VERSION = 0xfe0d, KEM_X25519 = 0x0020, KDF_SHA256 = 0x0001, KEY_LEN = 32 };

struct config {
    uint8_t *data;
    size_t len;
};

/* RFC 9849, 4. Written by hand: SSL_marshal_ech_config leaves no choice of the AEADs. */
static struct config config_of(const EVP_HPKE_KEY *key, const struct ech_options *options,
                               unsigned config_id)
{
    uint8_t public_key[KEY_LEN];
    size_t public_key_len;
    struct config config;
    CBB all;
    CBB contents;
    CBB child;
    bool ok = EVP_HPKE_KEY_public_key(key, public_key, &public_key_len, sizeof public_key) &&
              CBB_init(&all, 128) && CBB_add_u16(&all, ECH_VERSION) &&
              CBB_add_u16_length_prefixed(&all, &contents) &&
              CBB_add_u8(&contents, (uint8_t)config_id) && CBB_add_u16(&contents, KEM_X25519) &&
              CBB_add_u16_length_prefixed(&contents, &child) &&
              CBB_add_bytes(&child, public_key, public_key_len) &&
              CBB_add_u16_length_prefixed(&contents, &child);
    for (const uint16_t *aead = options->aeads; ok && *aead != 0; aead++) {
        ok = CBB_add_u16(&child, KDF_SHA256) && CBB_add_u16(&child, *aead);
    }
    ok = ok && CBB_add_u8(&contents, (uint8_t)options->maximum_name_length) &&
         CBB_add_u8_length_prefixed(&contents, &child) &&
         CBB_add_bytes(&child, (const uint8_t *)options->public_name,
                       strlen(options->public_name)) &&
         CBB_add_u16(&contents, 0) && CBB_finish(&all, &config.data, &config.len);
    if (!ok) {
        die("no ECHConfig can be made");
    }
    return config;
}

static void publish(const char *file, const uint8_t *list, size_t len)
{
    if (file == NULL) {
        return;
    }
    size_t text_len;
    uint8_t *text = NULL;
    if (!EVP_EncodedLength(&text_len, len) || (text = malloc(text_len)) == NULL) {
        die("out of memory");
    }
    EVP_EncodeBlock(text, list, len);
    FILE *out = fopen(file, "w");
    if (out == NULL || fprintf(out, "%s\n", (const char *)text) < 0 || fclose(out) != 0) {
        die("%s: cannot be written", file);
    }
    free(text);
}

static void publish_one(const char *file, const struct config *config)
{
    CBB all;
    CBB child;
    uint8_t *list;
    size_t len;
    if (!CBB_init(&all, config->len + 2) || !CBB_add_u16_length_prefixed(&all, &child) ||
        !CBB_add_bytes(&child, config->data, config->len) || !CBB_finish(&all, &list, &len)) {
        die("out of memory");
    }
    publish(file, list, len);
    OPENSSL_free(list);
}

static void load_or_make(EVP_HPKE_KEY *key, const char *file)
{
    uint8_t private_key[KEY_LEN];
    if (file == NULL) {
        if (!EVP_HPKE_KEY_generate(key, EVP_hpke_x25519_hkdf_sha256())) {
            die("no HPKE key");
        }
        return;
    }
    FILE *in = fopen(file, "r");
    for (size_t i = 0; i < sizeof private_key; i++) {
        unsigned octet;
        if (in == NULL || fscanf(in, "%2x", &octet) != 1) {
            die("%s: not a key", file);
        }
        private_key[i] = (uint8_t)octet;
    }
    fclose(in);
    if (!EVP_HPKE_KEY_init(key, EVP_hpke_x25519_hkdf_sha256(), private_key, sizeof private_key)) {
        die("%s: not a key", file);
    }
}

static void save(const EVP_HPKE_KEY *key, const char *file)
{
    uint8_t private_key[KEY_LEN];
    size_t len;
    FILE *out = file != NULL ? fopen(file, "w") : NULL;
    if (file == NULL) {
        return;
    }
    if (out == NULL || !EVP_HPKE_KEY_private_key(key, private_key, &len, sizeof private_key)) {
        die("%s: cannot be written", file);
    }
    for (size_t i = 0; i < len; i++) {
        fprintf(out, "%02x", private_key[i]);
    }
    if (fputc('\n', out) == EOF || fclose(out) != 0) {
        die("%s: cannot be written", file);
    }
}

static struct config serve_key(SSL_CTX *ctx, const struct ech_options *options,
                               const EVP_HPKE_KEY *key)
{
    struct config served = config_of(key, options, options->config_id);
    SSL_ECH_KEYS *keys = SSL_ECH_KEYS_new();
    if (keys == NULL || !SSL_ECH_KEYS_add(keys, 1, served.data, served.len, key) ||
        !SSL_CTX_set1_ech_keys(ctx, keys)) {
        die("BoringSSL does not take the ECH key");
    }
    SSL_ECH_KEYS_free(keys);
    return served;
}

void ech_keys_renew(SSL_CTX *ctx, const struct ech_options *options)
{
    EVP_HPKE_KEY key;
    load_or_make(&key, NULL);
    OPENSSL_free(serve_key(ctx, options, &key).data);
    EVP_HPKE_KEY_cleanup(&key);
}

void ech_keys_set(SSL_CTX *ctx, const struct ech_options *options)
{
    EVP_HPKE_KEY key;
    EVP_HPKE_KEY lost;
    EVP_HPKE_KEY_zero(&lost);
    load_or_make(&key, options->load_key);
    save(&key, options->save_key);
    struct config served = serve_key(ctx, options, &key);
    publish_one(options->publish_retry, &served);
    if (options->stale) {
        load_or_make(&lost, NULL);
        struct config stale = config_of(&lost, options, options->stale_config_id);
        publish_one(options->publish, &stale);
        OPENSSL_free(stale.data);
    } else {
        publish_one(options->publish, &served);
    }
    OPENSSL_free(served.data);
    EVP_HPKE_KEY_cleanup(&lost);
    EVP_HPKE_KEY_cleanup(&key);
}
