/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a rejection of a hello whose key_share was the inner's, the outer handshake cannot be
 * finished: its private keys are the TLS library's. So the engine asks the server again, on a
 * connection of its own and with a hello of its own: like the application's, but for public_name,
 * and with a key_share of which the engine has the keys.
 */
#ifndef ECH_PROBE_H
#define ECH_PROBE_H

#include "ech/client_hello.h"
#include "ech/crypto.h"

/*
 * Writes the handshake message of a ClientHelloInner for the probe, made from the application's:
 * those of its groups that the engine supports (X25519 if there is none), one key share, no PSK, no
 * early data, no cookie, no compress_certificate, random and session id of its own. ECH_ERR_CRYPTO,
 * ECH_ERR_NOMEM, ECH_ERR_DECODE, ECH_ERR_SPACE.
 */
ECH_MUST_USE enum ech_status ech_probe_hello(const struct ech_client_hello *client_hello_inner,
                                             struct bytes public_name,
                                             const struct ech_random *random,
                                             struct writer *message);

#endif
