/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the wire guard sees in the octets of a write. Pure, so that tests and fuzzers need no
 * sockets.
 */
#ifndef SHIM_STUB_GUARD_HELLO_H
#define SHIM_STUB_GUARD_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_HELLO_RANDOM_SIZE = 32, SHIM_HELLO_NAME_SIZE = 256 };

/*
 * Gives the octets to look at. Sets *octets to those from number `at` on that lie together, and
 * *length to their count, 1 or more. False: there is no octet at `at`.
 */
typedef bool shim_hello_octets(void *context, size_t at, const uint8_t **octets, size_t *length);

struct shim_hello_source {
    shim_hello_octets *octets;
    void *context;
};

enum shim_hello {
    SHIM_HELLO_NONE, /* no ClientHello begins in it */
    SHIM_HELLO_MORE, /* one may begin at `at`, but its random is not there yet */
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
 * Looks for a ClientHello at the beginning, and after each whole record. Servers accept more than
 * the standards allow. Whatever OpenSSL, GnuTLS or NSS accepts counts as a hello:
 *   - any first octet of the record's version (NSS), and any legacy_version from 3.0 on
 *   - empty handshake records before and in it, and a hello that is cut into many records
 *   - alerts and change_cipher_spec before it, and alerts between its records
 *   - the hello of SSL 2 with a version of TLS (GnuTLS, OpenSSL), which can carry no name
 * The name follows the random, so octets may leave until the random is known. Returns where the
 * whole records end.
 */
size_t shim_hello_find(const struct shim_hello_source *source, struct shim_hello_sight *sight);

/* Looks for a ClientHello after other octets, from `at` on. Those may be anything, so only an
 * ordinary hello counts, with versions 3.0 to 3.4. */
void shim_hello_scan(const struct shim_hello_source *source, size_t at,
                     struct shim_hello_sight *sight);

/* What the server_name of a hello says (RFC 6066, 3). */
enum shim_hello_name {
    SHIM_HELLO_NAMED,
    SHIM_HELLO_NAMELESS,     /* it is whole and has no name */
    SHIM_HELLO_NAME_UNKNOWN, /* it is not whole, or malformed */
};
/* Reads the server_name of the hello at `at`. Writes the name, with a NUL, if there is one. */
enum shim_hello_name shim_hello_server_name(const struct shim_hello_source *source, size_t at,
                                            char name[SHIM_HELLO_NAME_SIZE]);

/* Has the hello at `at` the extension of a ClientHelloOuter (RFC 9849, 5), and for which config?
 * Also false if the octets end before it. */
bool shim_hello_is_outer(const struct shim_hello_source *source, size_t at, uint8_t *config_id);

/*
 * The name in a question to the DNS (RFC 1035, 4.1), with a NUL and without a dot at the end. Over
 * a stream (4.2.2) the octets must be exactly one message, because a second could follow. False: it
 * cannot be read.
 */
bool shim_hello_question_name(const struct shim_hello_source *source, bool stream,
                              char name[SHIM_HELLO_NAME_SIZE]);

/* Is a datagram a QUIC packet with a long header (RFC 9000, 17.2; of any version), or a DTLS record
 * with a ClientHello (RFC 6347, 4.3.1)? */
bool shim_hello_in_datagram(const uint8_t *octets, size_t length);

/* How many octets of a datagram shim_hello_in_datagram looks at. */
enum { SHIM_HELLO_DATAGRAM = 14 };

#endif
