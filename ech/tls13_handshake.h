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

#include "ech/outer_state.h"

extern const struct ech_outer_protocol ech_tls13_protocol;

#endif
