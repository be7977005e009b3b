/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS 1.2 server without I/O, on our own key schedule and record protection. It obeys, or breaks
 * one rule that a real server would not break on demand.
 */
#ifndef TESTS_UNIT_TLS12_SERVER_H
#define TESTS_UNIT_TLS12_SERVER_H

#include "ech/client_hello.h"
#include "ech/tls12_keys.h"
#include "tests/unit/tls13_server.h"

enum tls12_step {
    TLS12_HELLO,
    TLS12_CERTIFICATE,
    TLS12_STATUS, /* CertificateStatus */
    TLS12_KEY_EXCHANGE,
    TLS12_REQUEST, /* CertificateRequest */
    TLS12_DONE,
    TLS12_TICKET, /* NewSessionTicket */
    TLS12_CHANGE_CIPHER_SPEC,
    TLS12_FINISHED,
};

/* Zeros and NULLs: the usual. */
struct tls12_options {
    uint16_t cipher_suite; /* ECDHE-ECDSA-AES128-GCM-SHA256 */
    uint16_t version;      /* TLS 1.2 */
    struct bytes random_end;
    struct bytes echo; /* the session id */
    uint8_t compression;
    bool extended_master_secret;
    bool encrypt_then_mac;
    bool ticket;
    bool status;
    struct bytes hello_more; /* further extensions, serialized */
    bool no_extensions;

    struct bytes certificates[4]; /* DER, until an empty one; "leaf" */
    bool no_status_message;
    bool status_uninvited; /* the message without the extension */
    uint8_t curve_type;    /* named_curve */
    uint16_t group;        /* X25519 */
    struct bytes point;
    uint16_t scheme; /* ecdsa_secp256r1_sha256 */
    tls13_sign *sign;
    void *sign_context;
    bool other_random; /* signs over another server random than it sent */
    bool request_certificate;
    bool no_ticket_message;
    bool ticket_uninvited;
    bool wrong_finished; /* its transcript lacks the client's Finished */

    enum tls12_step step;
    enum tls13_fault fault; /* TLS13_FLIP on a protected record: of the record itself */
    struct bytes octets;

    size_t fragment; /* messages go in records of this many octets */
    bool one_record; /* the first flight in one record */
};

/* What came from the client so far. */
struct tls12_seen {
    bool certificate; /* an empty one */
    bool finished;    /* with the right verify_data */
    int plain_alert;  /* -1: none */
    int protected_alert;
};

struct tls12_server {
    struct tls12_options options;
    struct tls12_seen seen;
    struct ech_random random;
    const struct ech_tls12_suite *suite;
    enum ech_hash hash;
    struct writer transcript;
    struct octets hello;
    uint8_t server_random[ECH_RANDOM_SIZE];
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t master[ECH_TLS12_MASTER_SECRET];
    struct ech_tls12_protection to_client;
    struct ech_tls12_protection from_client;
    bool reads_protected;
    bool sends_protected;
    struct writer flight; /* contents for one record */
    struct writer assembled;
    struct ech_record_reader records;
    struct writer out; /* for the client */
};

void tls12_server_init(struct tls12_server *server, const struct tls12_options *options,
                       struct ech_random random);
void tls12_server_free(struct tls12_server *server);
/* Takes what the client sends, its hello too. A record that a strict server would refuse fails the
 * test. Answers are in server->out. */
void tls12_server_take(struct tls12_server *server, struct bytes in);

#endif
