/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long the hellos of one TLS library are: data of whoever knows the library.
 */
#ifndef ECH_HELLO_SIZES_H
#define ECH_HELLO_SIZES_H

#include <stddef.h>

struct ech_hello_sizes {
    /* EncodedClientHelloInner is never shorter than this many octets, so that its length says
     * nothing. With shared key shares, and in second hellos, 128 takes its place. 0: there is no
     * floor (test vectors). */
    size_t floor;
    /* Octets of an unpadded EncodedClientHelloInner without host name and PSK: with a key_share of
     * its own, and with the outer hello's. By these a long name or a ticket passes the floor in
     * GREASE where it would in real ECH. */
    size_t own_key_share;
    size_t shared_key_share;
};

#endif
