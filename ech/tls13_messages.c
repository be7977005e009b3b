/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_messages.h"

#include "ech/config.h"
#include "ech/handshake_messages.h"

/* ---- ServerHello and HelloRetryRequest ---- */

static enum ech_alert read_server_share(const struct ech_extension *extension,
                                        const struct ech_client_hello *offered, void *out)
{
    struct ech_key_share_entry *share = out;
    struct reader data = rd_of(extension->data);
    switch (extension->type) {
    case ECH_EXT_SUPPORTED_VERSIONS:
        return ECH_ALERT_NONE;
    case ECH_EXT_PRE_SHARED_KEY:
        return ECH_ALERT_ILLEGAL_PARAMETER;
    case ECH_EXT_KEY_SHARE:
        return ech_key_share_read(&data, share) && rd_done(&data) ? ECH_ALERT_NONE
                                                                  : ECH_ALERT_DECODE_ERROR;
    default:
        return ech_extension_misplaced(extension, offered);
    }
}

enum ech_alert ech_tls13_server_hello_read(const struct ech_server_hello *hello,
                                           const struct ech_client_hello *offered,
                                           struct ech_key_share_entry *share)
{
    *share = (struct ech_key_share_entry){.group = 0};
    enum ech_alert alert =
        ech_extensions_read(rd_of(hello->extensions), offered, read_server_share, share);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    /* Without a PSK, TLS 1.3 always uses (EC)DHE (RFC 8446, 9.2). */
    return share->key_exchange.len == 0 ? ECH_ALERT_MISSING_EXTENSION : ECH_ALERT_NONE;
}

static enum ech_alert read_retry(const struct ech_extension *extension,
                                 const struct ech_client_hello *offered, void *out)
{
    struct ech_tls13_retry *retry = out;
    struct reader data = rd_of(extension->data);
    struct reader cookie;
    switch (extension->type) {
    case ECH_EXT_SUPPORTED_VERSIONS:
        return ECH_ALERT_NONE;
    case ECH_EXT_KEY_SHARE:
        retry->has_group = true;
        return rd_u16(&data, &retry->group) && rd_done(&data) ? ECH_ALERT_NONE
                                                              : ECH_ALERT_DECODE_ERROR;
    case ECH_EXT_COOKIE:
        retry->cookie = extension->data;
        return rd_vec16(&data, &cookie) && !rd_done(&cookie) && rd_done(&data)
                   ? ECH_ALERT_NONE
                   : ECH_ALERT_DECODE_ERROR;
    case ECH_EXT_ENCRYPTED_CLIENT_HELLO:
        /* RFC 9849, 6.1.4; its contents were judged with the inner hello. */
        return extension->data.len == ECH_CONFIRMATION_SIZE ? ECH_ALERT_NONE
                                                            : ECH_ALERT_DECODE_ERROR;
    default:
        return ech_extension_misplaced(extension, offered);
    }
}

static bool has_share(const struct ech_client_hello *offered, uint16_t group)
{
    struct reader entries;
    struct ech_key_share_entry entry;
    if (ech_client_hello_key_shares(offered, &entries) != ECH_OK) {
        return false;
    }
    while (ech_key_share_read(&entries, &entry)) {
        if (entry.group == group) {
            return true;
        }
    }
    return false;
}

enum ech_alert ech_tls13_retry_read(const struct ech_server_hello *hello,
                                    const struct ech_client_hello *offered,
                                    struct ech_tls13_retry *out)
{
    *out = (struct ech_tls13_retry){.has_group = false};
    enum ech_alert alert = ech_extensions_read(rd_of(hello->extensions), offered, read_retry, out);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    bool no_change = !out->has_group && out->cookie.len == 0;
    bool wrong_group =
        out->has_group && (!ech_client_hello_lists(offered, ECH_EXT_SUPPORTED_GROUPS, out->group) ||
                           has_share(offered, out->group));
    return no_change || wrong_group ? ECH_ALERT_ILLEGAL_PARAMETER : ECH_ALERT_NONE;
}

/* ---- EncryptedExtensions ---- */

static enum ech_alert read_encrypted_extension(const struct ech_extension *extension,
                                               const struct ech_client_hello *offered, void *out)
{
    struct ech_tls13_encrypted_extensions *found = out;
    const struct ech_extension *offer = ech_client_hello_find(offered, extension->type);
    if (offer == NULL) {
        return ECH_ALERT_UNSUPPORTED_EXTENSION;
    }
    switch (extension->type) {
    case ECH_EXT_SERVER_NAME:
        return extension->data.len == 0 ? ECH_ALERT_NONE : ECH_ALERT_DECODE_ERROR;
    case ECH_EXT_ALPN:
        return ech_alpn_answer_check(extension->data, offer->data);
    case ECH_EXT_ENCRYPTED_CLIENT_HELLO:
        found->has_retry_configs = true;
        found->retry_configs = extension->data;
        return ech_config_list_check(extension->data) == ECH_OK ? ECH_ALERT_NONE
                                                                : ECH_ALERT_DECODE_ERROR;
    case ECH_EXT_MAX_FRAGMENT_LENGTH:
    case ECH_EXT_SUPPORTED_GROUPS:
    case ECH_EXT_USE_SRTP:
    case ECH_EXT_HEARTBEAT:
    case ECH_EXT_RECORD_SIZE_LIMIT:
    case ECH_EXT_APPLICATION_SETTINGS:
        /* Ignored: this session is never used, and what we send is shorter than any limit. */
        return ECH_ALERT_NONE;
    default:
        /* early_data too: without a PSK none can be accepted (RFC 8446, 4.2.10). */
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
}

enum ech_alert ech_tls13_encrypted_extensions_read(struct bytes body,
                                                   const struct ech_client_hello *offered,
                                                   struct ech_tls13_encrypted_extensions *out)
{
    struct reader r = rd_of(body);
    struct reader list;
    *out = (struct ech_tls13_encrypted_extensions){.has_retry_configs = false};
    if (!rd_vec16(&r, &list) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    return ech_extensions_read(list, offered, read_encrypted_extension, out);
}

/* ---- CertificateRequest ---- */

/* RFC 8446, 4.3.2: unknown extensions are ignored. */
static enum ech_alert read_request_extension(const struct ech_extension *extension,
                                             const struct ech_client_hello *offered, void *out)
{
    bool *has_signature_algorithms = out;
    (void)offered;
    if (extension->type != ECH_EXT_SIGNATURE_ALGORITHMS) {
        return ECH_ALERT_NONE;
    }
    struct reader data = rd_of(extension->data);
    struct reader schemes;
    *has_signature_algorithms = true;
    return rd_vec16(&data, &schemes) && rd_done(&data) && !rd_done(&schemes) && schemes.len % 2 == 0
               ? ECH_ALERT_NONE
               : ECH_ALERT_DECODE_ERROR;
}

enum ech_alert ech_tls13_certificate_request_check(struct bytes body)
{
    struct reader r = rd_of(body);
    struct reader context;
    struct reader list;
    bool has_signature_algorithms = false;
    if (!rd_vec8(&r, &context) || !rd_vec16(&r, &list) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    if (!rd_done(&context)) {
        /* Only a request after the handshake has one. */
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    enum ech_alert alert =
        ech_extensions_read(list, NULL, read_request_extension, &has_signature_algorithms);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    return has_signature_algorithms ? ECH_ALERT_NONE : ECH_ALERT_MISSING_EXTENSION;
}

/* ---- Certificate ---- */

/* OCSP answers and SCTs are taken and ignored. */
static enum ech_alert read_entry_extension(const struct ech_extension *extension,
                                           const struct ech_client_hello *offered, void *out)
{
    (void)out;
    bool answers = extension->type == ECH_EXT_STATUS_REQUEST ||
                   extension->type == ECH_EXT_SIGNED_CERTIFICATE_TIMESTAMP;
    bool asked = ech_client_hello_find(offered, extension->type) != NULL;
    return answers && asked ? ECH_ALERT_NONE : ech_extension_misplaced(extension, offered);
}

enum ech_alert ech_tls13_certificate_read(struct bytes body, const struct ech_client_hello *offered,
                                          struct ech_certificates *out)
{
    struct reader r = rd_of(body);
    struct reader context;
    struct reader list;
    out->count = 0;
    /* RFC 8446, 4.4.2.4: an empty list from the server is a decode_error. */
    if (!rd_vec8(&r, &context) || !rd_vec24(&r, &list) || !rd_done(&r) || rd_done(&list)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    if (!rd_done(&context)) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    while (!rd_done(&list)) {
        struct reader certificate;
        struct reader extensions;
        if (!rd_vec24(&list, &certificate) || rd_done(&certificate) ||
            !rd_vec16(&list, &extensions)) {
            return ECH_ALERT_DECODE_ERROR;
        }
        enum ech_alert alert = ech_extensions_read(extensions, offered, read_entry_extension, NULL);
        if (alert != ECH_ALERT_NONE) {
            return alert;
        }
        if (out->count == ECH_CERTIFICATES_MAX) {
            return ECH_ALERT_BAD_CERTIFICATE;
        }
        out->certificates[out->count++] = rd_rest(&certificate);
    }
    return ECH_ALERT_NONE;
}

/* ---- CertificateVerify ---- */

static bool can_verify(uint16_t scheme)
{
    switch (scheme) {
    case ECH_SIGNATURE_ECDSA_SECP256R1_SHA256:
    case ECH_SIGNATURE_ECDSA_SECP384R1_SHA384:
    case ECH_SIGNATURE_ECDSA_SECP521R1_SHA512:
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA256:
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA384:
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA512:
    case ECH_SIGNATURE_ED25519:
    case ECH_SIGNATURE_ED448:
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA256:
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA384:
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA512:
        return true;
    default:
        return false;
    }
}

enum ech_alert ech_tls13_certificate_verify_read(struct bytes body,
                                                 const struct ech_client_hello *offered,
                                                 struct ech_tls13_certificate_verify *out)
{
    struct reader r = rd_of(body);
    struct reader signature;
    if (!rd_u16(&r, &out->scheme) || !rd_vec16(&r, &signature) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    out->signature = rd_rest(&signature);
    return can_verify(out->scheme) &&
                   ech_client_hello_lists(offered, ECH_EXT_SIGNATURE_ALGORITHMS, out->scheme)
               ? ECH_ALERT_NONE
               : ECH_ALERT_ILLEGAL_PARAMETER;
}

enum ech_status ech_tls13_signed_content(struct bytes transcript_hash, struct writer *content)
{
    static const char context[] = "TLS 1.3, server CertificateVerify";
    for (size_t i = 0; i < 64; i++) {
        wr_u8(content, ' ');
    }
    /* The NUL that ends the string is the separator. */
    wr_bytes(content, bytes_of(context, sizeof context));
    wr_bytes(content, transcript_hash);
    return wr_finish(content);
}
