/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the wire guard sees in the first octets of a write: pure, so that it can be tested and
 * fuzzed away from sockets.
 */
#ifndef SHIM_HELLO_GUARD_H
#define SHIM_HELLO_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * RFC 8446, 5.1, 4 and 4.1.2: record header (5), handshake header (4), legacy_version (2), random
 * (32). No name stands in these octets, so they may go out before anything is decided.
 */
enum { SHIM_HELLO_PREFIX = 43, SHIM_HELLO_RANDOM_AT = 11, SHIM_HELLO_RANDOM_SIZE = 32 };

enum shim_hello {
    SHIM_HELLO_NONE, /* not the start of a ClientHello */
    SHIM_HELLO_MORE, /* may be one: SHIM_HELLO_PREFIX octets have to be known */
    SHIM_HELLO_IS,   /* is one, and all SHIM_HELLO_PREFIX octets are there */
};

/* Judges the first `length` octets of a stream of TLS records; looks at no more than
 * SHIM_HELLO_PREFIX of them. */
enum shim_hello shim_hello_judge(const uint8_t *octets, size_t length);

/* Octet number `at` of what is looked at; false: it is not there. */
typedef bool shim_hello_octet(const void *context, size_t at, uint8_t *octet);

enum { SHIM_HELLO_NAME_SIZE = 256 };

/* What the server_name of a hello says (RFC 6066, 3). */
enum shim_hello_name {
    SHIM_HELLO_NAMED,
    SHIM_HELLO_NAMELESS,     /* it is whole, and has none */
    SHIM_HELLO_NAME_UNKNOWN, /* it is not whole, or in several records, or out of shape */
};
/* Writes the name, with a NUL, where there is one. Stream and record begin at octet 0. */
enum shim_hello_name shim_hello_server_name(shim_hello_octet *octet, const void *context,
                                            char name[SHIM_HELLO_NAME_SIZE]);

/*
 * The name that a question to the DNS is about (RFC 1035, 4.1); over a stream (4.2.2) the octets
 * have to be one whole message, for behind it there might be another. With a NUL and without a dot
 * at the end. False: it cannot be read.
 */
bool shim_hello_question_name(shim_hello_octet *octet, const void *context, bool stream,
                              char name[SHIM_HELLO_NAME_SIZE]);

/* Is a datagram a QUIC packet with a long header (RFC 9000, 17.2; of any version), or a DTLS record
 * with a ClientHello (RFC 6347, 4.3.1)? */
bool shim_hello_in_datagram(const uint8_t *octets, size_t length);

/* How many octets of a datagram shim_hello_in_datagram looks at. */
enum { SHIM_HELLO_DATAGRAM = 14 };

#endif
