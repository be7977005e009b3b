/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * After a rejection: the outer handshake, of which the application sees nothing, and the caller's
 * answers to its outcome (RFC 9849, 6.1.6).
 */
#include "ech/exchange_state.h"
#include "ech/probe.h"
#include "ech/tls13_messages.h"

static enum ech_failure failure_of(enum ech_outer_failure failure)
{
    switch (failure) {
    case ECH_OUTER_FAILURE_ALERT:
        return ECH_FAILURE_OUTER_ALERT;
    case ECH_OUTER_FAILURE_PROTOCOL:
        return ECH_FAILURE_OUTER_PROTOCOL;
    case ECH_OUTER_FAILURE_CERTIFICATE:
        return ECH_FAILURE_OUTER_CERTIFICATE;
    case ECH_OUTER_FAILURE_SUITE:
        return ECH_FAILURE_OUTER_SUITE;
    case ECH_OUTER_FAILURE_VERSION:
        return ECH_FAILURE_TLS12;
    case ECH_OUTER_FAILURE_CLOSED:
        return ECH_FAILURE_OUTER_CLOSED;
    default:
        return ECH_FAILURE_INTERNAL;
    }
}

/* This outer handshake cannot be finished. A probe offers only groups that the engine supports, and
 * no compression of certificates. */
static enum ech_event ask_by_probe(struct ech_exchange *x)
{
    ech_outer_free(x->outer);
    x->outer = NULL;
    x->phase = ECH_PHASE_REJECTED;
    return ECH_EVENT_REJECTED;
}

/* Moves the outer handshake's output into the exchange's. */
static enum ech_event advance(struct ech_exchange *x, enum ech_outer_verdict verdict)
{
    struct ech_outer_facts facts;
    struct bytes out = ech_outer_to_net(x->outer);
    wr_bytes(&x->to_net, out);
    ech_outer_net_took(x->outer, out.len);
    switch (verdict) {
    case ECH_OUTER_PENDING:
        return ECH_EVENT_NONE;
    case ECH_OUTER_RETRY_CONFIGS:
    case ECH_OUTER_DISABLED:
        x->phase = ECH_PHASE_REJECTED;
        return ECH_EVENT_REJECTED;
    default:
        /* Its alert is queued already, encrypted if there are keys. */
        ech_outer_get_facts(x->outer, &facts);
        if (facts.failure == ECH_OUTER_FAILURE_GROUP ||
            facts.failure == ECH_OUTER_FAILURE_COMPRESSION) {
            return ask_by_probe(x);
        }
        return ech_exchange_fail(x, failure_of(facts.failure), ECH_ALERT_NONE);
    }
}

/* Does this answer of TLS 1.3 break a rule? Then the outer handshake ends with the right alert,
 * whatever keys it has. */
static bool breaks_a_rule(const struct ech_exchange *x, const struct ech_server_hello *answer)
{
    struct ech_client_hello outer;
    struct ech_tls13_retry retry;
    struct ech_key_share_entry share;
    if (ech_client_hello_parse(wr_view(&x->outer_hello), &outer) != ECH_OK) {
        return false;
    }
    enum ech_alert alert = answer->is_hello_retry_request
                               ? ech_tls13_retry_read(answer, &outer, &retry)
                               : ech_tls13_server_hello_read(answer, &outer, &share);
    return alert != ECH_ALERT_NONE;
}

/*
 * Can the outer handshake be finished on this connection? TLS 1.2 does not use the key_share. Of a
 * share that is only copied no key is known, but after a HelloRetryRequest that names a group there
 * is one of the engine's.
 */
static bool can_finish(const struct ech_exchange *x, const struct ech_server_hello *answer)
{
    static const struct ech_program_keys none = {.have = NULL};
    const struct ech_program_keys *keys =
        x->offer.share == ECH_OUTER_SHARE_PROGRAM ? &x->options.program_keys : &none;
    struct ech_client_hello inner;
    return !answer->has_supported_versions || x->offer.share == ECH_OUTER_SHARE_OWN ||
           breaks_a_rule(x, answer) ||
           ech_program_keys_suffice(keys, ech_exchange_inner(x, &inner), answer);
}

enum ech_event ech_exchange_begin_outer(struct ech_exchange *x,
                                        const struct ech_server_hello *answer)
{
    static const struct ech_own_key_shares none = {.count = 0};
    uint16_t version = answer->has_supported_versions ? ECH_TLS13 : ECH_TLS12;
    x->facts.state = ECH_STATE_REJECTED;
    if (x->options.verifier.verify_chain == NULL) {
        return ech_exchange_fail(x, version == ECH_TLS12 ? ECH_FAILURE_TLS12 : ECH_FAILURE_REJECTED,
                                 ECH_ALERT_NONE);
    }
    if (!can_finish(x, answer)) {
        return ask_by_probe(x);
    }
    struct ech_outer_start start = {
        .client_hello_outer = wr_view(&x->outer_hello),
        .own = x->offer.own != NULL ? x->offer.own : &none,
        .program_keys = x->options.program_keys,
        .public_name = bytes_of(x->offer.public_name, x->offer.public_name_length),
        .change_cipher_spec_sent = x->app_change_cipher_specs > 0,
        .random = x->options.random,
        .verifier = x->options.verifier,
        .decompressor = x->options.decompressor,
    };
    if (ech_outer_new(&x->outer, version, &start) != ECH_OK) {
        return ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    }
    x->phase = ECH_PHASE_OUTER;
    enum ech_outer_verdict verdict = ech_outer_from_net(x->outer, wr_view(&x->net_held));
    return advance(x, verdict);
}

enum ech_event ech_exchange_feed_outer(struct ech_exchange *x, struct bytes in)
{
    return advance(x, ech_outer_from_net(x->outer, in));
}

enum ech_event ech_exchange_close_outer(struct ech_exchange *x)
{
    return advance(x, ech_outer_closed(x->outer));
}

void ech_exchange_rejection(const struct ech_exchange *exchange, struct ech_rejection *rejection)
{
    *rejection = (struct ech_rejection){.disabled = false};
    if (exchange->phase == ECH_PHASE_REJECTED && exchange->outer == NULL) {
        rejection->probe = true;
    } else if (exchange->phase == ECH_PHASE_REJECTED) {
        struct ech_outer_facts facts;
        ech_outer_get_facts(exchange->outer, &facts);
        rejection->disabled = facts.verdict == ECH_OUTER_DISABLED;
        rejection->tls12 = ech_outer_version(exchange->outer) == ECH_TLS12;
        rejection->retry_configs = facts.retry_configs;
    }
}

enum ech_status ech_exchange_probe_hello(const struct ech_exchange *exchange,
                                         struct writer *message)
{
    struct ech_client_hello inner;
    return ech_probe_hello(
        ech_exchange_inner(exchange, &inner),
        bytes_of(exchange->offer.public_name, exchange->offer.public_name_length),
        &exchange->options.random, message);
}

/* ---- the caller's answers to ECH_EVENT_REJECTED ---- */

/* Only what the application wrote survives the first connection (RFC 9849, 6.1.7). */
static void begin_again(struct ech_exchange *x)
{
    ech_outer_free(x->outer);
    x->outer = NULL;
    ech_offer_wipe(&x->offer);
    ech_record_reader_wipe(&x->net_records);
    wr_wipe(&x->net_message);
    wr_wipe(&x->net_held);
    wr_wipe(&x->outer_hello);
    wr_wipe(&x->to_net);
    wr_wipe(&x->to_app);
    x->net_change_cipher_specs = 0;
    x->net_warned = false;
}

enum ech_event ech_exchange_retry(struct ech_exchange *exchange,
                                  const struct ech_config_choice *choice)
{
    if (exchange->phase != ECH_PHASE_REJECTED) {
        return ECH_EVENT_NONE;
    }
    begin_again(exchange);
    exchange->facts.retries++;
    exchange->facts.hello_retry_request = false;
    enum ech_event event = ech_exchange_send_offer(exchange, choice);
    if (event == ECH_EVENT_NONE) {
        /* Early data again: the first server could not read it, since it had no key (RFC 8446,
         * 4.2.10). */
        wr_bytes(&exchange->to_net, wr_view(&exchange->app_since));
    }
    return ech_exchange_check_queues(exchange, event);
}

enum ech_event ech_exchange_disable(struct ech_exchange *exchange)
{
    if (exchange->phase != ECH_PHASE_REJECTED) {
        return ECH_EVENT_NONE;
    }
    begin_again(exchange);
    ech_records_write(&exchange->to_net, exchange->app_version, wr_view(&exchange->first_inner));
    wr_bytes(&exchange->to_net, wr_view(&exchange->app_since));
    /* A record that the application has begun is sent too. */
    wr_bytes(&exchange->to_net, wr_view(&exchange->app_records.raw));
    ech_exchange_drop_handshake(exchange);
    exchange->phase = ECH_PHASE_PASSING;
    exchange->facts.state = ECH_STATE_NONE;
    return ech_exchange_check_queues(exchange, ECH_EVENT_NONE);
}

enum ech_event ech_exchange_give_up(struct ech_exchange *exchange)
{
    if (exchange->phase != ECH_PHASE_REJECTED) {
        return ECH_EVENT_NONE;
    }
    return ech_exchange_fail(exchange, ECH_FAILURE_REJECTED, ECH_ALERT_NONE);
}
