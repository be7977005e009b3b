/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls13_handshake.h"

#include <stdlib.h>

#include "ech/tls13_state.h"

/* Enough for the decrypted certificates and everything else. */
enum { TRANSCRIPT_MAX = 1 << 19 };

/* ---- start and free ---- */

/* Wipes all secrets and all that only the handshake needs. */
static void drop_handshake(struct ech_tls13 *x)
{
    ech_own_key_shares_wipe(&x->own);
    ech_tls13_secrets_wipe(&x->secrets);
    ech_tls13_protection_wipe(&x->from_server);
    ech_tls13_protection_wipe(&x->to_server);
    ech_record_reader_wipe(&x->records);
    wr_wipe(&x->opened);
    wr_wipe(&x->assembled);
    wr_wipe(&x->transcript);
    wr_wipe(&x->leaf);
}

static enum ech_status fill_in(struct ech_tls13 *x, const struct ech_outer_start *start)
{
    struct reader public_name = rd_of(start->public_name);
    x->random = start->random;
    x->verifier = start->verifier;
    x->own = *start->own;
    x->program_keys = start->program_keys;
    x->decompressor = start->decompressor;
    x->public_name_length = public_name.len;
    if (public_name.len > sizeof x->public_name ||
        !rd_copy(&public_name, x->public_name, public_name.len)) {
        return ECH_ERR_SPACE;
    }
    wr_bytes(&x->client_hello, start->client_hello_outer);
    wr_bytes(&x->transcript, start->client_hello_outer);
    if (wr_finish(&x->client_hello) != ECH_OK || wr_finish(&x->transcript) != ECH_OK) {
        return ECH_ERR_NOMEM;
    }
    enum ech_status status = ech_client_hello_parse(wr_view(&x->client_hello), &x->hello);
    /* RFC 8446, D.4: a client in compatibility mode has a session id. */
    x->change_cipher_spec_due =
        x->hello.legacy_session_id.len > 0 && !start->change_cipher_spec_sent;
    return status;
}

enum ech_status ech_tls13_new(struct ech_tls13 **handshake, const struct ech_outer_start *start)
{
    struct ech_tls13 *x = calloc(1, sizeof *x);
    *handshake = x;
    if (x == NULL) {
        return ECH_ERR_NOMEM;
    }
    ech_record_reader_init(&x->records);
    wr_init(&x->client_hello, 0);
    wr_init(&x->opened, 0);
    wr_init(&x->assembled, ECH_HANDSHAKE_HEADER + ECH_MESSAGE_MAX + ECH_RECORD_PLAINTEXT_MAX);
    wr_init(&x->transcript, TRANSCRIPT_MAX);
    wr_init(&x->leaf, 0);
    wr_init(&x->retry_configs, 0);
    wr_init(&x->to_net, 0);
    enum ech_status status = fill_in(x, start);
    if (status != ECH_OK) {
        ech_tls13_free(x);
        *handshake = NULL;
    }
    return status;
}

void ech_tls13_free(struct ech_tls13 *handshake)
{
    if (handshake == NULL) {
        return;
    }
    drop_handshake(handshake);
    wr_free(&handshake->client_hello);
    wr_free(&handshake->retry_configs);
    wr_free(&handshake->to_net);
    ech_wipe(handshake, sizeof *handshake);
    free(handshake);
}

/* ---- how the handshake ends ---- */

static void end(struct ech_tls13 *x, enum ech_outer_failure failure)
{
    x->facts.verdict = ECH_OUTER_FAILED;
    if (x->facts.failure == ECH_OUTER_FAILURE_NONE) {
        x->facts.failure = failure;
    }
    /* RFC 9849, 6.1.6: retry configs of a server that was not authenticated are never used. */
    wr_free(&x->retry_configs);
}

/* In a form that the server can read: with handshake keys once there are any. */
static void write_alert(struct ech_tls13 *x, enum ech_alert alert)
{
    const uint8_t octets[] = {ECH_ALERT_LEVEL_FATAL, (uint8_t)alert};
    if (!x->is_protected) {
        ech_alert_write(&x->to_net, alert);
        return;
    }
    ech_tls13_change_cipher_spec(x);
    if (ech_tls13_protect(&x->to_server, ECH_RECORD_ALERT, bytes_of(octets, sizeof octets), 0,
                          &x->to_net) != ECH_OK) {
        x->facts.failure = ECH_OUTER_FAILURE_INTERNAL;
    }
}

static void fail(struct ech_tls13 *x, enum ech_alert alert)
{
    x->facts.alert = alert;
    write_alert(x, alert);
    end(x, alert == ECH_ALERT_INTERNAL_ERROR ? ECH_OUTER_FAILURE_INTERNAL
                                             : ECH_OUTER_FAILURE_PROTOCOL);
}

/* ---- from the network ---- */

static enum ech_alert dispatch(struct ech_tls13 *x, const struct ech_received *received)
{
    return x->phase == ECH_TLS13_SERVER_HELLO ? ech_tls13_take_hello(x, received)
                                              : ech_tls13_take_message(x, received);
}

/* The handshake messages that a fragment completes. */
static enum ech_alert take_fragment(struct ech_tls13 *x, struct bytes fragment)
{
    enum ech_alert alert = ECH_ALERT_NONE;
    /* RFC 8446, 5.1: no empty fragments of the handshake type. */
    if (fragment.len == 0) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    wr_bytes(&x->assembled, fragment);
    while (alert == ECH_ALERT_NONE && x->facts.verdict == ECH_OUTER_PENDING) {
        struct ech_received received;
        bool whole = false;
        alert = ech_tls13_check(x, wr_finish(&x->assembled));
        if (alert == ECH_ALERT_NONE) {
            alert = ech_received_next(&x->assembled, &received, &whole);
        }
        if (alert != ECH_ALERT_NONE || !whole) {
            break;
        }
        alert = dispatch(x, &received);
        wr_consume(&x->assembled, received.message.len);
    }
    return alert;
}

/* Whatever the alert says, the server does not go on. One in the clear is not authenticated, but we
 * conclude nothing from any alert. */
static enum ech_alert take_alert(struct ech_tls13 *x, struct bytes content)
{
    struct reader r = rd_of(content);
    uint8_t level;
    if (!rd_u8(&r, &level) || !rd_u8(&r, &x->facts.server_alert) || !rd_done(&r)) {
        return ECH_ALERT_DECODE_ERROR;
    }
    end(x, ECH_OUTER_FAILURE_ALERT);
    return ECH_ALERT_NONE;
}

static enum ech_alert take_content(struct ech_tls13 *x, uint8_t type, struct bytes content)
{
    if (type == ECH_RECORD_HANDSHAKE) {
        return take_fragment(x, content);
    }
    /* RFC 8446, 5.1: nothing comes between the pieces of a message. */
    if (type == ECH_RECORD_ALERT && wr_view(&x->assembled).len == 0) {
        return take_alert(x, content);
    }
    return ECH_ALERT_UNEXPECTED_MESSAGE;
}

static bool change_cipher_spec_allowed(struct ech_tls13 *x, const struct ech_record *record)
{
    return wr_view(&x->assembled).len == 0 && ech_is_change_cipher_spec(record) &&
           ++x->change_cipher_specs <= ECH_CHANGE_CIPHER_SPEC_MAX;
}

static enum ech_alert take_record(struct ech_tls13 *x, const struct ech_record *record)
{
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
    enum ech_alert alert = ech_tls13_unprotect(&x->from_server, record, &x->opened, &plaintext);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    return take_content(x, plaintext.type, plaintext.content);
}

static enum ech_alert alert_for_record(struct ech_tls13 *x, enum ech_status status)
{
    switch (status) {
    case ECH_ERR_DECODE:
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    case ECH_ERR_SPACE:
        return ECH_ALERT_RECORD_OVERFLOW;
    default:
        return ech_tls13_check(x, status);
    }
}

enum ech_outer_verdict ech_tls13_from_net(struct ech_tls13 *handshake, struct bytes in)
{
    struct ech_tls13 *x = handshake;
    struct reader r = rd_of(in);
    while (x->facts.verdict == ECH_OUTER_PENDING && !rd_done(&r)) {
        struct ech_record record;
        bool whole;
        enum ech_alert alert =
            alert_for_record(x, ech_record_take(&x->records, &r, &record, &whole));
        if (alert == ECH_ALERT_NONE && whole) {
            alert = take_record(x, &record);
            ech_record_drop(&x->records);
        }
        if (alert == ECH_ALERT_NONE) {
            alert = ech_tls13_check(x, wr_finish(&x->to_net));
        }
        if (alert != ECH_ALERT_NONE) {
            fail(x, alert);
        }
    }
    if (x->facts.verdict != ECH_OUTER_PENDING) {
        drop_handshake(x);
    }
    return x->facts.verdict;
}

enum ech_outer_verdict ech_tls13_closed(struct ech_tls13 *handshake)
{
    if (handshake->facts.verdict == ECH_OUTER_PENDING) {
        end(handshake, ECH_OUTER_FAILURE_CLOSED);
        drop_handshake(handshake);
    }
    return handshake->facts.verdict;
}

size_t ech_tls13_net_wanted(const struct ech_tls13 *handshake)
{
    return handshake->facts.verdict == ECH_OUTER_PENDING ? ech_record_wanted(&handshake->records)
                                                         : 0;
}

/* ---- what the caller can ask ---- */

struct bytes ech_tls13_to_net(const struct ech_tls13 *handshake)
{
    return wr_view(&handshake->to_net);
}

void ech_tls13_net_took(struct ech_tls13 *handshake, size_t octets)
{
    wr_consume(&handshake->to_net, octets);
}

void ech_tls13_get_facts(const struct ech_tls13 *handshake, struct ech_outer_facts *facts)
{
    *facts = handshake->facts;
    facts->retry_configs = handshake->facts.verdict == ECH_OUTER_RETRY_CONFIGS
                               ? wr_view(&handshake->retry_configs)
                               : bytes_of(NULL, 0);
}
