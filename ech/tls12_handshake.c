/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_handshake.h"

#include "ech/tls12_state.h"

/* More warnings than this are no handshake. */
enum { WARNINGS_MAX = 4 };
enum { ALERT_CLOSE_NOTIFY = 0 };

static void begin(struct ech_outer_handshake *outer, const struct ech_outer_start *start)
{
    (void)start;
    wr_init(&ech_tls12_of(outer)->client_key_exchange, 0);
}

static void drop(struct ech_outer_handshake *outer)
{
    struct ech_tls12 *x = ech_tls12_of(outer);
    ech_wipe(x->premaster, sizeof x->premaster);
    ech_wipe(x->master, sizeof x->master);
    ech_tls12_protection_wipe(&x->from_server);
    ech_tls12_protection_wipe(&x->to_server);
    wr_wipe(&x->client_key_exchange);
}

/* ---- to the server: protected once our change_cipher_spec is out ---- */

static enum ech_status send(struct ech_outer_handshake *outer, struct bytes message)
{
    struct ech_tls12 *x = ech_tls12_of(outer);
    if (!x->sends_protected) {
        ech_records_write(&outer->to_net, ECH_TLS12, message);
        return ECH_OK;
    }
    return ech_tls12_protect(&x->to_server, &outer->random, ECH_RECORD_HANDSHAKE, message,
                             &outer->to_net);
}

static enum ech_status send_alert(struct ech_outer_handshake *outer, enum ech_alert alert)
{
    struct ech_tls12 *x = ech_tls12_of(outer);
    const uint8_t octets[] = {ECH_ALERT_LEVEL_FATAL, (uint8_t)alert};
    if (!x->sends_protected) {
        ech_alert_write(&outer->to_net, alert);
        return ECH_OK;
    }
    return ech_tls12_protect(&x->to_server, &outer->random, ECH_RECORD_ALERT,
                             bytes_of(octets, sizeof octets), &outer->to_net);
}

/* ---- from the server ---- */

static enum ech_alert take_message(struct ech_outer_handshake *outer,
                                   const struct ech_received *received)
{
    return ech_tls12_take_message(ech_tls12_of(outer), received);
}

/*
 * A fatal alert, or close_notify: the server does not go on. We conclude nothing else from it. A
 * warning is ignored: some servers send unrecognized_name with one, and go on (RFC 6066, 3).
 */
static enum ech_alert take_alert(struct ech_tls12 *x, struct bytes content)
{
    struct reader r = rd_of(content);
    uint8_t level;
    uint8_t description;
    if (!rd_u8(&r, &level) || !rd_u8(&r, &description) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    if (level == ECH_ALERT_LEVEL_WARNING && description != ALERT_CLOSE_NOTIFY) {
        return ++x->warnings <= WARNINGS_MAX ? ECH_ALERT_NONE : ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    x->outer.facts.server_alert = description;
    ech_outer_end(&x->outer, ECH_OUTER_FAILURE_ALERT);
    return ECH_ALERT_NONE;
}

/* From here on the server's records are protected. Only at this place: an earlier one would take
 * keys that are not there yet. */
static enum ech_alert take_change_cipher_spec(struct ech_tls12 *x, const struct ech_record *record)
{
    if (x->phase != ECH_TLS12_CHANGE_CIPHER_SPEC || wr_view(&x->outer.assembled).len > 0 ||
        !ech_is_change_cipher_spec(record)) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    x->phase = ECH_TLS12_FINISHED;
    return ECH_ALERT_NONE;
}

static enum ech_alert take_record(struct ech_outer_handshake *outer,
                                  const struct ech_record *record)
{
    struct ech_tls12 *x = ech_tls12_of(outer);
    struct bytes content = record->fragment;
    enum ech_alert alert = ECH_ALERT_NONE;
    if (record->type == ECH_RECORD_CHANGE_CIPHER_SPEC) {
        return take_change_cipher_spec(x, record);
    }
    if (x->phase == ECH_TLS12_FINISHED) {
        alert = ech_tls12_unprotect(&x->from_server, record, &x->outer.opened, &content);
    }
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    if (record->type == ECH_RECORD_HANDSHAKE) {
        return ech_outer_take_fragment(&x->outer, content);
    }
    return record->type == ECH_RECORD_ALERT ? take_alert(x, content) : ECH_ALERT_UNEXPECTED_MESSAGE;
}

const struct ech_outer_protocol ech_tls12_protocol = {
    .version = ECH_TLS12,
    .size = sizeof(struct ech_tls12),
    .begin = begin,
    .take_record = take_record,
    .take_message = take_message,
    .send = send,
    .send_alert = send_alert,
    .drop = drop,
};
