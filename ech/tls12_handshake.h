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

#include "ech/outer_handshake.h"

struct ech_tls12;

/* The caller owns *handshake: ech_tls12_free. ECH_ERR_DECODE, ECH_ERR_ILLEGAL, ECH_ERR_SPACE: the
 * hello does not parse, or the name is too long; ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_tls12_new(struct ech_tls12 **handshake,
                                           const struct ech_outer_start *start);
/* Wipes and frees; NULL is fine. */
void ech_tls12_free(struct ech_tls12 *handshake);

/* Takes all of `in`, split in any way; after the verdict it is dropped. */
enum ech_outer_verdict ech_tls12_from_net(struct ech_tls12 *handshake, struct bytes in);
/* The transport ended. */
enum ech_outer_verdict ech_tls12_closed(struct ech_tls12 *handshake);
/* How many octets complete the record header or the current record; 0 after the verdict. */
size_t ech_tls12_net_wanted(const struct ech_tls12 *handshake);

/* What waits for the network; borrowed until the next call. */
struct bytes ech_tls12_to_net(const struct ech_tls12 *handshake);
void ech_tls12_net_took(struct ech_tls12 *handshake, size_t octets);

void ech_tls12_get_facts(const struct ech_tls12 *handshake, struct ech_outer_facts *facts);

#endif
