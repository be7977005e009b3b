/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ClientHelloOuter: the application's hello mirrored (RFC 9849, 6.1), its AAD (5.2) and its sealing
 * (6.1.1).
 *
 * The mirror has the extensions of the inner hello in the inner order:
 *   - server_name names public_name, or the name that ech_exchange_options asks for. If the inner
 * hello has none (an IP address), it comes right after encrypted_client_hello, as in OpenSSL's
 * hellos. Without it the server could not authenticate a rejection (6.1 rule 5), and its absence
 * would be visible;
 *   - encrypted_client_hello is of the outer variant;
 *   - pre_shared_key is a GREASE PSK (6.1.2), see ech/grease_psk.h;
 *   - key_share is copied, or the engine's own (ech/key_share.h);
 *   - supported_versions, like cipher_suites, is that of the application's ordinary hello
 * (ech/ordinary.h), if that is known to differ;
 *   - extensions that are known to tell nothing are copied unchanged;
 *   - everything else is left out.
 */
#ifndef ECH_OUTER_H
#define ECH_OUTER_H

#include "ech/hpke.h"
#include "ech/inner.h"
#include "ech/ordinary.h"

/* Which key_share the outer hello has. */
enum ech_outer_share {
    /* The engine's own: it can finish the outer handshake after a rejection. */
    ECH_OUTER_SHARE_OWN,
    /* The second hello after one of those: copied, for it is sent only where ECH was accepted; but
     * a second hello has the extensions of the first (RFC 8446, 4.1.2). */
    ECH_OUTER_SHARE_OWN_SECOND,
    /* The inner hello's, copied ("shared"): the engine can finish such an outer handshake only
     * after a HelloRetryRequest for a group that it can make. */
    ECH_OUTER_SHARE_SHARED,
    /* The inner hello's, copied, and its private keys are known (ech/program_keys.h): the engine
     * can finish the outer handshake if the server's choice is one of those. */
    ECH_OUTER_SHARE_PROGRAM,
};

/* What decides which extensions are copied. */
struct ech_outer_plan {
    enum ech_outer_share share;
    bool ordinary; /* cipher_suites and supported_versions are those of the ordinary hello */
};

/*
 * True if the extension is copied unchanged. This is an allowlist, since an unknown extension might
 * tell something about the inner hello (10.5). Not on it: padding (21), because its length depends
 * on the inner server_name; certificate types, because our outer handshake after a rejection cannot
 * do them.
 */
bool ech_outer_copies(const struct ech_extension *extension, struct ech_outer_plan plan);

/*
 * The run that ech_outer_extensions stands for: the one that makes EncodedClientHelloInner
 * shortest. The choice depends on which extensions there are and on what the outer hello shows, not
 * on the name. `pattern` is what ech_outer_mirror gets: the outer hello has each extension of the
 * run in the same order, with the same octets.
 */
struct ech_run ech_outer_run(const struct ech_client_hello *inner,
                             const struct ech_client_hello *pattern, struct ech_outer_plan plan);

/* What the outer hello has in place of the inner's own. */
struct ech_outer_fields {
    struct bytes server_name; /* public_name, or the name that is to stand there instead */
    struct ech_outer_plan plan;
    struct bytes key_share;                    /* extension data, if it is our own */
    const struct ech_ordinary_hello *ordinary; /* if the plan says so */
    struct bytes pre_shared_key;               /* extension data; empty: none in the outer hello */
};

/*
 * Writes the extensions of the mirror that come before encrypted_client_hello, and those that come
 * after it. The caller owns both writers. The pattern is ClientHelloInner, or the ClientHelloOuter
 * of a library with an ECH client of its own (ech/library_hello.h).
 */
ECH_MUST_USE enum ech_status ech_outer_mirror(const struct ech_client_hello *pattern,
                                              const struct ech_outer_fields *fields,
                                              struct writer *before, struct writer *after);

/* A ClientHelloOuter without its payload. All octets borrowed. */
struct ech_outer_hello {
    uint16_t legacy_version;
    struct bytes random;
    struct bytes legacy_session_id;
    struct bytes cipher_suites;
    struct bytes legacy_compression_methods;
    struct bytes extensions_before; /* serialized extensions before encrypted_client_hello */
    struct bytes extensions_after;
    struct ech_hpke_suite suite;
    uint8_t config_id;
    struct bytes enc; /* empty in a second hello (RFC 9849, 6.1.5) */
};

/*
 * Writes the ClientHello body with that payload. With a payload of zeros it is ClientHelloOuterAAD
 * (5.2): one encoder for both, so that they cannot differ.
 */
ECH_MUST_USE enum ech_status ech_outer_encode(const struct ech_outer_hello *outer,
                                              struct bytes payload, struct writer *w);

/* Octets of the whole handshake message when the payload has so many. */
size_t ech_outer_size(const struct ech_outer_hello *outer, size_t payload);

/*
 * Pads a hello of 256 to 511 octets to 512: padding (RFC 7685) becomes the last extension, but for
 * pre_shared_key. `octets`: of the hello without it. `after`: what ech_outer_mirror wrote.
 */
ECH_MUST_USE enum ech_status ech_outer_pad(const struct ech_client_hello *pattern,
                                           const struct ech_outer_fields *fields, size_t octets,
                                           struct writer *after);

/*
 * Seals EncodedClientHelloInner and writes the whole handshake message with its header (6.1.1).
 * Uses up one sequence number of the context. ECH_ERR_SPACE, ECH_ERR_CRYPTO, ECH_ERR_NOMEM.
 */
ECH_MUST_USE enum ech_status ech_outer_seal(const struct ech_outer_hello *outer,
                                            struct ech_hpke *hpke,
                                            struct bytes encoded_client_hello_inner,
                                            struct writer *client_hello_outer);

#endif
