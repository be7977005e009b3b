/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GREASE ECH (RFC 9849, 6.2): an encrypted_client_hello extension of random octets, for a server
 * without an ECHConfig, and the answers to it. Nothing else in the application's hello changes.
 */
#ifndef ECH_GREASE_H
#define ECH_GREASE_H

#include "ech/crypto.h"
#include "ech/exchange.h"

/*
 * What decides the length of the payload. It must be that of real ECH by the same application, but
 * there is no hello yet that could be measured. Real ECH would have the library's key_share.
 */
struct ech_grease_shape {
    struct ech_hello_sizes sizes; /* of the TLS library */
    bool ordinary;                /* real ECH would offer older versions too (ech/ordinary.h) */
    struct ech_hello_parts parts; /* of the ClientHelloInner that real ECH would have */
};

/*
 * The octets of a pre_shared_key extension with one identity (a ticket) of a session with that
 * cipher suite (RFC 8446, 4.2.11); 0 without an identity or for a suite that is not of TLS 1.3.
 */
size_t ech_grease_pre_shared_key(size_t identity_length, uint16_t cipher_suite);

/* The length of the EncodedClientHelloInner that real ECH would have, padded (RFC 9849, 6.1.3). */
size_t ech_grease_inner_length(const struct ech_grease_shape *shape);

/*
 * Writes the extension data. The caller owns the writer, and keeps the octets while a
 * HelloRetryRequest may come: the second hello repeats them (RFC 9849, 6.2.1). ECH_ERR_CRYPTO,
 * ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status ech_grease_make(const struct ech_grease_shape *shape,
                                             const struct ech_random *random,
                                             struct writer *extension_data);

/*
 * The server's encrypted_client_hello extension in a HelloRetryRequest and in EncryptedExtensions.
 * ECH_ERR_DECODE: the connection is to be aborted with decode_error. ECH_OK: to be ignored; never
 * keep retry_configs (RFC 9849, 6.2.1).
 */
ECH_MUST_USE enum ech_status ech_grease_check_retry_request(struct bytes extension_data);
ECH_MUST_USE enum ech_status ech_grease_check_encrypted_extensions(struct bytes extension_data);

#endif
