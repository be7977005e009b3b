/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ClientHello (RFC 8446, 4.1.2): parsing, and the few extensions that ECH has to look into. All
 * results are borrowed from the parsed octets.
 */
#ifndef ECH_CLIENT_HELLO_H
#define ECH_CLIENT_HELLO_H

#include "ech/status.h"
#include "ech/wire.h"

enum { ECH_HANDSHAKE_CLIENT_HELLO = 1, ECH_HANDSHAKE_SERVER_HELLO = 2, ECH_HANDSHAKE_HEADER = 4 };
enum { ECH_RANDOM_SIZE = 32, ECH_SESSION_ID_MAX = 32 };
enum { ECH_TLS12 = 0x0303, ECH_TLS13 = 0x0304 };

/* Extension types that this code names (IANA, TLS ExtensionType Values). */
enum ech_extension_type {
    ECH_EXT_SERVER_NAME = 0,
    ECH_EXT_MAX_FRAGMENT_LENGTH = 1,
    ECH_EXT_STATUS_REQUEST = 5,
    ECH_EXT_SUPPORTED_GROUPS = 10,
    ECH_EXT_EC_POINT_FORMATS = 11,
    ECH_EXT_SIGNATURE_ALGORITHMS = 13,
    ECH_EXT_USE_SRTP = 14,
    ECH_EXT_HEARTBEAT = 15,
    ECH_EXT_ALPN = 16,
    ECH_EXT_SIGNED_CERTIFICATE_TIMESTAMP = 18,
    ECH_EXT_PADDING = 21,
    ECH_EXT_ENCRYPT_THEN_MAC = 22,
    ECH_EXT_EXTENDED_MASTER_SECRET = 23,
    ECH_EXT_COMPRESS_CERTIFICATE = 27,
    ECH_EXT_RECORD_SIZE_LIMIT = 28,
    ECH_EXT_SESSION_TICKET = 35,
    ECH_EXT_PRE_SHARED_KEY = 41,
    ECH_EXT_EARLY_DATA = 42,
    ECH_EXT_SUPPORTED_VERSIONS = 43,
    ECH_EXT_COOKIE = 44,
    ECH_EXT_PSK_KEY_EXCHANGE_MODES = 45,
    ECH_EXT_POST_HANDSHAKE_AUTH = 49,
    ECH_EXT_SIGNATURE_ALGORITHMS_CERT = 50,
    ECH_EXT_KEY_SHARE = 51,
    ECH_EXT_APPLICATION_SETTINGS = 17513,
    ECH_EXT_ECH_OUTER_EXTENSIONS = 0xfd00,
    ECH_EXT_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    ECH_EXT_RENEGOTIATION_INFO = 0xff01,
};

struct ech_extension {
    uint16_t type;
    struct bytes raw; /* with type and length */
    struct bytes data;
};

/* More extensions than any client sends; a hello with more is refused with ECH_ERR_SPACE. */
enum { ECH_EXTENSIONS_MAX = 100 };

struct ech_client_hello {
    struct bytes message; /* with the handshake header; empty if a bare body was read */
    uint16_t legacy_version;
    struct bytes random;
    struct bytes legacy_session_id;
    struct bytes cipher_suites;
    struct bytes legacy_compression_methods;
    struct ech_extension extensions[ECH_EXTENSIONS_MAX];
    size_t extension_count;
};

/*
 * Parses one whole handshake message. ECH_ERR_DECODE: it does not parse; ECH_ERR_ILLEGAL: an
 * extension type occurs twice, or pre_shared_key is not the last (RFC 8446, 4.2 and 4.2.11);
 * ECH_ERR_SPACE: too many extensions.
 */
ECH_MUST_USE enum ech_status ech_client_hello_parse(struct bytes message,
                                                    struct ech_client_hello *hello);
/*
 * The same for a body without handshake header, as EncodedClientHelloInner and ClientHelloOuterAAD
 * hold it (RFC 9849, 5.1 and 5.2). The reader stops after the body; the caller checks what follows
 * (padding).
 */
ECH_MUST_USE enum ech_status ech_client_hello_read_body(struct reader *r,
                                                        struct ech_client_hello *hello);

/* Reads one extension; for every message that has a list of them. */
ECH_MUST_USE bool ech_extension_read(struct reader *extensions, struct ech_extension *extension);
/* The extension of that type, or NULL. Borrowed from *hello. */
const struct ech_extension *ech_client_hello_find(const struct ech_client_hello *hello,
                                                  uint16_t type);

/* The host_name of server_name (RFC 6066, 3), empty if the hello has no server_name.
 * ECH_ERR_DECODE. */
ECH_MUST_USE enum ech_status ech_client_hello_server_name(const struct ech_client_hello *hello,
                                                          struct bytes *host_name);

/* The list of supported_versions, to be read with rd_u16; empty without the extension.
 * ECH_ERR_DECODE. */
ECH_MUST_USE enum ech_status ech_client_hello_versions(const struct ech_client_hello *hello,
                                                       struct reader *versions);

/* True if the hello offers the cipher suite. */
bool ech_client_hello_offers_suite(const struct ech_client_hello *hello, uint16_t cipher_suite);

/* One KeyShareEntry (RFC 8446, 4.2.8). */
struct ech_key_share_entry {
    uint16_t group;
    struct bytes key_exchange;
};
/* The client_shares, empty without the extension; then one entry a call, false at the end or if an
 * entry does not parse. */
ECH_MUST_USE enum ech_status ech_client_hello_key_shares(const struct ech_client_hello *hello,
                                                         struct reader *entries);
ECH_MUST_USE bool ech_key_share_read(struct reader *entries, struct ech_key_share_entry *entry);

/* OfferedPsks (RFC 8446, 4.2.11), checked: as many binders as identities, at least one. */
struct ech_offered_psks {
    struct reader identities; /* rd_vec16 identity, rd_u32 obfuscated_ticket_age */
    struct reader binders;    /* rd_vec8 */
};
ECH_MUST_USE enum ech_status ech_offered_psks_parse(struct bytes extension_data,
                                                    struct ech_offered_psks *psks);

/* ECHClientHello (RFC 9849, 5): the contents of encrypted_client_hello in a ClientHello. */
enum ech_client_hello_type { ECH_CLIENT_HELLO_OUTER = 0, ECH_CLIENT_HELLO_INNER = 1 };
struct ech_ech_client_hello {
    enum ech_client_hello_type type;
    /* The fields below are set only if type is ECH_CLIENT_HELLO_OUTER. */
    uint16_t kdf_id;
    uint16_t aead_id;
    uint8_t config_id;
    struct bytes enc;
    struct bytes payload;
};
ECH_MUST_USE enum ech_status ech_ech_client_hello_parse(struct bytes extension_data,
                                                        struct ech_ech_client_hello *ech);
/* Writes the outer variant. Real ECH and GREASE use this same code. */
void ech_ech_client_hello_write(const struct ech_ech_client_hello *ech, struct writer *w);

/* Writes one extension, and server_name with one host_name. */
void ech_extension_write(struct writer *w, uint16_t type, struct bytes data);
void ech_server_name_write(struct writer *w, struct bytes name);

/* A value reserved by RFC 8701, as extension type, group, version or cipher suite: 0x0a0a, 0x1a1a,
 * ... */
bool ech_is_grease(uint16_t value);

#endif
