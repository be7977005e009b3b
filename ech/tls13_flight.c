/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The encrypted messages of the outer handshake: the server's flight and our answer to it. */
#include "ech/compressed_certificate.h"
#include "ech/tls13_state.h"

static enum ech_alert take_encrypted_extensions(struct ech_tls13 *x,
                                                const struct ech_received *received)
{
    struct ech_tls13_encrypted_extensions found;
    enum ech_alert alert =
        ech_tls13_encrypted_extensions_read(received->body, &x->outer.hello, &found);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    wr_bytes(&x->outer.retry_configs, found.retry_configs);
    ech_outer_keep(&x->outer, received);
    x->phase = ECH_TLS13_CERTIFICATE;
    return ech_outer_check(&x->outer, wr_finish(&x->outer.retry_configs));
}

static enum ech_alert take_certificate_request(struct ech_tls13 *x,
                                               const struct ech_received *received)
{
    enum ech_alert alert = ech_tls13_certificate_request_check(received->body);
    x->outer.certificate_requested = true;
    ech_outer_keep(&x->outer, received);
    return alert;
}

/* `body`: of the Certificate, which `received` may hold compressed. */
static enum ech_alert take_certificate(struct ech_tls13 *x, const struct ech_received *received,
                                       struct bytes body)
{
    struct ech_certificates chain;
    enum ech_alert alert = ech_tls13_certificate_read(body, &x->outer.hello, &chain);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    x->phase = ECH_TLS13_CERTIFICATE_VERIFY;
    return ech_outer_take_chain(&x->outer, &chain, received);
}

static enum ech_alert open_compressed(struct ech_tls13 *x,
                                      const struct ech_compressed_certificate *message,
                                      struct writer *certificate)
{
    enum ech_status status =
        ech_compressed_certificate_open(message, &x->decompressor, certificate);
    switch (status) {
    case ECH_ERR_UNSUPPORTED:
        /* The application offers it, and we cannot do it. */
        x->outer.facts.failure = ECH_OUTER_FAILURE_COMPRESSION;
        return ECH_ALERT_INTERNAL_ERROR;
    case ECH_ERR_DECODE:
        return ECH_ALERT_BAD_CERTIFICATE; /* RFC 8879, 4 */
    default:
        return ech_outer_check(&x->outer, status);
    }
}

static enum ech_alert take_compressed_certificate(struct ech_tls13 *x,
                                                  const struct ech_received *received)
{
    struct ech_compressed_certificate message;
    struct writer certificate;
    enum ech_alert alert =
        ech_compressed_certificate_read(received->body, &x->outer.hello, &message);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    wr_init(&certificate, ECH_MESSAGE_MAX);
    alert = open_compressed(x, &message, &certificate);
    if (alert == ECH_ALERT_NONE) {
        /* RFC 8879, 4: the transcript has the message as it came. */
        alert = take_certificate(x, received, wr_view(&certificate));
    }
    wr_free(&certificate);
    return alert;
}

static enum ech_alert take_certificate_verify(struct ech_tls13 *x,
                                              const struct ech_received *received)
{
    struct ech_tls13_certificate_verify verify;
    struct writer content;
    uint8_t transcript_hash[ECH_HASH_MAX];
    enum ech_alert alert =
        ech_tls13_certificate_verify_read(received->body, &x->outer.hello, &verify);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    wr_init(&content, 0);
    enum ech_status status = ech_outer_transcript(&x->outer, x->hash, transcript_hash);
    if (status == ECH_OK) {
        status =
            ech_tls13_signed_content(bytes_of(transcript_hash, ech_hash_size(x->hash)), &content);
    }
    alert = ech_outer_check(&x->outer, status);
    if (alert == ECH_ALERT_NONE) {
        alert = x->outer.verifier.verify_signature(x->outer.verifier.context, ECH_TLS13,
                                                   verify.scheme, wr_view(&x->outer.leaf),
                                                   wr_view(&content), verify.signature);
    }
    wr_free(&content);
    ech_outer_keep(&x->outer, received);
    x->phase = ECH_TLS13_FINISHED;
    return alert;
}

/* ---- Finished, and the end of the handshake ---- */

static enum ech_alert check_finished(struct ech_tls13 *x, const struct ech_received *received)
{
    uint8_t transcript_hash[ECH_HASH_MAX];
    uint8_t expected[ECH_HASH_MAX];
    struct bytes verify_data = bytes_of(expected, ech_hash_size(x->hash));
    /* RFC 8446, 5.1: the server's keys change here. */
    if (received->excess) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    if (received->body.len != verify_data.len) {
        return ECH_ALERT_DECODE_ERROR;
    }
    enum ech_status status = ech_outer_transcript(&x->outer, x->hash, transcript_hash);
    if (status == ECH_OK) {
        status = ech_tls13_verify_data(x->hash, x->secrets.server, transcript_hash, expected);
    }
    if (status != ECH_OK) {
        return ech_outer_check(&x->outer, status);
    }
    return bytes_equal_secret(received->body, verify_data) ? ECH_ALERT_NONE
                                                           : ECH_ALERT_DECRYPT_ERROR;
}

/* RFC 9849, 6.1.7: no client certificate, even if the application has one. */
static enum ech_status send_certificate(struct ech_tls13 *x)
{
    /* an empty certificate_request_context and an empty list */
    static const uint8_t none[] = {0, 0, 0, 0};
    return ech_outer_send(&x->outer, ECH_HANDSHAKE_CERTIFICATE, bytes_of(none, sizeof none));
}

static enum ech_status send_finished(struct ech_tls13 *x, const uint8_t *client_traffic)
{
    uint8_t transcript_hash[ECH_HASH_MAX];
    uint8_t verify_data[ECH_HASH_MAX];
    enum ech_status status = ech_outer_transcript(&x->outer, x->hash, transcript_hash);
    if (status == ECH_OK) {
        status = ech_tls13_verify_data(x->hash, client_traffic, transcript_hash, verify_data);
    }
    if (status == ECH_OK) {
        status = ech_outer_send(&x->outer, ECH_HANDSHAKE_FINISHED,
                                bytes_of(verify_data, ech_hash_size(x->hash)));
    }
    return status;
}

/* RFC 9849, 6.1.6: before any application data; with application keys, because the handshake is
 * done. */
static enum ech_status send_ech_required(struct ech_tls13 *x, const uint8_t *server_finished_hash)
{
    static const uint8_t alert[] = {ECH_ALERT_LEVEL_FATAL, ECH_ALERT_ECH_REQUIRED};
    enum ech_status status = ech_tls13_secrets_application(&x->secrets, server_finished_hash);
    if (status == ECH_OK) {
        status = ech_tls13_protection_start(&x->to_server, x->cipher_suite, x->secrets.client);
    }
    if (status == ECH_OK) {
        status = ech_tls13_protect(&x->to_server, ECH_RECORD_ALERT, bytes_of(alert, sizeof alert),
                                   0, &x->outer.to_net);
    }
    return status;
}

static enum ech_status send_flight(struct ech_tls13 *x)
{
    uint8_t server_finished_hash[ECH_HASH_MAX];
    enum ech_status status = ech_outer_transcript(&x->outer, x->hash, server_finished_hash);
    ech_tls13_change_cipher_spec(x);
    if (status == ECH_OK && x->outer.certificate_requested) {
        status = send_certificate(x);
    }
    if (status == ECH_OK) {
        status = send_finished(x, x->secrets.client);
    }
    if (status == ECH_OK) {
        status = send_ech_required(x, server_finished_hash);
    }
    return status;
}

/* RFC 9849, 6.1.6: with at least one config of a version we support ECH is replaced, else disabled.
 */
static enum ech_outer_verdict judge(const struct ech_tls13 *x)
{
    struct reader configs;
    struct ech_config config;
    if (ech_config_list_begin(wr_view(&x->outer.retry_configs), &configs) == ECH_OK) {
        while (ech_config_list_next(&configs, &config)) {
            if (config.version == ECH_VERSION) {
                return ECH_OUTER_RETRY_CONFIGS;
            }
        }
    }
    return ECH_OUTER_DISABLED;
}

static enum ech_alert take_finished(struct ech_tls13 *x, const struct ech_received *received)
{
    enum ech_alert alert = check_finished(x, received);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    ech_outer_keep(&x->outer, received);
    alert = ech_outer_check(&x->outer, send_flight(x));
    if (alert == ECH_ALERT_NONE) {
        x->outer.facts.alert = ECH_ALERT_ECH_REQUIRED;
        x->outer.facts.verdict = judge(x);
    }
    return alert;
}

enum ech_alert ech_tls13_take_message(struct ech_tls13 *x, const struct ech_received *received)
{
    switch (x->phase) {
    case ECH_TLS13_ENCRYPTED_EXTENSIONS:
        if (received->type == ECH_HANDSHAKE_ENCRYPTED_EXTENSIONS) {
            return take_encrypted_extensions(x, received);
        }
        break;
    case ECH_TLS13_CERTIFICATE:
        if (received->type == ECH_HANDSHAKE_CERTIFICATE_REQUEST &&
            !x->outer.certificate_requested) {
            return take_certificate_request(x, received);
        }
        if (received->type == ECH_HANDSHAKE_CERTIFICATE) {
            return take_certificate(x, received, received->body);
        }
        if (received->type == ECH_HANDSHAKE_COMPRESSED_CERTIFICATE) {
            return take_compressed_certificate(x, received);
        }
        break;
    case ECH_TLS13_CERTIFICATE_VERIFY:
        if (received->type == ECH_HANDSHAKE_CERTIFICATE_VERIFY) {
            return take_certificate_verify(x, received);
        }
        break;
    case ECH_TLS13_FINISHED:
        if (received->type == ECH_HANDSHAKE_FINISHED) {
            return take_finished(x, received);
        }
        break;
    default:
        break;
    }
    return ECH_ALERT_UNEXPECTED_MESSAGE;
}
