/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nettle's functions, not those of GnuTLS around them: for each message and each hash those take
 * memory, clear it and wipe it. docs/benchmarks.md has what that costs a handshake.
 */
#include "ech/crypto.h"

#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <string.h>

enum { HKDF_MAX_DIGESTS = 255, HKDF_LABEL_ROOM = 128 };

enum ech_status ech_random_fill(const struct ech_random *random, uint8_t *out, size_t len)
{
    return random->fill(random->context, out, len);
}

/* ---- hashes ---- */

/* nettle copies from an address even if it copies nothing. */
static const uint8_t *octets_of(struct bytes from)
{
    static const uint8_t nothing;
    return from.len > 0 ? from.data : &nothing;
}

static const struct nettle_hash *hash_of(enum ech_hash hash)
{
    switch (hash) {
    case ECH_HASH_SHA256:
        return &nettle_sha256;
    case ECH_HASH_SHA384:
        return &nettle_sha384;
    case ECH_HASH_SHA512:
        return &nettle_sha512;
    }
    return NULL;
}

size_t ech_hash_size(enum ech_hash hash)
{
    const struct nettle_hash *function = hash_of(hash);
    return function != NULL ? function->digest_size : 0;
}

enum ech_status ech_hash_parts(enum ech_hash hash, const struct bytes *parts, size_t count,
                               uint8_t *out)
{
    union {
        struct sha256_ctx sha256;
        struct sha384_ctx sha384;
        struct sha512_ctx sha512;
    } context;
    const struct nettle_hash *function = hash_of(hash);
    if (function == NULL) {
        return ECH_ERR_CRYPTO;
    }
    function->init(&context);
    for (size_t i = 0; i < count; i++) {
        function->update(&context, parts[i].len, octets_of(parts[i]));
    }
#if NETTLE_VERSION_MAJOR >= 4
    function->digest(&context, out);
#else
    function->digest(&context, function->digest_size, out);
#endif
    ech_wipe(&context, sizeof context);
    return ECH_OK;
}

/* ---- HKDF ---- */

union hmac_context {
    struct hmac_sha256_ctx sha256;
    struct hmac_sha384_ctx sha384;
    struct hmac_sha512_ctx sha512;
};

/* What nettle's HKDF needs of HMAC. */
struct hmac {
    nettle_hash_update_func *update;
    nettle_hash_digest_func *digest;
    size_t size;
};

/* nettle gives its own functions these types in the same way (nettle-meta.h). */
static struct hmac hmac_begin(enum ech_hash hash, struct bytes key, union hmac_context *context)
{
    switch (hash) {
    case ECH_HASH_SHA256:
        hmac_sha256_set_key(&context->sha256, key.len, octets_of(key));
        return (struct hmac){(nettle_hash_update_func *)hmac_sha256_update,
                             (nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE};
    case ECH_HASH_SHA384:
        hmac_sha384_set_key(&context->sha384, key.len, octets_of(key));
        return (struct hmac){(nettle_hash_update_func *)hmac_sha384_update,
                             (nettle_hash_digest_func *)hmac_sha384_digest, SHA384_DIGEST_SIZE};
    case ECH_HASH_SHA512:
        hmac_sha512_set_key(&context->sha512, key.len, octets_of(key));
        return (struct hmac){(nettle_hash_update_func *)hmac_sha512_update,
                             (nettle_hash_digest_func *)hmac_sha512_digest, SHA512_DIGEST_SIZE};
    }
    return (struct hmac){NULL, NULL, 0};
}

enum ech_status ech_hkdf_extract(enum ech_hash hash, struct bytes salt, struct bytes ikm,
                                 uint8_t *prk)
{
    union hmac_context context;
    /* HMAC pads its key with zeros, so an empty salt is the HashLen zeros of RFC 5869, 2.2. */
    struct hmac hmac = hmac_begin(hash, salt, &context);
    if (hmac.size == 0) {
        return ECH_ERR_CRYPTO;
    }
    hkdf_extract(&context, hmac.update, hmac.digest, hmac.size, ikm.len, octets_of(ikm), prk);
    ech_wipe(&context, sizeof context);
    return ECH_OK;
}

enum ech_status ech_hkdf_expand(enum ech_hash hash, struct bytes prk, struct bytes info,
                                uint8_t *out, size_t len)
{
    union hmac_context context;
    if (len > HKDF_MAX_DIGESTS * ech_hash_size(hash)) {
        return ECH_ERR_SPACE;
    }
    if (len == 0) {
        return ECH_OK;
    }
    struct hmac hmac = hmac_begin(hash, prk, &context);
    hkdf_expand(&context, hmac.update, hmac.digest, hmac.size, info.len, octets_of(info), len, out);
    ech_wipe(&context, sizeof context);
    return ECH_OK;
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
