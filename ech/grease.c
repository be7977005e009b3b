/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/grease.h"

#include "ech/client_hello.h"
#include "ech/config.h"
#include "ech/hpke.h"
#include "ech/inner.h"
#include "ech/offer.h"
#include "ech/server_hello.h"

size_t ech_grease_pre_shared_key(size_t identity_length, uint16_t cipher_suite)
{
    enum { EXTENSION_HEADER = 4, LIST_LENGTHS = 4, IDENTITY_LENGTH_AND_AGE = 6, BINDER_LENGTH = 1 };
    enum ech_hash hash;
    if (identity_length == 0 || ech_suite_hash(cipher_suite, &hash) != ECH_OK) {
        return 0;
    }
    return EXTENSION_HEADER + LIST_LENGTHS + IDENTITY_LENGTH_AND_AGE + identity_length +
           BINDER_LENGTH + ech_hash_size(hash);
}

size_t ech_grease_inner_length(const struct ech_grease_shape *shape)
{
    const struct ech_hello_size *size =
        shape->ordinary ? &shape->sizes.ordinary : &shape->sizes.copied;
    size_t floor = ech_hello_floor(size, &shape->parts);
    size_t length = ech_padded_length(0, 0, floor);
    return length < ECH_ENCODED_MAX ? length : ECH_ENCODED_MAX;
}

/* RFC 9849, 6.2.1: vary over plausible suites. Nearly all servers list AES-128-GCM first. */
static uint16_t plausible_aead(uint8_t random)
{
    enum { UP_TO_AES_128 = 208, UP_TO_CHACHA20 = 240 };
    if (random < UP_TO_AES_128) {
        return ECH_AEAD_AES_128_GCM;
    }
    return random < UP_TO_CHACHA20 ? ECH_AEAD_CHACHA20_POLY1305 : ECH_AEAD_AES_256_GCM;
}

enum ech_status ech_grease_make(const struct ech_grease_shape *shape,
                                const struct ech_random *random, struct writer *extension_data)
{
    uint8_t choices[2];
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t enc[ECH_DH_PUBLIC_MAX];
    uint8_t payload[ECH_PAYLOAD_MAX];
    size_t payload_length = ech_grease_inner_length(shape) + ECH_AEAD_TAG;
    enum ech_status status = ech_random_fill(random, choices, sizeof choices);
    if (status == ECH_OK) {
        /* A real key, generated as in HPKE: half of all strings of 32 octets are not on the curve.
         */
        status = ech_dh_generate(ECH_GROUP_X25519, random, private_key, enc);
        ech_wipe(private_key, sizeof private_key);
    }
    if (status == ECH_OK) {
        status = ech_random_fill(random, payload, payload_length);
    }
    if (status != ECH_OK) {
        return status;
    }
    const struct ech_ech_client_hello grease = {
        .type = ECH_CLIENT_HELLO_OUTER,
        .kdf_id = ECH_KDF_SHA256,
        .aead_id = plausible_aead(choices[0]),
        .config_id = choices[1],
        .enc = bytes_of(enc, ech_dh_public_size(ECH_GROUP_X25519)),
        .payload = bytes_of(payload, payload_length),
    };
    ech_ech_client_hello_write(&grease, extension_data);
    return wr_finish(extension_data);
}

enum ech_status ech_grease_check_retry_request(struct bytes extension_data)
{
    /* RFC 9849, 5: struct { opaque confirmation[8]; } ECHHelloRetryRequest */
    return extension_data.len == ECH_CONFIRMATION_SIZE ? ECH_OK : ECH_ERR_DECODE;
}

enum ech_status ech_grease_check_encrypted_extensions(struct bytes extension_data)
{
    /* RFC 9849, 5: struct { ECHConfigList retry_configs; } ECHEncryptedExtensions */
    return ech_config_list_check(extension_data);
}
