/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CompressedCertificate (RFC 8879): what a server may send in place of Certificate if the hello has
 * compress_certificate.
 */
#ifndef ECH_COMPRESSED_CERTIFICATE_H
#define ECH_COMPRESSED_CERTIFICATE_H

#include "ech/client_hello.h"
#include "ech/records.h"

enum { ECH_HANDSHAKE_COMPRESSED_CERTIFICATE = 25 };

/* RFC 8879, 7.3 */
enum ech_certificate_compression {
    ECH_COMPRESSION_ZLIB = 1,
    ECH_COMPRESSION_BROTLI = 2,
    ECH_COMPRESSION_ZSTD = 3,
};

/* Given by the caller. Without a function no algorithm can be had. */
struct ech_decompressor {
    void *context;
    /*
     * Writes exactly `length` octets, and never more. ECH_ERR_DECODE: the octets are not what the
     * algorithm makes, or stand for more or fewer; ECH_ERR_UNSUPPORTED: the algorithm cannot be had
     * in this process; ECH_ERR_NOMEM.
     */
    enum ech_status (*decompress)(void *context, uint16_t algorithm, struct bytes compressed,
                                  uint8_t *out, size_t length);
};

struct ech_compressed_certificate {
    uint16_t algorithm; /* one that was offered */
    size_t length;      /* of the Certificate: not 0, and within the bound of every message */
    struct bytes compressed;
};
/* Reads the body of the message. The alert is the one that RFC 8879, 4 asks for; ECH_ALERT_NONE if
 * all is well. Borrowed from the body. */
ECH_MUST_USE enum ech_alert ech_compressed_certificate_read(struct bytes body,
                                                            const struct ech_client_hello *offered,
                                                            struct ech_compressed_certificate *out);
/*
 * Writes the body of the Certificate. The caller owns the writer, which must be empty.
 * ECH_ERR_DECODE, ECH_ERR_UNSUPPORTED, ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status
ech_compressed_certificate_open(const struct ech_compressed_certificate *message,
                                const struct ech_decompressor *decompressor,
                                struct writer *certificate);

#endif
