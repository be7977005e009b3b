/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_keys.h"

static const uint8_t zeros[ECH_HASH_MAX];

/* Derive-Secret with the hash of the messages. */
static enum ech_status derive(enum ech_hash hash, const uint8_t *secret, const char *label,
                              const uint8_t *transcript_hash, uint8_t *out)
{
    size_t size = ech_hash_size(hash);
    return ech_hkdf_expand_label(hash, bytes_of(secret, size), label,
                                 bytes_of(transcript_hash, size), out, size);
}

/* The step from one secret to the next: Derive-Secret(., "derived", "") is the salt of the extract.
 */
static enum ech_status advance(enum ech_hash hash, const uint8_t *secret, struct bytes input,
                               uint8_t *next)
{
    uint8_t empty[ECH_HASH_MAX];
    uint8_t salt[ECH_HASH_MAX];
    enum ech_status status = ech_hash_parts(hash, NULL, 0, empty);
    if (status == ECH_OK) {
        status = derive(hash, secret, "derived", empty, salt);
    }
    if (status == ECH_OK) {
        status = ech_hkdf_extract(hash, bytes_of(salt, ech_hash_size(hash)), input, next);
    }
    ech_wipe(salt, sizeof salt);
    return status;
}

static enum ech_status derive_both(struct ech_tls13_secrets *secrets, const char *client_label,
                                   const char *server_label, const uint8_t *transcript_hash)
{
    enum ech_status status =
        derive(secrets->hash, secrets->secret, client_label, transcript_hash, secrets->client);
    if (status == ECH_OK) {
        status =
            derive(secrets->hash, secrets->secret, server_label, transcript_hash, secrets->server);
    }
    return status;
}

enum ech_status ech_tls13_secrets_handshake(struct ech_tls13_secrets *secrets, enum ech_hash hash,
                                            struct bytes shared, const uint8_t *transcript_hash)
{
    size_t size = ech_hash_size(hash);
    uint8_t early[ECH_HASH_MAX];
    secrets->hash = hash;
    /* No PSK: both inputs of the Early Secret are zeros. */
    enum ech_status status =
        ech_hkdf_extract(hash, bytes_of(zeros, size), bytes_of(zeros, size), early);
    if (status == ECH_OK) {
        status = advance(hash, early, shared, secrets->secret);
    }
    if (status == ECH_OK) {
        status = derive_both(secrets, "c hs traffic", "s hs traffic", transcript_hash);
    }
    ech_wipe(early, sizeof early);
    return status;
}

enum ech_status ech_tls13_secrets_application(struct ech_tls13_secrets *secrets,
                                              const uint8_t *transcript_hash)
{
    uint8_t master[ECH_HASH_MAX];
    struct reader r = rd_of(bytes_of(master, sizeof master));
    enum ech_status status = advance(secrets->hash, secrets->secret,
                                     bytes_of(zeros, ech_hash_size(secrets->hash)), master);
    if (status == ECH_OK && !rd_copy(&r, secrets->secret, ech_hash_size(secrets->hash))) {
        status = ECH_ERR_SPACE;
    }
    if (status == ECH_OK) {
        status = derive_both(secrets, "c ap traffic", "s ap traffic", transcript_hash);
    }
    ech_wipe(master, sizeof master);
    return status;
}

void ech_tls13_secrets_wipe(struct ech_tls13_secrets *secrets)
{
    ech_wipe(secrets, sizeof *secrets);
}

enum ech_status ech_tls13_verify_data(enum ech_hash hash, const uint8_t *traffic,
                                      const uint8_t *transcript_hash, uint8_t *out)
{
    size_t size = ech_hash_size(hash);
    uint8_t key[ECH_HASH_MAX];
    enum ech_status status = ech_hkdf_expand_label(hash, bytes_of(traffic, size), "finished",
                                                   bytes_of(NULL, 0), key, size);
    if (status == ECH_OK) {
        /* HKDF-Extract is HMAC(salt, IKM) (RFC 5869, 2.2). */
        status = ech_hkdf_extract(hash, bytes_of(key, size), bytes_of(transcript_hash, size), out);
    }
    ech_wipe(key, sizeof key);
    return status;
}
