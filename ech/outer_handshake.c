/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/outer_handshake.h"

#include <stdlib.h>

#include "ech/outer_state.h"
#include "ech/tls12_handshake.h"
#include "ech/tls13_handshake.h"

/* Enough for the decrypted certificates and everything else. */
enum { TRANSCRIPT_MAX = 1 << 19 };

/* ---- start and free ---- */

/* Wipes all secrets and all that only the handshake needs. */
static void drop_handshake(struct ech_outer_handshake *outer)
{
    outer->protocol->drop(outer);
    ech_record_reader_wipe(&outer->records);
    wr_wipe(&outer->opened);
    wr_wipe(&outer->assembled);
    wr_wipe(&outer->transcript);
    wr_wipe(&outer->leaf);
}

static enum ech_status fill_in(struct ech_outer_handshake *outer,
                               const struct ech_outer_start *start)
{
    struct reader public_name = rd_of(start->public_name);
    outer->random = start->random;
    outer->verifier = start->verifier;
    outer->public_name_length = public_name.len;
    if (public_name.len > sizeof outer->public_name ||
        !rd_copy(&public_name, outer->public_name, public_name.len)) {
        return ECH_ERR_SPACE;
    }
    wr_bytes(&outer->client_hello, start->client_hello_outer);
    wr_bytes(&outer->transcript, start->client_hello_outer);
    if (wr_finish(&outer->client_hello) != ECH_OK || wr_finish(&outer->transcript) != ECH_OK) {
        return ECH_ERR_NOMEM;
    }
    return ech_client_hello_parse(wr_view(&outer->client_hello), &outer->hello);
}

enum ech_status ech_outer_new(struct ech_outer_handshake **handshake, uint16_t version,
                              const struct ech_outer_start *start)
{
    const struct ech_outer_protocol *protocol =
        version == ECH_TLS12 ? &ech_tls12_protocol : &ech_tls13_protocol;
    struct ech_outer_handshake *outer = calloc(1, protocol->size);
    *handshake = outer;
    if (outer == NULL) {
        return ECH_ERR_NOMEM;
    }
    outer->protocol = protocol;
    ech_record_reader_init(&outer->records);
    wr_init(&outer->client_hello, 0);
    wr_init(&outer->opened, 0);
    wr_init(&outer->assembled, ECH_HANDSHAKE_HEADER + ECH_MESSAGE_MAX + ECH_RECORD_PLAINTEXT_MAX);
    wr_init(&outer->transcript, TRANSCRIPT_MAX);
    wr_init(&outer->leaf, 0);
    wr_init(&outer->retry_configs, 0);
    wr_init(&outer->to_net, 0);
    enum ech_status status = fill_in(outer, start);
    protocol->begin(outer, start);
    if (status != ECH_OK) {
        ech_outer_free(outer);
        *handshake = NULL;
    }
    return status;
}

void ech_outer_free(struct ech_outer_handshake *handshake)
{
    if (handshake == NULL) {
        return;
    }
    drop_handshake(handshake);
    wr_free(&handshake->client_hello);
    wr_free(&handshake->retry_configs);
    wr_free(&handshake->to_net);
    ech_wipe(handshake, handshake->protocol->size);
    free(handshake);
}

/* ---- from the network ---- */

static void fail(struct ech_outer_handshake *outer, enum ech_alert alert)
{
    outer->facts.alert = alert;
    if (outer->protocol->send_alert(outer, alert) != ECH_OK) {
        outer->facts.failure = ECH_OUTER_FAILURE_INTERNAL;
    }
    ech_outer_end(outer, alert == ECH_ALERT_INTERNAL_ERROR ? ECH_OUTER_FAILURE_INTERNAL
                                                           : ECH_OUTER_FAILURE_PROTOCOL);
}

static enum ech_alert alert_for_record(struct ech_outer_handshake *outer, enum ech_status status)
{
    switch (status) {
    case ECH_ERR_DECODE:
        return ECH_ALERT_UNEXPECTED_MESSAGE;
    case ECH_ERR_SPACE:
        return ECH_ALERT_RECORD_OVERFLOW;
    default:
        return ech_outer_check(outer, status);
    }
}

enum ech_outer_verdict ech_outer_from_net(struct ech_outer_handshake *handshake, struct bytes in)
{
    struct reader r = rd_of(in);
    while (handshake->facts.verdict == ECH_OUTER_PENDING && !rd_done(&r)) {
        struct ech_record record;
        bool whole;
        enum ech_alert alert =
            alert_for_record(handshake, ech_record_take(&handshake->records, &r, &record, &whole));
        if (alert == ECH_ALERT_NONE && whole) {
            alert = handshake->protocol->take_record(handshake, &record);
            ech_record_drop(&handshake->records);
        }
        if (alert == ECH_ALERT_NONE) {
            alert = ech_outer_check(handshake, wr_finish(&handshake->to_net));
        }
        if (alert != ECH_ALERT_NONE) {
            fail(handshake, alert);
        }
    }
    if (handshake->facts.verdict != ECH_OUTER_PENDING) {
        drop_handshake(handshake);
    }
    return handshake->facts.verdict;
}

enum ech_outer_verdict ech_outer_closed(struct ech_outer_handshake *handshake)
{
    if (handshake->facts.verdict == ECH_OUTER_PENDING) {
        ech_outer_end(handshake, ECH_OUTER_FAILURE_CLOSED);
        drop_handshake(handshake);
    }
    return handshake->facts.verdict;
}

size_t ech_outer_net_wanted(const struct ech_outer_handshake *handshake)
{
    return handshake->facts.verdict == ECH_OUTER_PENDING ? ech_record_wanted(&handshake->records)
                                                         : 0;
}

/* ---- what the caller can ask ---- */

uint16_t ech_outer_version(const struct ech_outer_handshake *handshake)
{
    return handshake->protocol->version;
}

struct bytes ech_outer_to_net(const struct ech_outer_handshake *handshake)
{
    return wr_view(&handshake->to_net);
}

void ech_outer_net_took(struct ech_outer_handshake *handshake, size_t octets)
{
    wr_consume(&handshake->to_net, octets);
}

void ech_outer_get_facts(const struct ech_outer_handshake *handshake, struct ech_outer_facts *facts)
{
    *facts = handshake->facts;
    facts->retry_configs = handshake->facts.verdict == ECH_OUTER_RETRY_CONFIGS
                               ? wr_view(&handshake->retry_configs)
                               : bytes_of(NULL, 0);
}
