/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct ech_tls13, for the files that are the machine: tls13_handshake.c (life,
 * records, outlets), tls13_hello.c (the hellos) and tls13_flight.c (what comes after them). No
 * other file includes this.
 */
#ifndef ECH_TLS13_STATE_H
#define ECH_TLS13_STATE_H

#include "ech/outer_state.h"
#include "ech/tls13_handshake.h"
#include "ech/tls13_keys.h"
#include "ech/tls13_messages.h"
#include "ech/tls13_record.h"

/* What the server must send next. */
enum ech_tls13_phase {
    ECH_TLS13_SERVER_HELLO, /* or, once, HelloRetryRequest */
    ECH_TLS13_ENCRYPTED_EXTENSIONS,
    ECH_TLS13_CERTIFICATE, /* or, once, CertificateRequest */
    ECH_TLS13_CERTIFICATE_VERIFY,
    ECH_TLS13_FINISHED,
};

struct ech_tls13 {
    struct ech_outer_handshake outer; /* comes first */
    enum ech_tls13_phase phase;

    struct ech_own_key_shares own;
    struct ech_program_keys program_keys;
    struct ech_decompressor decompressor;
    bool change_cipher_spec_due; /* before our next flight (RFC 8446, D.4) */
    unsigned change_cipher_specs;

    uint16_t cipher_suite; /* 0 before the first answer */
    enum ech_hash hash;
    bool is_protected; /* there are handshake keys */
    struct ech_tls13_secrets secrets;
    struct ech_tls13_protection from_server;
    struct ech_tls13_protection to_server;
};

static inline struct ech_tls13 *ech_tls13_of(struct ech_outer_handshake *outer)
{
    return (struct ech_tls13 *)outer;
}

/* Each of these functions returns the alert with which the handshake fails, or ECH_ALERT_NONE. */
/* tls13_hello.c: in ECH_TLS13_SERVER_HELLO */
ECH_MUST_USE enum ech_alert ech_tls13_take_hello(struct ech_tls13 *x,
                                                 const struct ech_received *received);
/* tls13_flight.c: in any later phase */
ECH_MUST_USE enum ech_alert ech_tls13_take_message(struct ech_tls13 *x,
                                                   const struct ech_received *received);

/* Queues change_cipher_spec if it is due. */
void ech_tls13_change_cipher_spec(struct ech_tls13 *x);

#endif
