/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ClientHelloInner: may the application's hello be one, and its encoding (RFC 9849, 5.1 and 6.1.3).
 */
#ifndef ECH_INNER_H
#define ECH_INNER_H

#include "ech/client_hello.h"
#include "ech/hello_sizes.h"

/* ECH_OK if the hello keeps to the rules of RFC 9849, 6.1; ECH_ERR_ILLEGAL or ECH_ERR_DECODE if
 * not. */
ECH_MUST_USE enum ech_status ech_inner_check(const struct ech_client_hello *inner);

/*
 * ECH_OK if `second` may follow `first` after a HelloRetryRequest: it keeps to the rules, and has
 * the random, the session id and the server_name of the first (RFC 8446, 4.1.2). ECH_ERR_ILLEGAL or
 * ECH_ERR_DECODE if not.
 */
ECH_MUST_USE enum ech_status ech_inner_check_second(const struct ech_client_hello *first,
                                                    const struct ech_client_hello *second);

/* The extensions of the inner hello, next to each other, that ech_outer_extensions stands for;
 * count 0: none. */
struct ech_run {
    size_t first;
    size_t count;
};
/* OuterExtensions<2..254> are at most 127 types. */
enum { ECH_RUN_MAX = 127 };

/* What decides the length of EncodedClientHelloInner. */
struct ech_padding {
    uint8_t maximum_name_length; /* of the ECHConfig */
    size_t floor;                /* no shorter than this, in octets */
    size_t beside; /* the length is so many octets more than a multiple of 32: 0 to 31 */
};

/* Octets of padding for the name alone (RFC 9849, 6.1.3). `host_name` is empty if there is no
 * server_name. */
size_t ech_name_padding(size_t host_name_length, uint8_t maximum_name_length);
/* The length of EncodedClientHelloInner: a multiple of 32 (RFC 9849, 6.1.3) and no less than the
 * floor. */
size_t ech_padded_length(size_t unpadded, size_t name_padding, size_t floor);

/*
 * Writes EncodedClientHelloInner. The caller owns and wipes the writer, which must be empty.
 * ECH_ERR_SPACE: the run is too long; ECH_ERR_DECODE: server_name does not parse.
 */
ECH_MUST_USE enum ech_status ech_encode_inner(const struct ech_client_hello *inner,
                                              struct ech_run run, const struct ech_padding *padding,
                                              struct writer *encoded_client_hello_inner);
/* Pads an EncodedClientHelloInner that was written without padding: what the writer holds. */
ECH_MUST_USE enum ech_status ech_pad_inner(const struct ech_client_hello *inner,
                                           const struct ech_padding *padding,
                                           struct writer *encoded_client_hello_inner);

#endif
