/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the server's messages of TLS 1.2 and TLS 1.3 have in common, for a client that reads them:
 * messages in fragments, lists of extensions, and bounds.
 */
#ifndef ECH_HANDSHAKE_MESSAGES_H
#define ECH_HANDSHAKE_MESSAGES_H

#include "ech/client_hello.h"
#include "ech/records.h"

/* The types of both versions, besides the hellos. */
enum ech_handshake_message {
    ECH_HANDSHAKE_CERTIFICATE = 11,
    ECH_HANDSHAKE_CERTIFICATE_REQUEST = 13,
    ECH_HANDSHAKE_FINISHED = 20,
};

/* TLS SignatureScheme (RFC 8446, 4.2.3) that we can verify. rsa_pkcs1 is for TLS 1.2 alone. */
enum ech_signature_scheme {
    ECH_SIGNATURE_RSA_PKCS1_SHA256 = 0x0401,
    ECH_SIGNATURE_RSA_PKCS1_SHA384 = 0x0501,
    ECH_SIGNATURE_RSA_PKCS1_SHA512 = 0x0601,
    ECH_SIGNATURE_ECDSA_SECP256R1_SHA256 = 0x0403,
    ECH_SIGNATURE_ECDSA_SECP384R1_SHA384 = 0x0503,
    ECH_SIGNATURE_ECDSA_SECP521R1_SHA512 = 0x0603,
    ECH_SIGNATURE_RSA_PSS_RSAE_SHA256 = 0x0804,
    ECH_SIGNATURE_RSA_PSS_RSAE_SHA384 = 0x0805,
    ECH_SIGNATURE_RSA_PSS_RSAE_SHA512 = 0x0806,
    ECH_SIGNATURE_ED25519 = 0x0807,
    ECH_SIGNATURE_ED448 = 0x0808,
    ECH_SIGNATURE_RSA_PSS_PSS_SHA256 = 0x0809,
    ECH_SIGNATURE_RSA_PSS_PSS_SHA384 = 0x080a,
    ECH_SIGNATURE_RSA_PSS_PSS_SHA512 = 0x080b,
};

/* Our bounds on what a server may send. */
enum { ECH_CERTIFICATES_MAX = 16, ECH_MESSAGE_MAX = 100 * 1024 };

struct ech_certificates {
    struct bytes certificates[ECH_CERTIFICATES_MAX]; /* DER, the leaf first */
    size_t count;                                    /* at least 1 */
};

/* A whole handshake message. `excess`: more octets follow in its record. */
struct ech_received {
    uint8_t type;
    struct bytes message; /* with its header; borrowed */
    struct bytes body;
    bool excess;
};
/*
 * The first message in what the fragments make together. *whole: there is one; the caller takes its
 * octets out of `assembled`, which it borrows from, when it is done with it. Returns
 * illegal_parameter if it is longer than our bound, else ECH_ALERT_NONE.
 */
ECH_MUST_USE enum ech_alert ech_received_next(const struct writer *assembled,
                                              struct ech_received *received, bool *whole);

/* What a message does with one extension. */
typedef enum ech_alert ech_extension_reader(const struct ech_extension *extension,
                                            const struct ech_client_hello *offered, void *out);
/* Reads a list of extensions. RFC 8446, 4.2: no type twice. A message with more types than any
 * server sends is refused. */
ECH_MUST_USE enum ech_alert ech_extensions_read(struct reader list,
                                                const struct ech_client_hello *offered,
                                                ech_extension_reader *read, void *out);
/* RFC 8446, 4.2: an extension that we did not send is unsupported_extension; one in the wrong
 * message is illegal_parameter. */
ECH_MUST_USE enum ech_alert ech_extension_misplaced(const struct ech_extension *extension,
                                                    const struct ech_client_hello *offered);
/* True if the hello has the extension, and its list of 16-bit numbers has this one. */
bool ech_client_hello_lists(const struct ech_client_hello *offered, uint16_t type, uint16_t value);
/* RFC 7301, 3.1: exactly one protocol, and one that was offered. Both are extension data. */
ECH_MUST_USE enum ech_alert ech_alpn_answer_check(struct bytes answer, struct bytes offer);

#endif
