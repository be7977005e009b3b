/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the wire guard sees in what is written: pure, so that it can be tested and fuzzed away from
 * sockets.
 */
#ifndef SHIM_STUB_GUARD_HELLO_H
#define SHIM_STUB_GUARD_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_HELLO_RANDOM_SIZE = 32, SHIM_HELLO_NAME_SIZE = 256 };

/*
 * The octets that are looked at. Sets *octets to those from number `at` on that lie together, and
 * *length to their number, 1 or more; false: there is none at `at`.
 */
typedef bool shim_hello_octets(void *context, size_t at, const uint8_t **octets, size_t *length);

struct shim_hello_source {
    shim_hello_octets *octets;
    void *context;
};

enum shim_hello {
    SHIM_HELLO_NONE, /* no ClientHello begins in it */
    SHIM_HELLO_MORE, /* what begins at `at` may be one: its random is not there yet */
    SHIM_HELLO_IS,   /* one begins at `at` */
};

struct shim_hello_sight {
    enum shim_hello hello;
    size_t at;     /* where its first record begins */
    size_t needed; /* IS: octets from `at` on in which the random ends */
    bool old;      /* compatible with SSL 2 (RFC 5246, E.2): it has no random, and no name */
    uint8_t random[SHIM_HELLO_RANDOM_SIZE]; /* IS, and not `old` */
};

/*
 * Looks for a ClientHello at the beginning, and behind each whole record. Servers take more than
 * the standards allow; the guard takes for a hello whatever one of them does (OpenSSL, GnuTLS,
 * NSS):
 *   - any first octet of the record's version (NSS), and any legacy_version from 3.0 on
 *   - empty handshake records before and in it, and a hello that is cut into many records
 *   - alerts and change_cipher_spec before it, and alerts between its records
 *   - the hello of SSL 2 with a version of TLS (GnuTLS, OpenSSL), which can carry no name
 * Its name stands behind the random, so octets may go out until that is known. Returns where the
 * whole records end.
 */
size_t shim_hello_find(const struct shim_hello_source *source, struct shim_hello_sight *sight);

/* Looks for a ClientHello behind other octets, from `at` on: an ordinary one, with versions 3.0 to
 * 3.4, for those octets may be anything. */
void shim_hello_scan(const struct shim_hello_source *source, size_t at,
                     struct shim_hello_sight *sight);

/* What the server_name of a hello says (RFC 6066, 3). */
enum shim_hello_name {
    SHIM_HELLO_NAMED,
    SHIM_HELLO_NAMELESS,     /* it is whole, and has none */
    SHIM_HELLO_NAME_UNKNOWN, /* it is not whole, or out of shape */
};
/* Of the hello that was found at `at`. Writes the name, with a NUL, where there is one. */
enum shim_hello_name shim_hello_server_name(const struct shim_hello_source *source, size_t at,
                                            char name[SHIM_HELLO_NAME_SIZE]);

/* Has the hello at `at` the extension of a ClientHelloOuter (RFC 9849, 5), and of which config?
 * False too where the hello ends before that. */
bool shim_hello_is_outer(const struct shim_hello_source *source, size_t at, uint8_t *config_id);

/*
 * The name that a question to the DNS is about (RFC 1035, 4.1); over a stream (4.2.2) the octets
 * have to be one whole message, for behind it there might be another. With a NUL and without a dot
 * at the end. False: it cannot be read.
 */
bool shim_hello_question_name(const struct shim_hello_source *source, bool stream,
                              char name[SHIM_HELLO_NAME_SIZE]);

/* Is a datagram a QUIC packet with a long header (RFC 9000, 17.2; of any version), or a DTLS record
 * with a ClientHello (RFC 6347, 4.3.1)? */
bool shim_hello_in_datagram(const uint8_t *octets, size_t length);

/* How many octets of a datagram shim_hello_in_datagram looks at. */
enum { SHIM_HELLO_DATAGRAM = 14 };

#endif
