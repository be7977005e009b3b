/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/accept.h"

#include "ech/message_hash.h"

/* RFC 9849, 7.2: HKDF-Expand-Label(HKDF-Extract(0, ClientHelloInner.random), label, transcript, 8).
 */
static enum ech_status confirm(enum ech_hash hash, struct bytes random, const char *label,
                               const struct bytes *parts, size_t count, uint8_t *out)
{
    static const uint8_t zeros[ECH_HASH_MAX];
    uint8_t transcript[ECH_HASH_MAX];
    uint8_t secret[ECH_HASH_MAX];
    size_t size = ech_hash_size(hash);
    enum ech_status status = ech_hash_parts(hash, parts, count, transcript);
    if (status == ECH_OK) {
        status = ech_hkdf_extract(hash, bytes_of(zeros, size), random, secret);
    }
    if (status == ECH_OK) {
        status = ech_hkdf_expand_label(hash, bytes_of(secret, size), label,
                                       bytes_of(transcript, size), out, ECH_CONFIRMATION_SIZE);
    }
    ech_wipe(secret, sizeof secret);
    return status;
}

static const uint8_t no_confirmation[ECH_CONFIRMATION_SIZE];

enum ech_status ech_accept_confirmation(const struct ech_accept_transcript *transcript,
                                        const struct ech_server_hello *server_hello,
                                        uint8_t out[ECH_CONFIRMATION_SIZE])
{
    enum ech_hash hash;
    struct ech_message_hash first;
    enum ech_status status = ech_suite_hash(server_hello->cipher_suite, &hash);
    if (status != ECH_OK) {
        return status;
    }
    const struct ech_client_hello *inner = transcript->client_hello_inner;
    struct bytes parts[] = {
        inner->message,
        transcript->hello_retry_request,
        transcript->second_client_hello_inner,
        server_hello->before_confirmation,
        bytes_of(no_confirmation, sizeof no_confirmation),
        server_hello->after_confirmation,
    };
    if (transcript->hello_retry_request.len > 0) {
        status = ech_message_hash_make(hash, inner->message, &first);
        if (status != ECH_OK) {
            return status;
        }
        parts[0] = bytes_of(first.octets, first.len);
    }
    return confirm(hash, inner->random, "ech accept confirmation", parts,
                   sizeof parts / sizeof parts[0], out);
}

enum ech_status ech_hrr_accept_confirmation(const struct ech_client_hello *client_hello_inner,
                                            const struct ech_server_hello *hello_retry_request,
                                            uint8_t out[ECH_CONFIRMATION_SIZE])
{
    enum ech_hash hash;
    struct ech_message_hash first;
    enum ech_status status = ech_suite_hash(hello_retry_request->cipher_suite, &hash);
    if (status == ECH_OK) {
        status = ech_message_hash_make(hash, client_hello_inner->message, &first);
    }
    if (status != ECH_OK) {
        return status;
    }
    const struct bytes parts[] = {
        bytes_of(first.octets, first.len),
        hello_retry_request->before_confirmation,
        bytes_of(no_confirmation, sizeof no_confirmation),
        hello_retry_request->after_confirmation,
    };
    return confirm(hash, client_hello_inner->random, "hrr ech accept confirmation", parts,
                   sizeof parts / sizeof parts[0], out);
}

enum ech_status ech_accept_check(const struct ech_accept_transcript *transcript,
                                 const struct ech_server_hello *message, bool *accepted)
{
    uint8_t expected[ECH_CONFIRMATION_SIZE];
    enum ech_status status;
    *accepted = false;
    if (message->confirmation.len != ECH_CONFIRMATION_SIZE) {
        return ECH_OK;
    }
    if (message->is_hello_retry_request) {
        status = ech_hrr_accept_confirmation(transcript->client_hello_inner, message, expected);
    } else {
        status = ech_accept_confirmation(transcript, message, expected);
    }
    if (status == ECH_OK) {
        /* The expected value comes from a secret, the inner random. */
        *accepted = bytes_equal_secret(message->confirmation, bytes_of(expected, sizeof expected));
    }
    ech_wipe(expected, sizeof expected);
    return status;
}
