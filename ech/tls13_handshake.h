/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outer handshake after the server rejected ECH and answered ClientHelloOuter (RFC 9849, 6.1.6
 * and 6.1.7), as a state machine without I/O: it finishes TLS 1.3 with the engine's own key shares,
 * authenticates the server for public_name, sends ech_required and reports what the server said
 * about ECH. Not for hellos whose key_share is the inner's ("shared").
 *
 * It takes the network's octets, from the record in which the rejecting ServerHello or
 * HelloRetryRequest begins. It has output for the network even after the verdict: the caller writes
 * that, ends its side of the transport and drops the connection. Nothing else from the connection
 * is ever used; tickets are not even read (6.1.7).
 */
#ifndef ECH_TLS13_HANDSHAKE_H
#define ECH_TLS13_HANDSHAKE_H

#include "ech/key_share.h"
#include "ech/records.h"

/*
 * Authentication, given by the caller. Each function returns ECH_ALERT_NONE if all is well, else
 * the alert for what is wrong.
 */
struct ech_tls13_verifier {
    /* The chain, DER, leaf first: valid now, for a TLS server, trusted, and for that DNS name. */
    enum ech_alert (*verify_chain)(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name);
    /* A signature of the leaf's key over the content, by a TLS SignatureScheme. */
    enum ech_alert (*verify_signature)(void *context, uint16_t scheme, struct bytes certificate,
                                       struct bytes content, struct bytes signature);
    void *context;
};

/* Everything is copied, save what the two callbacks point to, which must outlive the handshake. */
struct ech_tls13_start {
    struct bytes client_hello_outer; /* the first one, with its handshake header */
    const struct ech_own_key_shares *own;
    struct bytes public_name;
    bool change_cipher_spec_sent; /* with early data it goes out right after ClientHello */
    struct ech_random random;     /* for the key share that a HelloRetryRequest asks for */
    struct ech_tls13_verifier verifier;
};

enum ech_tls13_verdict {
    ECH_TLS13_PENDING,
    ECH_TLS13_RETRY_CONFIGS, /* authenticated: ECH was securely replaced (6.1.6) */
    ECH_TLS13_DISABLED,      /* authenticated, but no retry config of a version we support: ECH is
                                securely disabled (6.1.6) */
    ECH_TLS13_FAILED,        /* the only conclusion is an error for the application */
};

enum ech_tls13_failure {
    ECH_TLS13_FAILURE_NONE,
    ECH_TLS13_FAILURE_ALERT,       /* the server sent one */
    ECH_TLS13_FAILURE_PROTOCOL,    /* the server broke a rule */
    ECH_TLS13_FAILURE_CERTIFICATE, /* the chain was refused by the verifier */
    ECH_TLS13_FAILURE_GROUP,       /* HelloRetryRequest for a group that we cannot generate */
    ECH_TLS13_FAILURE_CLOSED,      /* ech_tls13_closed */
    ECH_TLS13_FAILURE_INTERNAL,    /* memory, randomness, cryptography */
};

struct ech_tls13;

/* The caller owns *handshake: ech_tls13_free. ECH_ERR_DECODE, ECH_ERR_ILLEGAL, ECH_ERR_SPACE: the
 * hello does not parse, or the name is too long; ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_tls13_new(struct ech_tls13 **handshake,
                                           const struct ech_tls13_start *start);
/* Wipes and frees; NULL is fine. */
void ech_tls13_free(struct ech_tls13 *handshake);

/* Takes all of `in`, split in any way; after the verdict it is dropped. */
enum ech_tls13_verdict ech_tls13_from_net(struct ech_tls13 *handshake, struct bytes in);
/* The transport ended. */
enum ech_tls13_verdict ech_tls13_closed(struct ech_tls13 *handshake);
/* How many octets complete the record header or the current record; 0 after the verdict. */
size_t ech_tls13_net_wanted(const struct ech_tls13 *handshake);

/* What waits for the network; borrowed until the next call. */
struct bytes ech_tls13_to_net(const struct ech_tls13 *handshake);
void ech_tls13_net_took(struct ech_tls13 *handshake, size_t octets);

struct ech_tls13_facts {
    enum ech_tls13_verdict verdict;
    enum ech_tls13_failure failure;
    enum ech_alert alert;       /* the one that we sent; ECH_ALERT_NONE: none */
    uint8_t server_alert;       /* with ECH_TLS13_FAILURE_ALERT: its description */
    bool hello_retry_request;   /* on the outer path */
    struct bytes retry_configs; /* an ECHConfigList with ECH_TLS13_RETRY_CONFIGS, else empty;
                                   borrowed from the handshake */
};
void ech_tls13_get_facts(const struct ech_tls13 *handshake, struct ech_tls13_facts *facts);

#endif
