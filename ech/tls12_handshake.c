/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/tls12_handshake.h"

#include <stdlib.h>

#include "ech/tls12_state.h"

/* Enough for the certificates and everything else. */
enum { TRANSCRIPT_MAX = 1 << 19 };
/* More warnings than this are no handshake. */
enum { WARNINGS_MAX = 4 };
enum { ALERT_CLOSE_NOTIFY = 0 };

/* ---- start and free ---- */

/* Wipes all secrets and all that only the handshake needs. */
static void drop_handshake(struct ech_tls12 *x)
{
    ech_wipe(x->premaster, sizeof x->premaster);
    ech_wipe(x->master, sizeof x->master);
    ech_tls12_protection_wipe(&x->from_server);
    ech_tls12_protection_wipe(&x->to_server);
    ech_record_reader_wipe(&x->records);
    wr_wipe(&x->opened);
    wr_wipe(&x->assembled);
    wr_wipe(&x->transcript);
    wr_wipe(&x->leaf);
    wr_wipe(&x->client_key_exchange);
}

static enum ech_status fill_in(struct ech_tls12 *x, const struct ech_outer_start *start)
{
    struct reader public_name = rd_of(start->public_name);
    x->random = start->random;
    x->verifier = start->verifier;
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
    return ech_client_hello_parse(wr_view(&x->client_hello), &x->hello);
}

enum ech_status ech_tls12_new(struct ech_tls12 **handshake, const struct ech_outer_start *start)
{
    struct ech_tls12 *x = calloc(1, sizeof *x);
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
    wr_init(&x->client_key_exchange, 0);
    wr_init(&x->to_net, 0);
    enum ech_status status = fill_in(x, start);
    if (status != ECH_OK) {
        ech_tls12_free(x);
        *handshake = NULL;
    }
    return status;
}

void ech_tls12_free(struct ech_tls12 *handshake)
{
    if (handshake == NULL) {
        return;
    }
    drop_handshake(handshake);
    wr_free(&handshake->client_hello);
    wr_free(&handshake->to_net);
    ech_wipe(handshake, sizeof *handshake);
    free(handshake);
}

/* ---- how the handshake ends ---- */

static void end(struct ech_tls12 *x, enum ech_outer_failure failure)
{
    x->facts.verdict = ECH_OUTER_FAILED;
    if (x->facts.failure == ECH_OUTER_FAILURE_NONE) {
        x->facts.failure = failure;
    }
}

/* In a form that the server can read: protected once our change_cipher_spec is out. */
static void write_alert(struct ech_tls12 *x, enum ech_alert alert)
{
    const uint8_t octets[] = {ECH_ALERT_LEVEL_FATAL, (uint8_t)alert};
    if (!x->sends_protected) {
        ech_alert_write(&x->to_net, alert);
    } else if (ech_tls12_protect(&x->to_server, &x->random, ECH_RECORD_ALERT,
                                 bytes_of(octets, sizeof octets), &x->to_net) != ECH_OK) {
        x->facts.failure = ECH_OUTER_FAILURE_INTERNAL;
    }
}

static void fail(struct ech_tls12 *x, enum ech_alert alert)
{
    x->facts.alert = alert;
    write_alert(x, alert);
    end(x, alert == ECH_ALERT_INTERNAL_ERROR ? ECH_OUTER_FAILURE_INTERNAL
                                             : ECH_OUTER_FAILURE_PROTOCOL);
}

/* ---- from the network ---- */

/* The handshake messages that a fragment completes. */
static enum ech_alert take_fragment(struct ech_tls12 *x, struct bytes fragment)
{
    enum ech_alert alert = ECH_ALERT_NONE;
    /* RFC 5246, 6.2.1: no empty fragments of the handshake type. */
    if (fragment.len == 0) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    wr_bytes(&x->assembled, fragment);
    while (alert == ECH_ALERT_NONE && x->facts.verdict == ECH_OUTER_PENDING) {
        struct ech_received received;
        bool whole = false;
        alert = ech_tls12_check(x, wr_finish(&x->assembled));
        if (alert == ECH_ALERT_NONE) {
            alert = ech_received_next(&x->assembled, &received, &whole);
        }
        if (alert != ECH_ALERT_NONE || !whole) {
            break;
        }
        alert = ech_tls12_take_message(x, &received);
        wr_consume(&x->assembled, received.message.len);
    }
    return alert;
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
    x->facts.server_alert = description;
    end(x, ECH_OUTER_FAILURE_ALERT);
    return ECH_ALERT_NONE;
}

/* From here on the server's records are protected. Only at this place: an earlier one would take
 * keys that are not there yet. */
static enum ech_alert take_change_cipher_spec(struct ech_tls12 *x, const struct ech_record *record)
{
    if (x->phase != ECH_TLS12_CHANGE_CIPHER_SPEC || wr_view(&x->assembled).len > 0 ||
        !ech_is_change_cipher_spec(record)) {
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    }
    x->phase = ECH_TLS12_FINISHED;
    return ECH_ALERT_NONE;
}

static enum ech_alert take_record(struct ech_tls12 *x, const struct ech_record *record)
{
    struct bytes content = record->fragment;
    enum ech_alert alert = ECH_ALERT_NONE;
    if (record->type == ECH_RECORD_CHANGE_CIPHER_SPEC) {
        return take_change_cipher_spec(x, record);
    }
    if (x->phase == ECH_TLS12_FINISHED) {
        alert = ech_tls12_unprotect(&x->from_server, record, &x->opened, &content);
    }
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    if (record->type == ECH_RECORD_HANDSHAKE) {
        return take_fragment(x, content);
    }
    return record->type == ECH_RECORD_ALERT ? take_alert(x, content) : ECH_ALERT_UNEXPECTED_MESSAGE;
}

static enum ech_alert alert_for_record(struct ech_tls12 *x, enum ech_status status)
{
    switch (status) {
    case ECH_ERR_DECODE:
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    case ECH_ERR_SPACE:
        return ECH_ALERT_RECORD_OVERFLOW;
    default:
        return ech_tls12_check(x, status);
    }
}

enum ech_outer_verdict ech_tls12_from_net(struct ech_tls12 *handshake, struct bytes in)
{
    struct ech_tls12 *x = handshake;
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
            alert = ech_tls12_check(x, wr_finish(&x->to_net));
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

enum ech_outer_verdict ech_tls12_closed(struct ech_tls12 *handshake)
{
    if (handshake->facts.verdict == ECH_OUTER_PENDING) {
        end(handshake, ECH_OUTER_FAILURE_CLOSED);
        drop_handshake(handshake);
    }
    return handshake->facts.verdict;
}

size_t ech_tls12_net_wanted(const struct ech_tls12 *handshake)
{
    return handshake->facts.verdict == ECH_OUTER_PENDING ? ech_record_wanted(&handshake->records)
                                                         : 0;
}

/* ---- what the caller can ask ---- */

struct bytes ech_tls12_to_net(const struct ech_tls12 *handshake)
{
    return wr_view(&handshake->to_net);
}

void ech_tls12_net_took(struct ech_tls12 *handshake, size_t octets)
{
    wr_consume(&handshake->to_net, octets);
}

void ech_tls12_get_facts(const struct ech_tls12 *handshake, struct ech_outer_facts *facts)
{
    *facts = handshake->facts;
}
