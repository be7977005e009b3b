/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The server's messages of a TLS 1.3 handshake as a client reads them (RFC 8446, 4). Each function
 * takes the body of one message and the ClientHello that it answers, and returns the alert that the
 * RFC asks for, ECH_ALERT_NONE if all is well. Results are borrowed from the body.
 */
#ifndef ECH_TLS13_MESSAGES_H
#define ECH_TLS13_MESSAGES_H

#include "ech/handshake_messages.h"
#include "ech/server_hello.h"

enum ech_tls13_message {
    ECH_HANDSHAKE_ENCRYPTED_EXTENSIONS = 8,
    ECH_HANDSHAKE_CERTIFICATE_VERIFY = 15,
};

/* The extensions of a ServerHello: key_share has to be there. pre_shared_key is illegal, since the
 * outer hello offers none but a GREASE PSK (RFC 9849, 6.1.2). */
ECH_MUST_USE enum ech_alert ech_tls13_server_hello_read(const struct ech_server_hello *hello,
                                                        const struct ech_client_hello *offered,
                                                        struct ech_key_share_entry *share);

/* The extensions of a HelloRetryRequest. */
struct ech_tls13_retry {
    bool has_group;
    uint16_t group;
    struct bytes cookie; /* extension data; empty: none */
};
/* Also checks that it asks for an allowed change (4.1.4, 4.2.8). */
ECH_MUST_USE enum ech_alert ech_tls13_retry_read(const struct ech_server_hello *hello,
                                                 const struct ech_client_hello *offered,
                                                 struct ech_tls13_retry *out);

struct ech_tls13_encrypted_extensions {
    bool has_retry_configs;
    struct bytes retry_configs; /* an ECHConfigList whose syntax was checked (RFC 9849, 6.1.6) */
};
ECH_MUST_USE enum ech_alert
ech_tls13_encrypted_extensions_read(struct bytes body, const struct ech_client_hello *offered,
                                    struct ech_tls13_encrypted_extensions *out);

/* Only checked: the answer is always an empty Certificate (RFC 9849, 6.1.7). */
ECH_MUST_USE enum ech_alert ech_tls13_certificate_request_check(struct bytes body);

ECH_MUST_USE enum ech_alert ech_tls13_certificate_read(struct bytes body,
                                                       const struct ech_client_hello *offered,
                                                       struct ech_certificates *out);

struct ech_tls13_certificate_verify {
    uint16_t scheme; /* a SignatureScheme of TLS 1.3 that we can verify, and offered */
    struct bytes signature;
};
ECH_MUST_USE enum ech_alert
ech_tls13_certificate_verify_read(struct bytes body, const struct ech_client_hello *offered,
                                  struct ech_tls13_certificate_verify *out);
/* What the signature is over (4.4.3), by the transcript hash up to Certificate. */
ECH_MUST_USE enum ech_status ech_tls13_signed_content(struct bytes transcript_hash,
                                                      struct writer *content);

#endif
