/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_messages.h"

enum { NAMED_CURVE = 3, UNCOMPRESSED = 0, STATUS_TYPE_OCSP = 1 };
enum { RECORD_SIZE_LIMIT_MIN = 64 };
enum { SUITE_RENEGOTIATION_INFO = 0x00ff, SUITE_FALLBACK = 0x5600 };

/* ---- ServerHello ---- */

/* RFC 8446, 4.1.3: a server that could do TLS 1.3, or 1.2, says here that it was asked for less.
 * The server's signature covers it, so nobody on the way can take it out. */
static bool has_sentinel(const struct ech_server_hello *hello)
{
    static const uint8_t tls12[ECH_CONFIRMATION_SIZE] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 1};
    static const uint8_t older[ECH_CONFIRMATION_SIZE] = {'D', 'O', 'W', 'N', 'G', 'R', 'D', 0};
    struct reader r = rd_of(hello->random);
    struct bytes start;
    struct bytes end;
    return rd_bytes(&r, ECH_RANDOM_SIZE - ECH_CONFIRMATION_SIZE, &start) &&
           rd_bytes(&r, ECH_CONFIRMATION_SIZE, &end) &&
           (bytes_equal(end, bytes_of(tls12, sizeof tls12)) ||
            bytes_equal(end, bytes_of(older, sizeof older)));
}

bool ech_tls12_offered(const struct ech_client_hello *offered)
{
    struct reader versions;
    uint16_t version;
    if (ech_client_hello_versions(offered, &versions) != ECH_OK) {
        return false;
    }
    while (rd_u16(&versions, &version)) {
        if (version == ECH_TLS12) {
            return true;
        }
    }
    return false;
}

/* Suites of TLS 1.3, signals and reserved values stand in the offer too, but are no suites of TLS
 * 1.2. */
static bool is_suite_of_tls12(uint16_t suite)
{
    return suite >> 8 != 0x13 && suite != SUITE_RENEGOTIATION_INFO && suite != SUITE_FALLBACK &&
           !ech_is_grease(suite);
}

/* An extension that only says yes. */
static enum ech_alert take_flag(struct bytes data, bool *flag)
{
    *flag = true;
    return data.len == 0 ? ECH_ALERT_NONE : ECH_ALERT_DECODE_ERROR;
}

/* RFC 5746, 3.4: in a first handshake it is empty. It also answers the signal among the suites. */
static enum ech_alert check_renegotiation_info(struct bytes data,
                                               const struct ech_client_hello *offered)
{
    struct reader r = rd_of(data);
    struct reader renegotiated;
    if (ech_client_hello_find(offered, ECH_EXT_RENEGOTIATION_INFO) == NULL &&
        !ech_client_hello_offers_suite(offered, SUITE_RENEGOTIATION_INFO)) {
        return ECH_ALERT_UNSUPPORTED_EXTENSION;
    }
    if (!rd_vec8(&r, &renegotiated) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    return rd_done(&renegotiated) ? ECH_ALERT_NONE : ECH_ALERT_HANDSHAKE_FAILURE;
}

/* RFC 8422, 5.1.2: uncompressed points have to be among them. */
static enum ech_alert check_point_formats(struct bytes data)
{
    struct reader r = rd_of(data);
    struct reader formats;
    uint8_t format;
    if (!rd_vec8(&r, &formats) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    while (rd_u8(&formats, &format)) {
        if (format == UNCOMPRESSED) {
            return ECH_ALERT_NONE;
        }
    }
    return ECH_ALERT_ILLEGAL_PARAMETER;
}

/* RFC 8449, 4. Each of our records fits into the smallest one. */
static enum ech_alert take_record_size_limit(struct bytes data, bool *flag)
{
    struct reader r = rd_of(data);
    uint16_t limit;
    *flag = true;
    if (!rd_u16(&r, &limit) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    return limit >= RECORD_SIZE_LIMIT_MIN ? ECH_ALERT_NONE : ECH_ALERT_ILLEGAL_PARAMETER;
}

/* RFC 6066, 4: the length that was asked for. Each of our records is shorter. */
static enum ech_alert take_max_fragment_length(struct bytes data, struct bytes offer, bool *flag)
{
    *flag = true;
    return bytes_equal(data, offer) ? ECH_ALERT_NONE : ECH_ALERT_ILLEGAL_PARAMETER;
}

static enum ech_alert read_extension(const struct ech_extension *extension,
                                     const struct ech_client_hello *offered, void *out)
{
    struct ech_tls12_settled *settled = out;
    const struct ech_extension *offer = ech_client_hello_find(offered, extension->type);
    bool ignored;
    if (extension->type == ECH_EXT_RENEGOTIATION_INFO) {
        return check_renegotiation_info(extension->data, offered);
    }
    if (offer == NULL) {
        return ECH_ALERT_UNSUPPORTED_EXTENSION;
    }
    switch (extension->type) {
    case ECH_EXT_SERVER_NAME:
        return take_flag(extension->data, &ignored);
    case ECH_EXT_EXTENDED_MASTER_SECRET:
        return take_flag(extension->data, &settled->extended_master_secret);
    case ECH_EXT_ENCRYPT_THEN_MAC:
        return take_flag(extension->data, &settled->encrypt_then_mac);
    case ECH_EXT_SESSION_TICKET:
        return take_flag(extension->data, &settled->session_ticket);
    case ECH_EXT_STATUS_REQUEST:
        return take_flag(extension->data, &settled->status_request);
    case ECH_EXT_ALPN:
        return ech_alpn_answer_check(extension->data, offer->data);
    case ECH_EXT_EC_POINT_FORMATS:
        return check_point_formats(extension->data);
    case ECH_EXT_RECORD_SIZE_LIMIT:
        return take_record_size_limit(extension->data, &settled->record_size_limit);
    case ECH_EXT_MAX_FRAGMENT_LENGTH:
        return take_max_fragment_length(extension->data, offer->data,
                                        &settled->max_fragment_length);
    case ECH_EXT_SUPPORTED_GROUPS: /* some servers repeat it, against RFC 8422 */
    case ECH_EXT_SIGNED_CERTIFICATE_TIMESTAMP:
    case ECH_EXT_USE_SRTP:
    case ECH_EXT_HEARTBEAT:
        return ECH_ALERT_NONE; /* ignored: this session is never used */
    case ECH_EXT_ENCRYPTED_CLIENT_HELLO:
        /* RFC 9849, 5: not a message that it may be in. */
        return ECH_ALERT_UNSUPPORTED_EXTENSION;
    default:
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
}

static enum ech_alert check_version(const struct ech_server_hello *hello,
                                    const struct ech_client_hello *offered)
{
    return hello->legacy_version == ECH_TLS12 && ech_tls12_offered(offered) &&
                   ech_client_hello_find(offered, ECH_EXT_EARLY_DATA) == NULL
               ? ECH_ALERT_NONE
               : ECH_ALERT_PROTOCOL_VERSION;
}

/* An equal session id would resume a session, and none was offered: the id is a random one (RFC
 * 8446, 4.1.2). */
static bool is_legal(const struct ech_server_hello *hello, const struct ech_client_hello *offered)
{
    bool resumed = offered->legacy_session_id.len > 0 &&
                   bytes_equal(hello->legacy_session_id_echo, offered->legacy_session_id);
    return !hello->has_supported_versions && !hello->is_hello_retry_request &&
           !has_sentinel(hello) && !resumed && hello->legacy_compression_method == 0 &&
           ech_client_hello_offers_suite(offered, hello->cipher_suite) &&
           is_suite_of_tls12(hello->cipher_suite);
}

enum ech_alert ech_tls12_server_hello_read(const struct ech_server_hello *hello,
                                           const struct ech_client_hello *offered,
                                           struct ech_tls12_settled *out)
{
    *out = (struct ech_tls12_settled){.suite = ech_tls12_suite_find(hello->cipher_suite)};
    enum ech_alert alert = check_version(hello, offered);
    if (alert == ECH_ALERT_NONE && !is_legal(hello, offered)) {
        alert = ECH_ALERT_ILLEGAL_PARAMETER;
    }
    if (alert == ECH_ALERT_NONE) {
        alert = ech_extensions_read(rd_of(hello->extensions), offered, read_extension, out);
    }
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    if (out->suite == NULL) {
        return ECH_ALERT_HANDSHAKE_FAILURE;
    }
    /* RFC 7366, 3, and RFC 8449, 5 */
    bool wrong_pair = (out->encrypt_then_mac && out->suite->aead_id != 0) ||
                      (out->max_fragment_length && out->record_size_limit);
    return wrong_pair ? ECH_ALERT_ILLEGAL_PARAMETER : ECH_ALERT_NONE;
}

/* ---- Certificate, CertificateStatus ---- */

enum ech_alert ech_tls12_certificate_read(struct bytes body, struct ech_certificates *out)
{
    struct reader r = rd_of(body);
    struct reader list;
    out->count = 0;
    if (!rd_vec24(&r, &list) || !rd_done(&r) || rd_done(&list)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    while (!rd_done(&list)) {
        struct reader certificate;
        if (!rd_vec24(&list, &certificate) || rd_done(&certificate)) {
            return ECH_ALERT_DECODE_ERROR;
        }
        if (out->count == ECH_CERTIFICATES_MAX) {
            return ECH_ALERT_BAD_CERTIFICATE;
        }
        out->certificates[out->count++] = rd_rest(&certificate);
    }
    return ECH_ALERT_NONE;
}

enum ech_alert ech_tls12_certificate_status_check(struct bytes body)
{
    struct reader r = rd_of(body);
    struct reader response;
    uint8_t type;
    return rd_u8(&r, &type) && type == STATUS_TYPE_OCSP && rd_vec24(&r, &response) &&
                   !rd_done(&response) && rd_done(&r)
               ? ECH_ALERT_NONE
               : ECH_ALERT_DECODE_ERROR;
}

/* ---- ServerKeyExchange ---- */

/* The schemes that we verify, by the kind of key that the suite asks for. SHA-1 is not among them
 * (RFC 9155, 4). */
static bool scheme_fits(uint16_t scheme, enum ech_tls12_signer signer)
{
    switch (scheme) {
    case ECH_SIGNATURE_ECDSA_SECP256R1_SHA256:
    case ECH_SIGNATURE_ECDSA_SECP384R1_SHA384:
    case ECH_SIGNATURE_ECDSA_SECP521R1_SHA512:
    case ECH_SIGNATURE_ED25519:
    case ECH_SIGNATURE_ED448:
        return signer == ECH_TLS12_ECDSA;
    case ECH_SIGNATURE_RSA_PKCS1_SHA256:
    case ECH_SIGNATURE_RSA_PKCS1_SHA384:
    case ECH_SIGNATURE_RSA_PKCS1_SHA512:
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA256:
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA384:
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA512:
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA256:
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA384:
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA512:
        return signer == ECH_TLS12_RSA;
    default:
        return false;
    }
}

/* ServerECDHParams (RFC 8422, 5.4). */
static enum ech_alert read_params(struct reader *r, const struct ech_client_hello *offered,
                                  struct ech_tls12_key_exchange *out)
{
    struct bytes from = rd_rest(r);
    struct reader point;
    uint8_t curve_type;
    if (!rd_u8(r, &curve_type)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    if (curve_type != NAMED_CURVE) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    if (!rd_u16(r, &out->group) || !rd_vec8(r, &point) || rd_done(&point)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    out->point = rd_rest(&point);
    out->params = bytes_of(from.data, from.len - r->len);
    return ech_client_hello_lists(offered, ECH_EXT_SUPPORTED_GROUPS, out->group)
               ? ECH_ALERT_NONE
               : ECH_ALERT_ILLEGAL_PARAMETER;
}

enum ech_alert ech_tls12_key_exchange_read(struct bytes body,
                                           const struct ech_client_hello *offered,
                                           const struct ech_tls12_suite *suite,
                                           struct ech_tls12_key_exchange *out)
{
    struct reader r = rd_of(body);
    struct reader signature;
    enum ech_alert alert = read_params(&r, offered, out);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    if (!rd_u16(&r, &out->scheme) || !rd_vec16(&r, &signature) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    out->signature = rd_rest(&signature);
    return scheme_fits(out->scheme, suite->signer) &&
                   ech_client_hello_lists(offered, ECH_EXT_SIGNATURE_ALGORITHMS, out->scheme)
               ? ECH_ALERT_NONE
               : ECH_ALERT_ILLEGAL_PARAMETER;
}

/* ---- CertificateRequest, NewSessionTicket ---- */

enum ech_alert ech_tls12_certificate_request_check(struct bytes body)
{
    struct reader r = rd_of(body);
    struct reader types;
    struct reader schemes;
    struct reader authorities;
    return rd_vec8(&r, &types) && !rd_done(&types) && rd_vec16(&r, &schemes) &&
                   !rd_done(&schemes) && schemes.len % 2 == 0 && rd_vec16(&r, &authorities) &&
                   rd_done(&r)
               ? ECH_ALERT_NONE
               : ECH_ALERT_DECODE_ERROR;
}

enum ech_alert ech_tls12_new_session_ticket_check(struct bytes body)
{
    struct reader r = rd_of(body);
    struct reader ticket;
    uint32_t lifetime;
    return rd_u32(&r, &lifetime) && rd_vec16(&r, &ticket) && rd_done(&r) ? ECH_ALERT_NONE
                                                                         : ECH_ALERT_DECODE_ERROR;
}
