/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program says first on a connection: a ClientHello with its names, or something else. Pure.
 */
#ifndef TOOLS_RELAY_HELLO_H
#define TOOLS_RELAY_HELLO_H

#include <stdbool.h>

#include "ech/wire.h"

enum relay_speech {
    RELAY_SPEECH_MORE,  /* it may become a ClientHello: wait for more octets */
    RELAY_SPEECH_HELLO, /* a whole ClientHello */
    RELAY_SPEECH_OTHER, /* it is none */
};

enum { RELAY_NAME_SIZE = 256, RELAY_ALPN_MAX = 16, RELAY_ALPN_SIZE = 512 };

struct relay_hello {
    char name[RELAY_NAME_SIZE]; /* of server_name, in lower case; "" if there is none */
    /* application_layer_protocol_negotiation (RFC 7301), in the program's order. The names lie in
     * `alpn_octets`. */
    struct bytes alpn[RELAY_ALPN_MAX];
    size_t alpn_count;
    uint8_t alpn_octets[RELAY_ALPN_SIZE];
};

/* Reads the octets that have come so far. *hello is set for RELAY_SPEECH_HELLO. It must not be
 * copied: it points into itself. */
enum relay_speech relay_hello_read(struct bytes octets, struct relay_hello *hello);

#endif
