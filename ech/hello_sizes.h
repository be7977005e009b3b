/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long the hellos of one TLS library are. The library's adapter has the numbers. */
#ifndef ECH_HELLO_SIZES_H
#define ECH_HELLO_SIZES_H

#include <stddef.h>

struct ech_hello_sizes {
    /* EncodedClientHelloInner is never shorter than this many octets, so that its length tells
     * nothing. With shared key shares, and in second hellos, the floor is 128 instead. 0: no floor
     * (test vectors). */
    size_t floor;
    /* Octets of an unpadded EncodedClientHelloInner without host name and PSK: with a key_share of
     * its own, and with the outer hello's. They make GREASE exceed the floor for a long name or a
     * ticket exactly when real ECH would. */
    size_t own_key_share;
    size_t shared_key_share;
};

#endif
