/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ServerHello and HelloRetryRequest (RFC 8446, 4.1.3 and 4.1.4), as far as ECH needs to read them.
 */
#ifndef ECH_SERVER_HELLO_H
#define ECH_SERVER_HELLO_H

#include "ech/client_hello.h"
#include "ech/crypto.h"

enum { ECH_CONFIRMATION_SIZE = 8 };

/* Everything is borrowed from the message that was parsed. */
struct ech_server_hello {
    struct bytes message; /* with the handshake header */
    bool is_hello_retry_request;
    uint16_t legacy_version;
    struct bytes random;
    struct bytes legacy_session_id_echo;
    uint16_t cipher_suite;
    uint8_t legacy_compression_method;
    bool has_supported_versions;
    uint16_t selected_version; /* by supported_versions; else 0 */
    bool has_pre_shared_key;
    bool has_encrypted_client_hello;
    struct bytes encrypted_client_hello;
    struct bytes extensions; /* all of them, for ech_extension_read */
    /*
     * The message in three parts, for transcripts in which the confirmation is zero (RFC 9849, 7.2
     * and 7.2.1). The confirmation is the end of a ServerHello's random, or the contents of
     * encrypted_client_hello in a HelloRetryRequest. It is empty if a HelloRetryRequest has no such
     * extension of 8 octets; then all of the message is before it.
     */
    struct bytes before_confirmation;
    struct bytes confirmation;
    struct bytes after_confirmation;
};

/* ECH_ERR_DECODE: it does not parse; ECH_ERR_ILLEGAL: an extension type that is read here occurs
 * twice. */
ECH_MUST_USE enum ech_status ech_server_hello_parse(struct bytes message,
                                                    struct ech_server_hello *hello);

/*
 * The rules of RFC 8446, 4.1.3, for what a ServerHello or HelloRetryRequest of TLS 1.3 takes out of
 * the hello: session id, version, cipher suite. False: illegal_parameter. This works whichever
 * hello the server took: the outer one has the same values as the inner.
 */
bool ech_server_hello_fits(const struct ech_server_hello *hello,
                           const struct ech_client_hello *offered);

/* The hash of a TLS 1.3 cipher suite (RFC 8446, B.4). ECH_ERR_UNSUPPORTED for any other suite. */
ECH_MUST_USE enum ech_status ech_suite_hash(uint16_t cipher_suite, enum ech_hash *hash);

#endif
