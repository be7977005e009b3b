/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The message that replaces the first ClientHello in a transcript after a HelloRetryRequest (RFC
 * 8446, 4.4.1).
 */
#ifndef ECH_MESSAGE_HASH_H
#define ECH_MESSAGE_HASH_H

#include "ech/client_hello.h"
#include "ech/crypto.h"

struct ech_message_hash {
    uint8_t octets[ECH_HANDSHAKE_HEADER + ECH_HASH_MAX];
    size_t len;
};

/* client_hello with its handshake header. ECH_ERR_CRYPTO, ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_message_hash_make(enum ech_hash hash, struct bytes client_hello,
                                                   struct ech_message_hash *out);

#endif
