/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/message_hash.h"

enum { HANDSHAKE_MESSAGE_HASH = 254 };

enum ech_status ech_message_hash_make(enum ech_hash hash, struct bytes client_hello,
                                      struct ech_message_hash *out)
{
    struct writer w;
    uint8_t digest[ECH_HASH_MAX];
    size_t size = ech_hash_size(hash);
    enum ech_status status = ech_hash_parts(hash, &client_hello, 1, digest);
    if (status != ECH_OK) {
        return status;
    }
    wr_init(&w, sizeof out->octets);
    wr_u8(&w, HANDSHAKE_MESSAGE_HASH);
    struct wr_mark mark = wr_open(&w, 3);
    wr_bytes(&w, bytes_of(digest, size));
    wr_close(&w, mark);
    status = wr_finish(&w);
    struct reader r = rd_of(wr_view(&w));
    out->len = r.len;
    if (status == ECH_OK && !rd_copy(&r, out->octets, r.len)) {
        status = ECH_ERR_SPACE;
    }
    wr_free(&w);
    return status;
}
