/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS 1.3 server without I/O, on our own key schedule and record protection. It obeys, or breaks
 * one rule that a real server would not break on demand. It knows only the extensions and the
 * confirmation of ECH: every hello is the outer one, or was opened before.
 */
#ifndef TESTS_UNIT_TLS13_SERVER_H
#define TESTS_UNIT_TLS13_SERVER_H

#include "ech/client_hello.h"
#include "ech/tls13_keys.h"
#include "ech/tls13_record.h"
#include "tests/unit/vectors.h"

enum tls13_step {
    TLS13_RETRY, /* HelloRetryRequest */
    TLS13_HELLO,
    TLS13_EXTENSIONS,
    TLS13_REQUEST, /* CertificateRequest */
    TLS13_CERTIFICATE,
    TLS13_VERIFY,
    TLS13_FINISHED,
    TLS13_STEPS,
};

/* What is wrong with one message. */
enum tls13_fault {
    TLS13_OBEY,
    TLS13_SKIP,
    TLS13_TWICE,
    TLS13_BODY,     /* `octets` are its body */
    TLS13_TYPE,     /* octets[0] is its type */
    TLS13_TRUNCATE, /* its body lacks the last octet */
    TLS13_LONGER,   /* its body has one more octet, 0 */
    TLS13_FLIP,     /* the last bit of its body */
    TLS13_EXCESS,   /* `octets` follow in the same record */
    TLS13_BEFORE,   /* `octets`, a whole record in the clear, come before it */
    TLS13_CONTENT,  /* a record of type octets[0] with the rest of `octets` comes before it,
                       protected if the message is */
};

/* Signs as a server: returns the signature over the content; the caller frees it. */
typedef struct octets tls13_sign(void *context, uint16_t scheme, struct bytes content);

enum { TLS13_FOREIGN_SIZE = 32, TLS13_FOREIGN_SHARE = 9, TLS13_FOREIGN_SECRET = 7 };

/* Zeros and NULLs: the usual. */
struct tls13_options {
    uint16_t cipher_suite; /* TLS_AES_128_GCM_SHA256 */
    bool other_secret;     /* the client has another: its records do not open */
    bool accept; /* the hellos are inner ones: ServerHello and HelloRetryRequest confirm it */
    bool retry;  /* asks for another group, P-256 */
    uint16_t retry_group;
    bool retry_without_group;
    struct bytes cookie;     /* of the HelloRetryRequest */
    struct bytes retry_more; /* further extensions of it, serialized */
    uint16_t second_suite;   /* in ServerHello after it */

    bool no_share; /* the extensions of ServerHello */
    uint16_t share_group;
    uint16_t foreign_group; /* that the engine has not: share and secret are always the same */
    struct bytes share;
    bool no_version;
    uint16_t version;
    struct bytes hello_more;
    struct bytes echo; /* legacy_session_id_echo */

    const struct bytes *retry_configs;
    struct bytes extensions_more; /* further extensions of EncryptedExtensions */
    bool request_certificate;
    struct bytes certificates[4]; /* DER, until an empty one; "leaf" */
    struct bytes entry_extensions;
    struct bytes compressed_certificate; /* the body of one that takes the place of Certificate */
    uint16_t scheme;                     /* of CertificateVerify: ecdsa_secp256r1_sha256 */
    tls13_sign *sign;                    /* what tls13_test_sign makes */
    void *sign_context;

    enum tls13_step step;
    enum tls13_fault fault;
    struct bytes octets;

    size_t padding;           /* octets in each protected record */
    size_t fragment;          /* messages go in records of this many octets */
    bool one_record;          /* the whole protected flight in one record */
    bool change_cipher_specs; /* one after each hello */
};

/* What came from the client so far. */
struct tls13_seen {
    unsigned hellos;
    unsigned change_cipher_specs;
    bool certificate; /* an empty one */
    bool finished;    /* with the right verify_data */
    int plain_alert;  /* -1: none */
    int handshake_alert;
    int application_alert;
    unsigned unreadable; /* records under another secret */
};

struct tls13_server {
    struct tls13_options options;
    struct tls13_seen seen;
    struct ech_random random;
    uint16_t cipher_suite;
    enum ech_hash hash;
    struct writer transcript;
    struct octets first_hello;
    struct octets second_hello;
    struct octets retry_request; /* empty: none was sent */
    bool retried;
    bool is_protected;
    bool flight_done;
    struct ech_tls13_secrets secrets;
    uint8_t client_handshake[ECH_HASH_MAX];
    struct ech_tls13_protection to_client;
    struct ech_tls13_protection from_client;
    struct writer flight; /* contents for one record */
    struct writer assembled;
    struct ech_record_reader records;
    struct writer out; /* for the client */
};

void tls13_server_init(struct tls13_server *server, const struct tls13_options *options,
                       struct ech_random random);
void tls13_server_free(struct tls13_server *server);
/* Takes what the client sends, hellos too. A record that a strict server would refuse fails the
 * test. Answers are in server->out. */
void tls13_server_take(struct tls13_server *server, struct bytes in);
/* Sends a record of this type, protected once there are keys: after the server's Finished under
 * application keys. */
void tls13_server_send(struct tls13_server *server, uint8_t type, struct bytes content);

/* A fake signature: the SHA-256 of scheme and content. */
tls13_sign tls13_test_sign;

#endif
