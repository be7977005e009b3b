/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/outer_state.h"

enum ech_alert ech_outer_check(struct ech_outer_handshake *outer, enum ech_status status)
{
    if (status == ECH_OK) {
        return ECH_ALERT_NONE;
    }
    outer->facts.failure = ECH_OUTER_FAILURE_INTERNAL;
    return ECH_ALERT_INTERNAL_ERROR;
}

void ech_outer_end(struct ech_outer_handshake *outer, enum ech_outer_failure failure)
{
    outer->facts.verdict = ECH_OUTER_FAILED;
    if (outer->facts.failure == ECH_OUTER_FAILURE_NONE) {
        outer->facts.failure = failure;
    }
    /* RFC 9849, 6.1.6: retry configs of a server that was not authenticated are never used. */
    wr_free(&outer->retry_configs);
}

enum ech_alert ech_outer_take_fragment(struct ech_outer_handshake *outer, struct bytes fragment)
{
    enum ech_alert alert = ECH_ALERT_NONE;
    /* RFC 8446, 5.1, and RFC 5246, 6.2.1: no empty fragments of the handshake type. */
    if (fragment.len == 0) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    wr_bytes(&outer->assembled, fragment);
    while (alert == ECH_ALERT_NONE && outer->facts.verdict == ECH_OUTER_PENDING) {
        struct ech_received received;
        bool whole = false;
        alert = ech_outer_check(outer, wr_finish(&outer->assembled));
        if (alert == ECH_ALERT_NONE) {
            alert = ech_received_next(&outer->assembled, &received, &whole);
        }
        if (alert != ECH_ALERT_NONE || !whole) {
            break;
        }
        alert = outer->protocol->take_message(outer, &received);
        wr_consume(&outer->assembled, received.message.len);
    }
    return alert;
}

void ech_outer_keep(struct ech_outer_handshake *outer, const struct ech_received *received)
{
    wr_bytes(&outer->transcript, received->message);
}

enum ech_status ech_outer_transcript(const struct ech_outer_handshake *outer, enum ech_hash hash,
                                     uint8_t *out)
{
    enum ech_status status = wr_finish(&outer->transcript);
    struct bytes messages = wr_view(&outer->transcript);
    return status == ECH_OK ? ech_hash_parts(hash, &messages, 1, out) : status;
}

enum ech_alert ech_outer_take_chain(struct ech_outer_handshake *outer,
                                    const struct ech_certificates *chain,
                                    const struct ech_received *received)
{
    enum ech_alert alert =
        outer->verifier.verify_chain(outer->verifier.context, chain->certificates, chain->count,
                                     bytes_of(outer->public_name, outer->public_name_length));
    if (alert != ECH_ALERT_NONE) {
        outer->facts.failure = ECH_OUTER_FAILURE_CERTIFICATE;
        return alert;
    }
    wr_bytes(&outer->leaf, chain->certificates[0]);
    ech_outer_keep(outer, received);
    return ech_outer_check(outer, wr_finish(&outer->leaf));
}

enum ech_status ech_outer_send(struct ech_outer_handshake *outer, uint8_t type, struct bytes body)
{
    struct writer message;
    wr_init(&message, 0);
    wr_u8(&message, type);
    struct wr_mark mark = wr_open(&message, 3);
    wr_bytes(&message, body);
    wr_close(&message, mark);
    enum ech_status status = wr_finish(&message);
    if (status == ECH_OK) {
        wr_bytes(&outer->transcript, wr_view(&message));
        status = outer->protocol->send(outer, wr_view(&message));
    }
    wr_free(&message);
    return status;
}
