/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_WIRE_H
#define TESTS_PRELOAD_WIRE_H

/* Reads what the relay recorded as TLS. Uses none of the code under test. */

#include "world.h"

#include <stdint.h>

enum {
    WIRE_EXTENSIONS = 40,
    WIRE_HELLOS = 16,
    WIRE_ECH = 2048,
    WIRE_MESSAGE = 8192,
    WIRE_ECH_TYPE = 0xfe0d
};

/* A ClientHello as it was sent. */
struct wire_hello {
    /* The number of the recorded connection, from 1. */
    unsigned connection;
    /* The length of the whole handshake message, its octets, and the version of its record. */
    size_t length;
    uint8_t message[WIRE_MESSAGE];
    unsigned record_version;
    struct {
        uint16_t type;
        uint16_t length;
    } extensions[WIRE_EXTENSIONS];
    size_t extension_count;
    /* The contents of encrypted_client_hello; length 0: the hello does not have it. */
    uint8_t ech[WIRE_ECH];
    size_t ech_length;
};

/* All ClientHellos in the clear, in the order of connections and of sending. Gives their number.
 * Fails the test where octets do not parse, or where there are more than WIRE_HELLOS. */
size_t wire_hellos(const struct world *world, struct wire_hello hellos[WIRE_HELLOS]);

bool wire_has_extension(const struct wire_hello *hello, unsigned type);

/* The outer variant of the extension: RFC 9849, 5. */
struct wire_ech {
    uint16_t kdf;
    uint16_t aead;
    uint8_t config_id;
    const uint8_t *enc;
    size_t enc_length;
    const uint8_t *payload;
    size_t payload_length;
};
/* Fails the test if the hello has none. */
struct wire_ech wire_outer_ech(const struct wire_hello *hello);

#endif
