/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/server_hello.h"

/* RFC 8446, 4.1.3: SHA-256 of "HelloRetryRequest". */
static const uint8_t hello_retry_request_random[ECH_RANDOM_SIZE] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* The confirmation ends `after` octets before the end of the message. */
static enum ech_status split_at_confirmation(struct ech_server_hello *hello, size_t after)
{
    struct reader r = rd_of(hello->message);
    if (hello->message.len < ECH_CONFIRMATION_SIZE + after ||
        !rd_bytes(&r, hello->message.len - ECH_CONFIRMATION_SIZE - after,
                  &hello->before_confirmation) ||
        !rd_bytes(&r, ECH_CONFIRMATION_SIZE, &hello->confirmation)) {
        return ECH_ERR_DECODE;
    }
    hello->after_confirmation = rd_rest(&r);
    return ECH_OK;
}

static enum ech_status note_supported_versions(struct ech_server_hello *hello, struct bytes data)
{
    struct reader r = rd_of(data);
    if (hello->has_supported_versions) {
        return ECH_ERR_ILLEGAL;
    }
    hello->has_supported_versions = true;
    return rd_u16(&r, &hello->selected_version) && rd_done(&r) ? ECH_OK : ECH_ERR_DECODE;
}

/* `after`: the octets of the message that follow the extension. */
static enum ech_status note_encrypted_client_hello(struct ech_server_hello *hello,
                                                   struct bytes data, size_t after)
{
    if (hello->has_encrypted_client_hello) {
        return ECH_ERR_ILLEGAL;
    }
    hello->has_encrypted_client_hello = true;
    hello->encrypted_client_hello = data;
    if (!hello->is_hello_retry_request || data.len != ECH_CONFIRMATION_SIZE) {
        return ECH_OK;
    }
    return split_at_confirmation(hello, after);
}

static enum ech_status read_extensions(struct reader *extensions, struct ech_server_hello *hello)
{
    while (!rd_done(extensions)) {
        struct ech_extension extension;
        enum ech_status status = ECH_OK;
        if (!ech_extension_read(extensions, &extension)) {
            return ECH_ERR_DECODE;
        }
        if (extension.type == ECH_EXT_SUPPORTED_VERSIONS) {
            status = note_supported_versions(hello, extension.data);
        } else if (extension.type == ECH_EXT_ENCRYPTED_CLIENT_HELLO) {
            status = note_encrypted_client_hello(hello, extension.data, extensions->len);
        } else if (extension.type == ECH_EXT_PRE_SHARED_KEY) {
            hello->has_pre_shared_key = true;
        }
        if (status != ECH_OK) {
            return status;
        }
    }
    return ECH_OK;
}

/* The extensions end the message. A ServerHello of TLS 1.2 may have no extensions at all. */
static enum ech_status read_rest(struct reader *body, struct ech_server_hello *hello)
{
    struct reader echo;
    struct reader extensions;
    if (!rd_vec8(body, &echo) || echo.len > ECH_SESSION_ID_MAX ||
        !rd_u16(body, &hello->cipher_suite) || !rd_u8(body, &hello->legacy_compression_method)) {
        return ECH_ERR_DECODE;
    }
    hello->legacy_session_id_echo = rd_rest(&echo);
    if (rd_done(body)) {
        return ECH_OK;
    }
    if (!rd_vec16(body, &extensions) || !rd_done(body)) {
        return ECH_ERR_DECODE;
    }
    hello->extensions = rd_rest(&extensions);
    return read_extensions(&extensions, hello);
}

enum ech_status ech_server_hello_parse(struct bytes message, struct ech_server_hello *hello)
{
    struct reader r = rd_of(message);
    struct reader body;
    uint8_t type;
    *hello = (struct ech_server_hello){.message = message, .before_confirmation = message};
    if (!rd_u8(&r, &type) || type != ECH_HANDSHAKE_SERVER_HELLO || !rd_vec24(&r, &body) ||
        !rd_done(&r) || !rd_u16(&body, &hello->legacy_version) ||
        !rd_bytes(&body, ECH_RANDOM_SIZE, &hello->random)) {
        return ECH_ERR_DECODE;
    }
    hello->is_hello_retry_request = bytes_equal(
        hello->random, bytes_of(hello_retry_request_random, sizeof hello_retry_request_random));
    if (!hello->is_hello_retry_request) {
        enum ech_status status = split_at_confirmation(hello, body.len);
        if (status != ECH_OK) {
            return status;
        }
    }
    return read_rest(&body, hello);
}

static bool version_offered(const struct ech_client_hello *offered, uint16_t version)
{
    struct reader versions;
    uint16_t offer;
    if (version < ECH_TLS13 || ech_client_hello_versions(offered, &versions) != ECH_OK) {
        return false;
    }
    while (rd_u16(&versions, &offer)) {
        if (offer == version) {
            return true;
        }
    }
    return false;
}

bool ech_server_hello_fits(const struct ech_server_hello *hello,
                           const struct ech_client_hello *offered)
{
    enum ech_hash hash;
    return hello->legacy_version == ECH_TLS12 && hello->legacy_compression_method == 0 &&
           bytes_equal(hello->legacy_session_id_echo, offered->legacy_session_id) &&
           version_offered(offered, hello->selected_version) &&
           ech_client_hello_offers_suite(offered, hello->cipher_suite) &&
           ech_suite_hash(hello->cipher_suite, &hash) == ECH_OK;
}

enum ech_status ech_suite_hash(uint16_t cipher_suite, enum ech_hash *hash)
{
    switch (cipher_suite) {
    case ECH_SUITE_AES_128_GCM_SHA256:
    case ECH_SUITE_CHACHA20_POLY1305_SHA256:
    case ECH_SUITE_AES_128_CCM_SHA256:
    case ECH_SUITE_AES_128_CCM_8_SHA256:
        *hash = ECH_HASH_SHA256;
        return ECH_OK;
    case ECH_SUITE_AES_256_GCM_SHA384:
        *hash = ECH_HASH_SHA384;
        return ECH_OK;
    default:
        return ECH_ERR_UNSUPPORTED;
    }
}
