/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's messages of a TLS 1.2 handshake as a client reads them (RFC 5246, 7.4; RFC 8422, 5),
 * after a ClientHelloOuter that offered TLS 1.2 too. Each function takes the body of one message
 * and, where it counts, the ClientHello that it answers, and returns the alert that the RFC asks
 * for, ECH_ALERT_NONE if all is well. Results are borrowed from the body.
 */
#ifndef ECH_TLS12_MESSAGES_H
#define ECH_TLS12_MESSAGES_H

#include "ech/handshake_messages.h"
#include "ech/server_hello.h"
#include "ech/tls12_suites.h"

enum ech_tls12_message {
    ECH_HANDSHAKE_NEW_SESSION_TICKET = 4,
    ECH_HANDSHAKE_SERVER_KEY_EXCHANGE = 12,
    ECH_HANDSHAKE_SERVER_HELLO_DONE = 14,
    ECH_HANDSHAKE_CLIENT_KEY_EXCHANGE = 16,
    ECH_HANDSHAKE_CERTIFICATE_STATUS = 22,
};

/* Does supported_versions have TLS 1.2? */
bool ech_tls12_offered(const struct ech_client_hello *offered);

/* What ServerHello settles. */
struct ech_tls12_settled {
    const struct ech_tls12_suite *suite; /* NULL: one that the engine does not have */
    bool extended_master_secret;
    bool encrypt_then_mac;
    bool session_ticket; /* NewSessionTicket will come */
    bool status_request; /* CertificateStatus may come */
    /* only to be compared with each other (RFC 8449, 5) */
    bool max_fragment_length;
    bool record_size_limit;
};
/*
 * A ServerHello without supported_versions. protocol_version: not TLS 1.2, or the hello did not
 * offer that, or it offered early data (RFC 8446, 4.2.10). handshake_failure with no suite: it was
 * offered, but is none of ours.
 */
ECH_MUST_USE enum ech_alert ech_tls12_server_hello_read(const struct ech_server_hello *hello,
                                                        const struct ech_client_hello *offered,
                                                        struct ech_tls12_settled *out);

ECH_MUST_USE enum ech_alert ech_tls12_certificate_read(struct bytes body,
                                                       struct ech_certificates *out);
/* Only checked: validation does not use it (RFC 9849, 10.7). */
ECH_MUST_USE enum ech_alert ech_tls12_certificate_status_check(struct bytes body);

struct ech_tls12_key_exchange {
    uint16_t group;      /* offered; not always one that we can generate */
    struct bytes point;  /* the server's public key */
    struct bytes params; /* what is signed besides the randoms */
    uint16_t scheme;     /* offered, ours, and for the suite's kind of key */
    struct bytes signature;
};
ECH_MUST_USE enum ech_alert ech_tls12_key_exchange_read(struct bytes body,
                                                        const struct ech_client_hello *offered,
                                                        const struct ech_tls12_suite *suite,
                                                        struct ech_tls12_key_exchange *out);

/* Only checked: the answer is always an empty Certificate (RFC 9849, 6.1.7). */
ECH_MUST_USE enum ech_alert ech_tls12_certificate_request_check(struct bytes body);
/* Only checked: a session of public_name is never resumed (RFC 9849, 6.1.7). */
ECH_MUST_USE enum ech_alert ech_tls12_new_session_ticket_check(struct bytes body);

#endif
