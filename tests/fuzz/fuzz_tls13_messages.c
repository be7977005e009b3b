/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The messages of the outer handshake after a rejection: an unauthenticated server may send
 * anything. The first octet of the input chooses the message, the rest is its body.
 */
#include <stdlib.h>

#include "ech/compressed_certificate.h"
#include "ech/config.h"
#include "ech/handshake_messages.h"
#include "ech/tls13_messages.h"

/* Offers everything that the messages may answer: server_name, groups, signature schemes, ALPN,
 * OCSP, SCT, early data, a share, ECH, compressed certificates. */
static const uint8_t offer[] = {
    0x01, 0x00, 0x00, 0x8e, 0x03, 0x03, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
    0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x01, 0x77, 0x00, 0x02, 0x13, 0x01, 0x01,
    0x00, 0x00, 0x62, 0x00, 0x00, 0x00, 0x06, 0x00, 0x04, 0x00, 0x00, 0x01, 0x70, 0x00, 0x0a,
    0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x0d, 0x00, 0x06, 0x00, 0x04, 0x04,
    0x03, 0x08, 0x04, 0x00, 0x10, 0x00, 0x05, 0x00, 0x03, 0x02, 0x68, 0x32, 0x00, 0x05, 0x00,
    0x05, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x00, 0x2a, 0x00, 0x00, 0x00,
    0x2b, 0x00, 0x03, 0x02, 0x03, 0x04, 0x00, 0x33, 0x00, 0x07, 0x00, 0x05, 0x00, 0x1d, 0x00,
    0x01, 0x09, 0xfe, 0x0d, 0x00, 0x0b, 0x00, 0x00, 0x01, 0x00, 0x01, 0x07, 0x00, 0x00, 0x00,
    0x01, 0x05, 0x00, 0x1b, 0x00, 0x05, 0x04, 0x00, 0x02, 0x00, 0x01,
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool lies_within(struct bytes part, struct bytes whole)
{
    return part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
                             part.data + part.len <= whole.data + whole.len);
}

static void read_hello(struct bytes body, const struct ech_client_hello *offered)
{
    struct writer message;
    struct ech_server_hello hello;
    struct ech_key_share_entry share;
    struct ech_tls13_retry retry;
    wr_init(&message, 0);
    wr_u8(&message, ECH_HANDSHAKE_SERVER_HELLO);
    struct wr_mark mark = wr_open(&message, 3);
    wr_bytes(&message, body);
    wr_close(&message, mark);
    if (wr_finish(&message) == ECH_OK &&
        ech_server_hello_parse(wr_view(&message), &hello) == ECH_OK) {
        if (ech_tls13_server_hello_read(&hello, offered, &share) == ECH_ALERT_NONE) {
            require(share.key_exchange.len > 0 && !hello.has_pre_shared_key);
            require(lies_within(share.key_exchange, wr_view(&message)));
        }
        if (ech_tls13_retry_read(&hello, offered, &retry) == ECH_ALERT_NONE) {
            require(retry.has_group || retry.cookie.len > 2);
            require(!retry.has_group || retry.group == 23);
        }
        (void)ech_server_hello_fits(&hello, offered);
    }
    wr_free(&message);
}

static void read_certificates(struct bytes body, const struct ech_client_hello *offered)
{
    struct ech_certificates chain;
    if (ech_tls13_certificate_read(body, offered, &chain) == ECH_ALERT_NONE) {
        require(chain.count > 0 && chain.count <= ECH_CERTIFICATES_MAX);
        for (size_t i = 0; i < chain.count; i++) {
            require(chain.certificates[i].len > 0 && lies_within(chain.certificates[i], body));
        }
    }
}

/* In place of a library: the octets stand for themselves. */
static enum ech_status copy(void *context, uint16_t algorithm, struct bytes compressed,
                            uint8_t *out, size_t length)
{
    struct reader r = rd_of(compressed);
    (void)context;
    require(algorithm == 1 || algorithm == 2);
    return compressed.len == length && rd_copy(&r, out, length) ? ECH_OK : ECH_ERR_DECODE;
}

static void read_compressed(struct bytes body, const struct ech_client_hello *offered)
{
    const struct ech_decompressor decompressor = {.decompress = copy};
    struct ech_compressed_certificate message;
    struct writer certificate;
    if (ech_compressed_certificate_read(body, offered, &message) != ECH_ALERT_NONE) {
        return;
    }
    require(message.length > 0 && message.length <= ECH_MESSAGE_MAX && message.compressed.len > 0);
    require(lies_within(message.compressed, body));
    wr_init(&certificate, ECH_MESSAGE_MAX);
    if (ech_compressed_certificate_open(&message, &decompressor, &certificate) == ECH_OK) {
        require(wr_view(&certificate).len == message.length);
        read_certificates(wr_view(&certificate), offered);
    }
    wr_free(&certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ech_client_hello offered;
    struct ech_tls13_encrypted_extensions extensions;
    struct ech_tls13_certificate_verify verify;
    struct reader r = rd_of(bytes_of(data, size));
    uint8_t kind;
    require(ech_client_hello_parse(bytes_of(offer, sizeof offer), &offered) == ECH_OK);
    if (!rd_u8(&r, &kind)) {
        return 0;
    }
    struct bytes body = rd_rest(&r);
    switch (kind % 6) {
    case 0:
        read_hello(body, &offered);
        break;
    case 1:
        if (ech_tls13_encrypted_extensions_read(body, &offered, &extensions) == ECH_ALERT_NONE &&
            extensions.has_retry_configs) {
            require(lies_within(extensions.retry_configs, body));
            require(ech_config_list_check(extensions.retry_configs) == ECH_OK);
        }
        break;
    case 2:
        (void)!ech_tls13_certificate_request_check(body);
        break;
    case 3:
        read_certificates(body, &offered);
        break;
    case 5:
        read_compressed(body, &offered);
        break;
    default:
        if (ech_tls13_certificate_verify_read(body, &offered, &verify) == ECH_ALERT_NONE) {
            require(verify.scheme == 0x0403 || verify.scheme == 0x0804);
            require(lies_within(verify.signature, body));
        }
        break;
    }
    return 0;
}
