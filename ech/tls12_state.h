/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct ech_tls12, for the files that are the machine: tls12_handshake.c (life,
 * records) and tls12_flight.c (the messages). No other file includes this.
 */
#ifndef ECH_TLS12_STATE_H
#define ECH_TLS12_STATE_H

#include "ech/outer_state.h"
#include "ech/tls12_handshake.h"
#include "ech/tls12_keys.h"
#include "ech/tls12_messages.h"

/* What the server must send next. */
enum ech_tls12_phase {
    ECH_TLS12_SERVER_HELLO,
    ECH_TLS12_CERTIFICATE,
    ECH_TLS12_KEY_EXCHANGE,       /* or, once, CertificateStatus */
    ECH_TLS12_DONE,               /* or, once, CertificateRequest */
    ECH_TLS12_TICKET,             /* our flight is out; NewSessionTicket was promised */
    ECH_TLS12_CHANGE_CIPHER_SPEC, /* our flight is out */
    ECH_TLS12_FINISHED,
};

struct ech_tls12 {
    struct ech_outer_handshake outer; /* comes first */
    enum ech_tls12_phase phase;
    unsigned warnings; /* alerts that were ignored */

    struct ech_tls12_settled settled;
    uint8_t server_random[ECH_RANDOM_SIZE];
    bool status_seen;

    struct writer client_key_exchange; /* our public key */
    uint8_t premaster[ECH_DH_SHARED_MAX];
    size_t premaster_length;
    uint8_t master[ECH_TLS12_MASTER_SECRET];
    bool sends_protected; /* our change_cipher_spec is out */
    struct ech_tls12_protection to_server;
    struct ech_tls12_protection from_server; /* used from ECH_TLS12_FINISHED on */
};

static inline struct ech_tls12 *ech_tls12_of(struct ech_outer_handshake *outer)
{
    return (struct ech_tls12 *)outer;
}

/* tls12_flight.c: a whole message. Returns the alert with which the handshake fails, or
 * ECH_ALERT_NONE. */
ECH_MUST_USE enum ech_alert ech_tls12_take_message(struct ech_tls12 *x,
                                                   const struct ech_received *received);

#endif
