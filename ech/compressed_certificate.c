/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/compressed_certificate.h"

#include <stdlib.h>

#include "ech/handshake_messages.h"

/* RFC 8879, 3: CertificateCompressionAlgorithm algorithms<2..2^8-2> */
static bool is_offered(const struct ech_client_hello *offered, uint16_t algorithm)
{
    const struct ech_extension *extension =
        ech_client_hello_find(offered, ECH_EXT_COMPRESS_CERTIFICATE);
    struct reader data = rd_of(extension->data);
    struct reader algorithms;
    uint16_t listed;
    if (!rd_vec8(&data, &algorithms)) {
        return false;
    }
    while (rd_u16(&algorithms, &listed)) {
        if (listed == algorithm) {
            return true;
        }
    }
    return false;
}

enum ech_alert ech_compressed_certificate_read(struct bytes body,
                                               const struct ech_client_hello *offered,
                                               struct ech_compressed_certificate *out)
{
    struct reader r = rd_of(body);
    struct reader compressed;
    uint32_t length;
    if (ech_client_hello_find(offered, ECH_EXT_COMPRESS_CERTIFICATE) == NULL) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    if (!rd_u16(&r, &out->algorithm) || !rd_u24(&r, &length) || !rd_vec24(&r, &compressed) ||
        !rd_done(&r) || rd_done(&compressed)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    if (!is_offered(offered, out->algorithm)) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    out->length = length;
    out->compressed = rd_rest(&compressed);
    return length == 0 || length > ECH_MESSAGE_MAX ? ECH_ALERT_BAD_CERTIFICATE : ECH_ALERT_NONE;
}

enum ech_status ech_compressed_certificate_open(const struct ech_compressed_certificate *message,
                                                const struct ech_decompressor *decompressor,
                                                struct writer *certificate)
{
    if (decompressor->decompress == NULL) {
        return ECH_ERR_UNSUPPORTED;
    }
    uint8_t *out = malloc(message->length);
    if (out == NULL) {
        return ECH_ERR_NOMEM;
    }
    enum ech_status status = decompressor->decompress(decompressor->context, message->algorithm,
                                                      message->compressed, out, message->length);
    if (status == ECH_OK) {
        wr_bytes(certificate, bytes_of(out, message->length));
        status = wr_finish(certificate);
    }
    free(out);
    return status;
}
