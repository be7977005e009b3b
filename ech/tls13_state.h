/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct ech_tls13, for the files that are the machine: tls13_handshake.c (life,
 * records, outlets), tls13_hello.c (the hellos) and tls13_flight.c (what comes after them). No
 * other file includes this.
 */
#ifndef ECH_TLS13_STATE_H
#define ECH_TLS13_STATE_H

#include "ech/config.h"
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
    struct ech_random random;
    struct ech_outer_verifier verifier;
    uint8_t public_name[ECH_PUBLIC_NAME_MAX];
    size_t public_name_length;
    struct writer client_hello;    /* the first one */
    struct ech_client_hello hello; /* borrowed from client_hello */
    struct ech_own_key_shares own;
    struct ech_program_keys program_keys;
    struct ech_decompressor decompressor;
    bool change_cipher_spec_due; /* before our next flight (RFC 8446, D.4) */

    enum ech_tls13_phase phase;
    struct ech_outer_facts facts; /* retry_configs is filled in by ech_tls13_get_facts */

    struct ech_record_reader records;
    struct writer opened;    /* the current protected record */
    struct writer assembled; /* the current handshake message */
    unsigned change_cipher_specs;

    uint16_t cipher_suite; /* 0 before the first answer */
    enum ech_hash hash;
    struct writer transcript;
    bool is_protected; /* there are handshake keys */
    struct ech_tls13_secrets secrets;
    struct ech_tls13_protection from_server;
    struct ech_tls13_protection to_server;

    bool certificate_requested;
    struct writer leaf; /* DER */
    struct writer retry_configs;
    struct writer to_net;
};

/* Each of these functions returns the alert with which the handshake fails, or ECH_ALERT_NONE. */
/* tls13_hello.c: in ECH_TLS13_SERVER_HELLO */
ECH_MUST_USE enum ech_alert ech_tls13_take_hello(struct ech_tls13 *x,
                                                 const struct ech_received *received);
/* tls13_flight.c: in any later phase */
ECH_MUST_USE enum ech_alert ech_tls13_take_message(struct ech_tls13 *x,
                                                   const struct ech_received *received);

/* Notes a failure of ours and returns its alert; ECH_ALERT_NONE for ECH_OK. */
ECH_MUST_USE enum ech_alert ech_tls13_check(struct ech_tls13 *x, enum ech_status status);
/* The transcript hash so far. */
ECH_MUST_USE enum ech_status ech_tls13_transcript(const struct ech_tls13 *x, uint8_t *out);
/* Queues change_cipher_spec if it is due. */
void ech_tls13_change_cipher_spec(struct ech_tls13 *x);

#endif
