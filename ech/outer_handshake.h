/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The handshake after a rejection, with the version that the server chose: tls13_handshake.h or
 * tls12_handshake.h. A server that answered ClientHelloOuter is authenticated for public_name, and
 * says what it knows of ECH (RFC 9849, 6.1.6 and 6.1.7).
 */
#ifndef ECH_OUTER_HANDSHAKE_H
#define ECH_OUTER_HANDSHAKE_H

#include "ech/compressed_certificate.h"
#include "ech/key_share.h"
#include "ech/program_keys.h"
#include "ech/records.h"

/*
 * Authentication, given by the caller. Each function returns ECH_ALERT_NONE if all is well, else
 * the alert for what is wrong.
 */
struct ech_outer_verifier {
    /* The chain, DER, leaf first: valid now, for a TLS server, trusted, and for that DNS name. */
    enum ech_alert (*verify_chain)(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name);
    /* A signature of the leaf's key over the content, by a TLS SignatureScheme, with the rules of
     * that version of TLS for schemes and keys. */
    enum ech_alert (*verify_signature)(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature);
    void *context;
};

/* Everything is copied, save what the callbacks point to, which must outlive the handshake. */
struct ech_outer_start {
    struct bytes client_hello_outer;      /* the first one, with its handshake header */
    const struct ech_own_key_shares *own; /* none: key_share is the application's */
    struct ech_program_keys program_keys; /* asked for the groups that are not in `own` */
    struct bytes public_name;
    bool change_cipher_spec_sent; /* with early data it goes out right after ClientHello */
    struct ech_random random;     /* for key pairs, and IVs of TLS 1.2 */
    struct ech_outer_verifier verifier;
    struct ech_decompressor decompressor;
};

enum ech_outer_verdict {
    ECH_OUTER_PENDING,
    ECH_OUTER_RETRY_CONFIGS, /* authenticated: ECH was securely replaced (6.1.6) */
    ECH_OUTER_DISABLED,      /* authenticated, but no retry config of a version we support: ECH is
                                securely disabled (6.1.6) */
    ECH_OUTER_FAILED,        /* the only conclusion is an error for the application */
};

enum ech_outer_failure {
    ECH_OUTER_FAILURE_NONE,
    ECH_OUTER_FAILURE_ALERT,       /* the server sent one */
    ECH_OUTER_FAILURE_PROTOCOL,    /* the server broke a rule */
    ECH_OUTER_FAILURE_CERTIFICATE, /* the chain was refused by the verifier */
    ECH_OUTER_FAILURE_GROUP,       /* the server wants a group whose key we lack and cannot make */
    ECH_OUTER_FAILURE_SUITE,       /* it chose a cipher suite of TLS 1.2 that we do not have */
    ECH_OUTER_FAILURE_VERSION,     /* it chose TLS 1.2 though that was not offered, or after early
                                      data, or an older version */
    ECH_OUTER_FAILURE_COMPRESSION, /* a compressed Certificate, by an algorithm that we lack */
    ECH_OUTER_FAILURE_CLOSED,      /* the transport ended */
    ECH_OUTER_FAILURE_INTERNAL,    /* memory, randomness, cryptography */
};

struct ech_outer_facts {
    enum ech_outer_verdict verdict;
    enum ech_outer_failure failure;
    enum ech_alert alert;       /* the one that we sent; ECH_ALERT_NONE: none */
    uint8_t server_alert;       /* with ECH_OUTER_FAILURE_ALERT: its description */
    bool hello_retry_request;   /* on the outer path */
    struct bytes retry_configs; /* an ECHConfigList with ECH_OUTER_RETRY_CONFIGS, else empty;
                                   borrowed from the handshake */
};

struct ech_outer_handshake;

/* version: ECH_TLS13, or ECH_TLS12 for a ServerHello without supported_versions. The caller owns
 * *handshake: ech_outer_free. ECH_ERR_DECODE, ECH_ERR_ILLEGAL, ECH_ERR_SPACE: the hello does not
 * parse, or the name is too long; ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status ech_outer_new(struct ech_outer_handshake **handshake, uint16_t version,
                                           const struct ech_outer_start *start);
/* Wipes and frees; NULL is fine. */
void ech_outer_free(struct ech_outer_handshake *handshake);
uint16_t ech_outer_version(const struct ech_outer_handshake *handshake);

/* Takes all of `in`, split in any way; after the verdict it is dropped. */
enum ech_outer_verdict ech_outer_from_net(struct ech_outer_handshake *handshake, struct bytes in);
/* The transport ended. */
enum ech_outer_verdict ech_outer_closed(struct ech_outer_handshake *handshake);
/* How many octets complete the record header or the current record; 0 after the verdict. */
size_t ech_outer_net_wanted(const struct ech_outer_handshake *handshake);

/* What waits for the network; borrowed until the next call. */
struct bytes ech_outer_to_net(const struct ech_outer_handshake *handshake);
void ech_outer_net_took(struct ech_outer_handshake *handshake, size_t octets);

void ech_outer_get_facts(const struct ech_outer_handshake *handshake,
                         struct ech_outer_facts *facts);

#endif
