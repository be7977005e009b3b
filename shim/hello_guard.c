/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/hello_guard.h"

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, VERSION_MAJOR = 3, DTLS_VERSION_MAJOR = 0xfe };

enum shim_hello shim_hello_judge(const uint8_t *octets, size_t length)
{
    if (length == 0) {
        return SHIM_HELLO_MORE;
    }
    if (octets[0] != HANDSHAKE || (length > 1 && octets[1] != VERSION_MAJOR) ||
        (length > 5 && octets[5] != CLIENT_HELLO)) {
        return SHIM_HELLO_NONE;
    }
    /*
     * An encrypted handshake record of TLS 1.2 has a 1 there once in 256 times. So, where the
     * record is long enough to hold all of it, the length of the hello (below 65,536) and
     * legacy_version count too. A shorter record is a hello cut into records: none of ours is.
     */
    if (length > 6 && (size_t)(octets[3] << 8 | octets[4]) >= SHIM_HELLO_PREFIX - 5 &&
        (octets[6] != 0 || (length > 9 && octets[9] != VERSION_MAJOR))) {
        return SHIM_HELLO_NONE;
    }
    return length >= SHIM_HELLO_PREFIX ? SHIM_HELLO_IS : SHIM_HELLO_MORE;
}

bool shim_hello_in_datagram(const uint8_t *octets, size_t length)
{
    /* QUIC: long header form, a version that is not 0 (0 is only a server's), two connection ids.
     */
    if (length >= 7 && (octets[0] & 0x80) != 0) {
        return (octets[1] | octets[2] | octets[3] | octets[4]) != 0;
    }
    /* DTLS: each fragment of a hello begins with the message's type, after 13 octets of record
     * header. */
    return length >= SHIM_HELLO_DATAGRAM && octets[0] == HANDSHAKE &&
           octets[1] == DTLS_VERSION_MAJOR && octets[13] == CLIENT_HELLO;
}
