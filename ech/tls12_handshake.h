/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outer handshake with a server that answered ClientHelloOuter with TLS 1.2, as a state machine
 * without I/O. It authenticates the server for public_name, sends ech_required, and the verdict is
 * ECH_OUTER_DISABLED: a server without TLS 1.3 has rejected ECH and gives no retry_configs (RFC
 * 9849, 6.1.4 and 6.1.6). It works for every key_share, which TLS 1.2 does not use. There is no
 * False Start, and only a full ECDHE handshake with a signed key exchange counts.
 *
 * It takes the network's octets, from the record in which ServerHello begins, and otherwise behaves
 * like ech/tls13_handshake.h. Of the start it does not use the key shares.
 */
#ifndef ECH_TLS12_HANDSHAKE_H
#define ECH_TLS12_HANDSHAKE_H

#include "ech/outer_state.h"

extern const struct ech_outer_protocol ech_tls12_protocol;

#endif
