/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The messages of the outer handshake of TLS 1.2: the server's two flights, and ours. */
#include "ech/tls12_state.h"

static enum ech_status hash_transcript(const struct ech_tls12 *x, uint8_t *out)
{
    return ech_outer_transcript(&x->outer, x->settled.suite->hash, out);
}

static struct ech_tls12_randoms randoms_of(const struct ech_tls12 *x)
{
    return (struct ech_tls12_randoms){.client = x->outer.hello.random,
                                      .server =
                                          bytes_of(x->server_random, sizeof x->server_random)};
}

/* ---- ServerHello ---- */

/* Why the handshake fails, where it is not that the server broke a rule. */
static void note_failure(struct ech_tls12 *x, enum ech_alert alert)
{
    if (alert == ECH_ALERT_PROTOCOL_VERSION) {
        x->outer.facts.failure = ECH_OUTER_FAILURE_VERSION;
    } else if (alert == ECH_ALERT_HANDSHAKE_FAILURE && x->settled.suite == NULL) {
        x->outer.facts.failure = ECH_OUTER_FAILURE_SUITE;
    }
}

static enum ech_alert take_server_hello(struct ech_tls12 *x, const struct ech_received *received)
{
    struct ech_server_hello hello;
    enum ech_status status = ech_server_hello_parse(received->message, &hello);
    if (status != ECH_OK) {
        return status == ECH_ERR_ILLEGAL ? ECH_ALERT_ILLEGAL_PARAMETER : ECH_ALERT_DECODE_ERROR;
    }
    enum ech_alert alert = ech_tls12_server_hello_read(&hello, &x->outer.hello, &x->settled);
    if (alert != ECH_ALERT_NONE) {
        note_failure(x, alert);
        return alert;
    }
    struct reader random = rd_of(hello.random);
    if (!rd_copy(&random, x->server_random, sizeof x->server_random)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    ech_outer_keep(&x->outer, received);
    x->phase = ECH_TLS12_CERTIFICATE;
    return ECH_ALERT_NONE;
}

/* ---- the certificate ---- */

static enum ech_alert take_certificate(struct ech_tls12 *x, const struct ech_received *received)
{
    struct ech_certificates chain;
    enum ech_alert alert = ech_tls12_certificate_read(received->body, &chain);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    x->phase = ECH_TLS12_KEY_EXCHANGE;
    return ech_outer_take_chain(&x->outer, &chain, received);
}

static enum ech_alert take_certificate_status(struct ech_tls12 *x,
                                              const struct ech_received *received)
{
    enum ech_alert alert = ech_tls12_certificate_status_check(received->body);
    x->status_seen = true;
    ech_outer_keep(&x->outer, received);
    return alert;
}

/* ---- the key exchange ---- */

/* RFC 8422, 5.4: the signature is over both randoms, so it also proves that this server made this
 * ServerHello.random. */
static enum ech_alert verify_key_exchange(struct ech_tls12 *x,
                                          const struct ech_tls12_key_exchange *found)
{
    struct writer content;
    wr_init(&content, 0);
    wr_bytes(&content, x->outer.hello.random);
    wr_bytes(&content, bytes_of(x->server_random, sizeof x->server_random));
    wr_bytes(&content, found->params);
    enum ech_alert alert = ech_outer_check(&x->outer, wr_finish(&content));
    if (alert == ECH_ALERT_NONE) {
        alert = x->outer.verifier.verify_signature(x->outer.verifier.context, ECH_TLS12,
                                                   found->scheme, wr_view(&x->outer.leaf),
                                                   wr_view(&content), found->signature);
    }
    wr_free(&content);
    return alert;
}

/* Makes our key pair and the premaster secret, and keeps the public key for our flight. */
static enum ech_alert agree(struct ech_tls12 *x, const struct ech_tls12_key_exchange *found)
{
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    if (ech_dh_public_size(found->group) == 0) {
        x->outer.facts.failure = ECH_OUTER_FAILURE_GROUP;
        return ECH_ALERT_HANDSHAKE_FAILURE;
    }
    enum ech_alert alert = ech_outer_check(
        &x->outer, ech_dh_generate(found->group, &x->outer.random, private_key, public_key));
    /* A point that is not on the curve, or gives only zeros (RFC 8422, 5.11). */
    if (alert == ECH_ALERT_NONE &&
        ech_dh(found->group, bytes_of(private_key, ech_dh_private_size(found->group)), found->point,
               x->premaster) != ECH_OK) {
        alert = ECH_ALERT_ILLEGAL_PARAMETER;
    }
    ech_wipe(private_key, sizeof private_key);
    if (alert == ECH_ALERT_NONE) {
        x->premaster_length = ech_dh_shared_size(found->group);
        wr_bytes(&x->client_key_exchange, bytes_of(public_key, ech_dh_public_size(found->group)));
        alert = ech_outer_check(&x->outer, wr_finish(&x->client_key_exchange));
    }
    return alert;
}

static enum ech_alert take_key_exchange(struct ech_tls12 *x, const struct ech_received *received)
{
    struct ech_tls12_key_exchange found;
    enum ech_alert alert =
        ech_tls12_key_exchange_read(received->body, &x->outer.hello, x->settled.suite, &found);
    if (alert == ECH_ALERT_NONE) {
        alert = verify_key_exchange(x, &found);
    }
    if (alert == ECH_ALERT_NONE) {
        alert = agree(x, &found);
    }
    ech_outer_keep(&x->outer, received);
    x->phase = ECH_TLS12_DONE;
    return alert;
}

static enum ech_alert take_certificate_request(struct ech_tls12 *x,
                                               const struct ech_received *received)
{
    enum ech_alert alert = ech_tls12_certificate_request_check(received->body);
    x->outer.certificate_requested = true;
    ech_outer_keep(&x->outer, received);
    return alert;
}

/* ---- our flight ---- */

/* RFC 9849, 6.1.7: no client certificate, even if the application has one. */
static enum ech_status send_certificate(struct ech_tls12 *x)
{
    static const uint8_t none[] = {0, 0, 0};
    return ech_outer_send(&x->outer, ECH_HANDSHAKE_CERTIFICATE, bytes_of(none, sizeof none));
}

static enum ech_status send_client_key_exchange(struct ech_tls12 *x)
{
    struct writer body;
    wr_init(&body, 0);
    struct wr_mark mark = wr_open(&body, 1);
    wr_bytes(&body, wr_view(&x->client_key_exchange));
    wr_close(&body, mark);
    enum ech_status status = wr_finish(&body);
    if (status == ECH_OK) {
        status = ech_outer_send(&x->outer, ECH_HANDSHAKE_CLIENT_KEY_EXCHANGE, wr_view(&body));
    }
    wr_free(&body);
    return status;
}

/* The transcript ends with ClientKeyExchange. */
static enum ech_status derive_keys(struct ech_tls12 *x)
{
    uint8_t session_hash[ECH_HASH_MAX];
    const struct ech_tls12_suite *suite = x->settled.suite;
    struct ech_tls12_randoms randoms = randoms_of(x);
    struct bytes premaster = bytes_of(x->premaster, x->premaster_length);
    enum ech_status status = hash_transcript(x, session_hash);
    if (status == ECH_OK && x->settled.extended_master_secret) {
        status = ech_tls12_extended_master_secret(
            suite->hash, premaster, bytes_of(session_hash, ech_hash_size(suite->hash)), x->master);
    } else if (status == ECH_OK) {
        status = ech_tls12_master_secret(suite->hash, premaster, &randoms, x->master);
    }
    ech_wipe(x->premaster, sizeof x->premaster);
    if (status == ECH_OK) {
        status = ech_tls12_protection_start(suite, x->settled.encrypt_then_mac, x->master, &randoms,
                                            &x->to_server, &x->from_server);
    }
    return status;
}

static enum ech_status make_verify_data(const struct ech_tls12 *x, const char *label,
                                        uint8_t out[ECH_TLS12_VERIFY_DATA])
{
    uint8_t hash[ECH_HASH_MAX];
    enum ech_hash kind = x->settled.suite->hash;
    enum ech_status status = hash_transcript(x, hash);
    return status == ECH_OK ? ech_tls12_verify_data(kind, x->master, label,
                                                    bytes_of(hash, ech_hash_size(kind)), out)
                            : status;
}

static enum ech_status send_finished(struct ech_tls12 *x)
{
    uint8_t verify_data[ECH_TLS12_VERIFY_DATA];
    enum ech_status status = make_verify_data(x, "client finished", verify_data);
    return status == ECH_OK ? ech_outer_send(&x->outer, ECH_HANDSHAKE_FINISHED,
                                             bytes_of(verify_data, sizeof verify_data))
                            : status;
}

static enum ech_status send_flight(struct ech_tls12 *x)
{
    enum ech_status status = x->outer.certificate_requested ? send_certificate(x) : ECH_OK;
    if (status == ECH_OK) {
        status = send_client_key_exchange(x);
    }
    if (status == ECH_OK) {
        status = derive_keys(x);
    }
    if (status == ECH_OK) {
        ech_change_cipher_spec_write(&x->outer.to_net);
        x->sends_protected = true;
        status = send_finished(x);
    }
    return status;
}

static enum ech_alert take_done(struct ech_tls12 *x, const struct ech_received *received)
{
    /* The server waits for our flight now. */
    if (received->excess) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    if (received->body.len != 0) {
        return ECH_ALERT_DECODE_ERROR;
    }
    ech_outer_keep(&x->outer, received);
    x->phase = x->settled.session_ticket ? ECH_TLS12_TICKET : ECH_TLS12_CHANGE_CIPHER_SPEC;
    return ech_outer_check(&x->outer, send_flight(x));
}

/* ---- the server's second flight ---- */

static enum ech_alert take_new_session_ticket(struct ech_tls12 *x,
                                              const struct ech_received *received)
{
    enum ech_alert alert = ech_tls12_new_session_ticket_check(received->body);
    ech_outer_keep(&x->outer, received);
    x->phase = ECH_TLS12_CHANGE_CIPHER_SPEC;
    return alert;
}

/* RFC 9849, 6.1.6: before any application data. */
static enum ech_status send_ech_required(struct ech_tls12 *x)
{
    static const uint8_t alert[] = {ECH_ALERT_LEVEL_FATAL, ECH_ALERT_ECH_REQUIRED};
    return ech_tls12_protect(&x->to_server, &x->outer.random, ECH_RECORD_ALERT,
                             bytes_of(alert, sizeof alert), &x->outer.to_net);
}

static enum ech_alert take_finished(struct ech_tls12 *x, const struct ech_received *received)
{
    uint8_t verify_data[ECH_TLS12_VERIFY_DATA];
    struct bytes expected = bytes_of(verify_data, sizeof verify_data);
    if (received->excess) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    if (received->body.len != expected.len) {
        return ECH_ALERT_DECODE_ERROR;
    }
    enum ech_alert alert =
        ech_outer_check(&x->outer, make_verify_data(x, "server finished", verify_data));
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    if (!bytes_equal_secret(received->body, expected)) {
        return ECH_ALERT_DECRYPT_ERROR;
    }
    alert = ech_outer_check(&x->outer, send_ech_required(x));
    if (alert == ECH_ALERT_NONE) {
        x->outer.facts.alert = ECH_ALERT_ECH_REQUIRED;
        x->outer.facts.verdict = ECH_OUTER_DISABLED;
    }
    return alert;
}

enum ech_alert ech_tls12_take_message(struct ech_tls12 *x, const struct ech_received *received)
{
    switch (x->phase) {
    case ECH_TLS12_SERVER_HELLO:
        if (received->type == ECH_HANDSHAKE_SERVER_HELLO) {
            return take_server_hello(x, received);
        }
        break;
    case ECH_TLS12_CERTIFICATE:
        if (received->type == ECH_HANDSHAKE_CERTIFICATE) {
            return take_certificate(x, received);
        }
        break;
    case ECH_TLS12_KEY_EXCHANGE:
        if (received->type == ECH_HANDSHAKE_CERTIFICATE_STATUS && x->settled.status_request &&
            !x->status_seen) {
            return take_certificate_status(x, received);
        }
        if (received->type == ECH_HANDSHAKE_SERVER_KEY_EXCHANGE) {
            return take_key_exchange(x, received);
        }
        break;
    case ECH_TLS12_DONE:
        if (received->type == ECH_HANDSHAKE_CERTIFICATE_REQUEST &&
            !x->outer.certificate_requested) {
            return take_certificate_request(x, received);
        }
        if (received->type == ECH_HANDSHAKE_SERVER_HELLO_DONE) {
            return take_done(x, received);
        }
        break;
    case ECH_TLS12_TICKET:
        if (received->type == ECH_HANDSHAKE_NEW_SESSION_TICKET) {
            return take_new_session_ticket(x, received);
        }
        break;
    case ECH_TLS12_FINISHED:
        if (received->type == ECH_HANDSHAKE_FINISHED) {
            return take_finished(x, received);
        }
        break;
    default:
        break;
    }
    return ECH_ALERT_UNEXPECTED_MESSAGE;
}
