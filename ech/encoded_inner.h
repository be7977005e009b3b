/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * EncodedClientHelloInner back to ClientHelloInner (RFC 9849, 5.1): what a server does, and what
 * the engine does with a hello that the TLS library sealed (ech/client_facing.h).
 */
#ifndef ECH_ENCODED_INNER_H
#define ECH_ENCODED_INNER_H

#include "ech/client_hello.h"

/*
 * Writes ClientHelloInner with its handshake header: legacy_session_id is that of the outer hello,
 * and the outer hello's extensions stand where ech_outer_extensions names them. The caller owns and
 * wipes the writer, which must be empty, and parses what is in it like every other hello. *unpadded
 * is the length without padding, if ECH_OK.
 *
 * ECH_ERR_DECODE: it does not parse. ECH_ERR_ILLEGAL: padding that is not zero, a
 * legacy_session_id, or ech_outer_extensions that name encrypted_client_hello, a type twice, in
 * another order, or one that the outer hello has not. ECH_ERR_SPACE, ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status ech_decode_inner(struct bytes encoded_client_hello_inner,
                                              const struct ech_client_hello *outer,
                                              size_t *unpadded, struct writer *client_hello_inner);

#endif
