/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_handshake.h"

#include "ech/tls13_state.h"

static void begin(struct ech_outer_handshake *outer, const struct ech_outer_start *start)
{
    struct ech_tls13 *x = ech_tls13_of(outer);
    x->own = *start->own;
    x->program_keys = start->program_keys;
    x->decompressor = start->decompressor;
    /* RFC 8446, D.4: a client in compatibility mode has a session id. */
    x->change_cipher_spec_due =
        outer->hello.legacy_session_id.len > 0 && !start->change_cipher_spec_sent;
}

static void drop(struct ech_outer_handshake *outer)
{
    struct ech_tls13 *x = ech_tls13_of(outer);
    ech_own_key_shares_wipe(&x->own);
    ech_tls13_secrets_wipe(&x->secrets);
    ech_tls13_protection_wipe(&x->from_server);
    ech_tls13_protection_wipe(&x->to_server);
}

/* ---- to the server ---- */

static enum ech_status send(struct ech_outer_handshake *outer, struct bytes message)
{
    struct ech_tls13 *x = ech_tls13_of(outer);
    return ech_tls13_protect(&x->to_server, ECH_RECORD_HANDSHAKE, message, 0, &outer->to_net);
}

/* With handshake keys once there are any. */
static enum ech_status send_alert(struct ech_outer_handshake *outer, enum ech_alert alert)
{
    struct ech_tls13 *x = ech_tls13_of(outer);
    const uint8_t octets[] = {ECH_ALERT_LEVEL_FATAL, (uint8_t)alert};
    if (!x->is_protected) {
        ech_alert_write(&outer->to_net, alert);
        return ECH_OK;
    }
    ech_tls13_change_cipher_spec(x);
    return ech_tls13_protect(&x->to_server, ECH_RECORD_ALERT, bytes_of(octets, sizeof octets), 0,
                             &outer->to_net);
}

/* ---- from the server ---- */

static enum ech_alert take_message(struct ech_outer_handshake *outer,
                                   const struct ech_received *received)
{
    struct ech_tls13 *x = ech_tls13_of(outer);
    return x->phase == ECH_TLS13_SERVER_HELLO ? ech_tls13_take_hello(x, received)
                                              : ech_tls13_take_message(x, received);
}

/* Whatever the alert says, the server does not go on. One in the clear is not authenticated, but we
 * conclude nothing from any alert. */
static enum ech_alert take_alert(struct ech_tls13 *x, struct bytes content)
{
    struct reader r = rd_of(content);
    uint8_t level;
    if (!rd_u8(&r, &level) || !rd_u8(&r, &x->outer.facts.server_alert) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    ech_outer_end(&x->outer, ECH_OUTER_FAILURE_ALERT);
    return ECH_ALERT_NONE;
}

static enum ech_alert take_content(struct ech_tls13 *x, uint8_t type, struct bytes content)
{
    if (type == ECH_RECORD_HANDSHAKE) {
        return ech_outer_take_fragment(&x->outer, content);
    }
    /* RFC 8446, 5.1: nothing comes between the pieces of a message. */
    if (type == ECH_RECORD_ALERT && wr_view(&x->outer.assembled).len == 0) {
        return take_alert(x, content);
    }
    return ECH_ALERT_UNEXPECTED_MESSAGE;
}

static bool change_cipher_spec_allowed(struct ech_tls13 *x, const struct ech_record *record)
{
    return wr_view(&x->outer.assembled).len == 0 && ech_is_change_cipher_spec(record) &&
           ++x->change_cipher_specs <= ECH_CHANGE_CIPHER_SPEC_MAX;
}

static enum ech_alert take_record(struct ech_outer_handshake *outer,
                                  const struct ech_record *record)
{
    struct ech_tls13 *x = ech_tls13_of(outer);
    if (record->type == ECH_RECORD_CHANGE_CIPHER_SPEC) {
        return change_cipher_spec_allowed(x, record) ? ECH_ALERT_NONE
                                                     : ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    if (!x->is_protected) {
        return take_content(x, record->type, record->fragment);
    }
    if (record->type != ECH_RECORD_APPLICATION_DATA) {
        /* RFC 8446, 5: an unprotected record where a protected one was expected. */
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    struct ech_tls13_plaintext plaintext;
    enum ech_alert alert =
        ech_tls13_unprotect(&x->from_server, record, &x->outer.opened, &plaintext);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    return take_content(x, plaintext.type, plaintext.content);
}

const struct ech_outer_protocol ech_tls13_protocol = {
    .version = ECH_TLS13,
    .size = sizeof(struct ech_tls13),
    .begin = begin,
    .take_record = take_record,
    .take_message = take_message,
    .send = send,
    .send_alert = send_alert,
    .drop = drop,
};
