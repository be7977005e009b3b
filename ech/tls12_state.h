/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct ech_tls12, for the files that are the machine: tls12_handshake.c (life,
 * records, outlets) and tls12_flight.c (the messages). No other file includes this.
 */
#ifndef ECH_TLS12_STATE_H
#define ECH_TLS12_STATE_H

#include "ech/config.h"
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
    struct ech_random random;
    struct ech_outer_verifier verifier;
    uint8_t public_name[ECH_PUBLIC_NAME_MAX];
    size_t public_name_length;
    struct writer client_hello;
    struct ech_client_hello hello; /* borrowed from client_hello */

    enum ech_tls12_phase phase;
    struct ech_outer_facts facts;

    struct ech_record_reader records;
    struct writer opened;    /* the current protected record */
    struct writer assembled; /* the current handshake message */
    unsigned warnings;       /* alerts that were ignored */

    struct ech_tls12_settled settled;
    uint8_t server_random[ECH_RANDOM_SIZE];
    struct writer transcript;
    struct writer leaf; /* DER */
    bool status_seen;
    bool certificate_requested;

    struct writer client_key_exchange; /* our public key */
    uint8_t premaster[ECH_DH_SHARED_MAX];
    size_t premaster_length;
    uint8_t master[ECH_TLS12_MASTER_SECRET];
    bool sends_protected; /* our change_cipher_spec is out */
    struct ech_tls12_protection to_server;
    struct ech_tls12_protection from_server; /* used from ECH_TLS12_FINISHED on */
    struct writer to_net;
};

/* Notes a failure of ours and returns its alert; ECH_ALERT_NONE for ECH_OK. */
ECH_MUST_USE enum ech_alert ech_tls12_check(struct ech_tls12 *x, enum ech_status status);
/* tls12_flight.c: a whole message. Returns the alert with which the handshake fails, or
 * ECH_ALERT_NONE. */
ECH_MUST_USE enum ech_alert ech_tls12_take_message(struct ech_tls12 *x,
                                                   const struct ech_received *received);

#endif
