/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the hellos of one TLS library are. The library's adapter has the numbers. A hello with
 * ECH and one with GREASE are padded by the same numbers, so that their lengths do not differ.
 */
#ifndef ECH_HELLO_SIZES_H
#define ECH_HELLO_SIZES_H

#include <stddef.h>
#include <stdint.h>

struct ech_hello_size {
    /* EncodedClientHelloInner is never shorter than this many octets, so that its length tells
     * nothing of an ordinary name. 0: no floor at all (test vectors). */
    size_t floor;
    /* Octets of an unpadded EncodedClientHelloInner without host name and PSK, with the ALPN list
     * of browsers and four cipher suites. Where this and the parts of the hello at hand are more
     * than the floor, they are the floor. */
    size_t unpadded;
};

/* What a pre_shared_key extension with a PSK that no server has issued counts as: an identity of 64
 * octets, with a binder of SHA-384, and its header. */
enum { ECH_OWN_PSK_GUESS = 128 };

/* What makes a hello longer, in octets. */
struct ech_hello_parts {
    size_t host_name;      /* 0: there is none */
    size_t pre_shared_key; /* that extension, header and all; 0: there is none */
    size_t cipher_suites;  /* the list without its length; four suites or fewer do not count */
    size_t alpn;           /* the same; up to the length of "h2,http/1.1" it does not count */
};

/*
 * The GREASE of BoringSSL, and of OpenSSL 4.0, has a payload of 144, 176, 208 or 240 octets, chosen
 * at random. This is the longest EncodedClientHelloInner that looks like one of these.
 */
enum { ECH_LIBRARY_GREASE_MAX = 240 - 16 };

/* Which hellos of 256 to 511 octets a library pads to 512 (RFC 7685, 4). */
enum ech_padded_hellos {
    ECH_PADDED_NONE, /* or it does so only if the program asks for it */
    ECH_PADDED_FIRST,
    ECH_PADDED_BOTH, /* the hello after a HelloRetryRequest too */
};

struct ech_hello_sizes {
    /* key_share of the outer hello is the engine's own, for the library's keys were not seen.
     * GREASE cannot know that, and may be shorter. */
    struct ech_hello_size own;
    struct ech_hello_size ordinary; /* the outer hello offers older versions too (ordinary.h) */
    struct ech_hello_size copied; /* it has all that can be compressed as the inner hello has it */
    /* For a library with an ECH client of its own: it pads its GREASE as for an ECHConfig with this
     * maximum_name_length. The local config has no smaller one, and our payload is as long as the
     * library's. 0: the payload has a length of ours. */
    uint8_t library_name_length;
    enum ech_padded_hellos padded;
};

/* The least length of EncodedClientHelloInner with these parts. Not rounded up
 * (ech_padded_length). */
size_t ech_hello_floor(const struct ech_hello_size *size, const struct ech_hello_parts *parts);

#endif
