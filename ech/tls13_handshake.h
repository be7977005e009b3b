/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outer handshake after the server rejected ECH and answered ClientHelloOuter (RFC 9849, 6.1.6
 * and 6.1.7), as a state machine without I/O: it finishes TLS 1.3 with the engine's own key shares,
 * or with the application's if their keys are known, authenticates the server for public_name,
 * sends ech_required and reports what the server said about ECH.
 *
 * It takes the network's octets, from the record in which the rejecting ServerHello or
 * HelloRetryRequest begins. It has output for the network even after the verdict: the caller writes
 * that, ends its side of the transport and drops the connection. Nothing else from the connection
 * is ever used; tickets are not even read (6.1.7).
 */
#ifndef ECH_TLS13_HANDSHAKE_H
#define ECH_TLS13_HANDSHAKE_H

#include "ech/outer_handshake.h"

struct ech_tls13;

/* The caller owns *handshake: ech_tls13_free. ECH_ERR_DECODE, ECH_ERR_ILLEGAL, ECH_ERR_SPACE: the
 * hello does not parse, or the name is too long; ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_tls13_new(struct ech_tls13 **handshake,
                                           const struct ech_outer_start *start);
/* Wipes and frees; NULL is fine. */
void ech_tls13_free(struct ech_tls13 *handshake);

/* Takes all of `in`, split in any way; after the verdict it is dropped. */
enum ech_outer_verdict ech_tls13_from_net(struct ech_tls13 *handshake, struct bytes in);
/* The transport ended. */
enum ech_outer_verdict ech_tls13_closed(struct ech_tls13 *handshake);
/* How many octets complete the record header or the current record; 0 after the verdict. */
size_t ech_tls13_net_wanted(const struct ech_tls13 *handshake);

/* What waits for the network; borrowed until the next call. */
struct bytes ech_tls13_to_net(const struct ech_tls13 *handshake);
void ech_tls13_net_took(struct ech_tls13 *handshake, size_t octets);

void ech_tls13_get_facts(const struct ech_tls13 *handshake, struct ech_outer_facts *facts);

#endif
