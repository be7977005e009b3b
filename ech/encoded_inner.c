/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/encoded_inner.h"

/*
 * RFC 9849, 5.1 and Appendix A. One pass over the outer hello is enough: the extensions have the
 * same order there, so a type that is named twice, or out of order, is not found any more.
 */
static enum ech_status write_referenced(struct bytes outer_extensions,
                                        const struct ech_client_hello *outer, struct writer *w)
{
    struct reader data = rd_of(outer_extensions);
    struct reader types;
    uint16_t type;
    size_t i = 0;
    if (!rd_vec8(&data, &types) || !rd_done(&data) || rd_done(&types) || types.len % 2 != 0) {
        return ECH_ERR_DECODE;
    }
    while (rd_u16(&types, &type)) {
        while (i < outer->extension_count && outer->extensions[i].type != type) {
            i++;
        }
        if (i == outer->extension_count || type == ECH_EXT_ENCRYPTED_CLIENT_HELLO) {
            return ECH_ERR_ILLEGAL;
        }
        wr_bytes(w, outer->extensions[i++].raw);
    }
    return ECH_OK;
}

static enum ech_status write_extensions(const struct ech_client_hello *encoded,
                                        const struct ech_client_hello *outer, struct writer *w)
{
    enum ech_status status = ECH_OK;
    for (size_t i = 0; i < encoded->extension_count && status == ECH_OK; i++) {
        const struct ech_extension *extension = &encoded->extensions[i];
        if (extension->type == ECH_EXT_ECH_OUTER_EXTENSIONS) {
            status = write_referenced(extension->data, outer, w);
        } else {
            wr_bytes(w, extension->raw);
        }
    }
    return status;
}

static enum ech_status check_padding(struct reader padding)
{
    uint8_t zero;
    while (rd_u8(&padding, &zero)) {
        if (zero != 0) {
            return ECH_ERR_ILLEGAL;
        }
    }
    return ECH_OK;
}

static enum ech_status write_client_hello(const struct ech_client_hello *encoded,
                                          const struct ech_client_hello *outer, struct writer *w)
{
    wr_u8(w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, encoded->legacy_version);
    wr_bytes(w, encoded->random);
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, outer->legacy_session_id);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    wr_bytes(w, encoded->cipher_suites);
    wr_close(w, mark);
    mark = wr_open(w, 1);
    wr_bytes(w, encoded->legacy_compression_methods);
    wr_close(w, mark);
    mark = wr_open(w, 2);
    enum ech_status status = write_extensions(encoded, outer, w);
    wr_close(w, mark);
    wr_close(w, body);
    return status == ECH_OK ? wr_finish(w) : status;
}

enum ech_status ech_decode_inner(struct bytes encoded_client_hello_inner,
                                 const struct ech_client_hello *outer, size_t *unpadded,
                                 struct writer *client_hello_inner)
{
    struct reader r = rd_of(encoded_client_hello_inner);
    struct ech_client_hello encoded;
    enum ech_status status = ech_client_hello_read_body(&r, &encoded);
    *unpadded = encoded_client_hello_inner.len - rd_rest(&r).len;
    if (status == ECH_OK) {
        status = check_padding(r);
    }
    if (status != ECH_OK) {
        return status;
    }
    if (encoded.legacy_session_id.len > 0) {
        return ECH_ERR_ILLEGAL;
    }
    return write_client_hello(&encoded, outer, client_hello_inner);
}
