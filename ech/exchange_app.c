/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/exchange_state.h"

/* The whole hello in app_message becomes ClientHelloInner. `made` gets what a library with an ECH
 * client of its own has made. */
static enum ech_status take_inner(struct ech_exchange *x, struct ech_library_hello *made,
                                  struct writer *inner)
{
    if (!x->has_local_config) {
        wr_move(inner, &x->app_message);
        return ECH_OK;
    }
    if (x->client_facing == NULL) {
        return ECH_ERR_ILLEGAL;
    }
    wr_move(&made->outer, &x->app_message);
    enum ech_status status = ech_client_facing_open(x->client_facing, wr_view(&made->outer),
                                                    &made->encoded, &made->sealed_to, inner);
    /* ECH_ERR_CRYPTO is the hello's fault here: it was not sealed to our key. */
    return status == ECH_ERR_CRYPTO ? ECH_ERR_ILLEGAL : status;
}

static enum ech_event first_hello(struct ech_exchange *x)
{
    struct bytes host_name;
    struct ech_client_hello inner;
    enum ech_status status = take_inner(x, &x->first_made, &x->first_inner);
    if (status == ECH_OK) {
        status = ech_client_hello_parse(wr_view(&x->first_inner), &inner);
    }
    if (status == ECH_OK) {
        status = ech_inner_check(&inner);
    }
    if (status == ECH_OK) {
        status = ech_client_hello_server_name(&inner, &host_name);
    }
    if (status != ECH_OK) {
        return ech_exchange_fail_by(x, status, ECH_FAILURE_INNER, ECH_ALERT_INTERNAL_ERROR);
    }
    if (host_name.len > ECH_HOST_NAME_MAX) {
        return ech_exchange_fail(x, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    }
    x->server_name_length = host_name.len;
    x->server_name_at =
        host_name.len > 0 ? (size_t)(host_name.data - wr_view(&x->first_inner).data) : 0;
    struct reader random = rd_of(inner.random);
    if (!rd_copy(&random, x->facts.inner_random, sizeof x->facts.inner_random)) {
        return ech_exchange_fail(x, ECH_FAILURE_INNER, ECH_ALERT_NONE);
    }
    x->facts.hello_bytes_inner = inner.message.len;
    x->phase = ECH_PHASE_CONFIG;
    return ECH_EVENT_NEED_CONFIG;
}

static enum ech_event second_hello(struct ech_exchange *x)
{
    struct ech_client_hello first;
    struct ech_client_hello second;
    struct ech_library_hello made;
    struct writer outer;
    ech_library_hello_init(&made);
    wr_init(&outer, ECH_HELLO_MAX);
    enum ech_status status = take_inner(x, &made, &x->second_inner);
    if (status == ECH_OK) {
        status = ech_client_hello_parse(wr_view(&x->second_inner), &second);
    }
    if (status == ECH_OK) {
        status = ech_inner_check_second(ech_exchange_inner(x, &first), &second);
    }
    enum ech_failure failure = status == ECH_OK ? ECH_FAILURE_TOO_LARGE : ECH_FAILURE_INNER;
    if (status == ECH_OK) {
        status = ech_offer_second(&x->offer, &second, &made, &x->options, &outer);
    }
    if (status == ECH_OK) {
        ech_records_write(&x->to_net, x->app_version, wr_view(&outer));
        x->phase = ECH_PHASE_SECOND_ANSWER;
    }
    wr_free(&outer);
    ech_library_hello_wipe(&made);
    return status == ECH_OK ? ECH_EVENT_NONE
                            : ech_exchange_fail_by(x, status, failure, ECH_ALERT_INTERNAL_ERROR);
}

/* The application's handshake messages reach the network only sealed. */
static enum ech_event app_handshake(struct ech_exchange *x, const struct ech_record *record)
{
    struct bytes message;
    if (x->phase != ECH_PHASE_FIRST_HELLO && x->phase != ECH_PHASE_SECOND_HELLO) {
        return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_INTERNAL_ERROR);
    }
    if (wr_view(&x->app_message).len == 0) {
        x->app_version = record->version;
    }
    switch (ech_handshake_add(&x->app_message, record->fragment, ECH_HANDSHAKE_CLIENT_HELLO,
                              &message)) {
    case ECH_ASSEMBLY_MORE:
        return ECH_EVENT_NONE;
    case ECH_ASSEMBLY_WHOLE:
        return x->phase == ECH_PHASE_FIRST_HELLO ? first_hello(x) : second_hello(x);
    case ECH_ASSEMBLY_NO_MEMORY:
        return ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    default:
        return ech_exchange_fail(x, ECH_FAILURE_INNER, ECH_ALERT_INTERNAL_ERROR);
    }
}

/* What may pass besides hellos: an alert at any time; change_cipher_spec of compatibility mode and
 * early data once the first hello is out. */
static bool app_may_pass(struct ech_exchange *x, const struct ech_record *record)
{
    struct ech_client_hello room;
    switch (record->type) {
    case ECH_RECORD_ALERT:
        return record->fragment.len == 2;
    case ECH_RECORD_CHANGE_CIPHER_SPEC:
        return x->phase != ECH_PHASE_FIRST_HELLO && ech_is_change_cipher_spec(record) &&
               ++x->app_change_cipher_specs <= ECH_CHANGE_CIPHER_SPEC_MAX;
    case ECH_RECORD_APPLICATION_DATA:
        return (x->phase == ECH_PHASE_FIRST_ANSWER || x->phase == ECH_PHASE_SECOND_HELLO ||
                x->phase == ECH_PHASE_OUTER || x->phase == ECH_PHASE_REJECTED) &&
               ech_client_hello_find(ech_exchange_inner(x, &room), ECH_EXT_EARLY_DATA) != NULL;
    default:
        return false;
    }
}

static enum ech_event app_record(struct ech_exchange *x, const struct ech_record *record)
{
    if (record->type == ECH_RECORD_HANDSHAKE) {
        return app_handshake(x, record);
    }
    /* Nothing passes between the pieces of a withheld hello (nor does RFC 8446, 5.1 allow it). */
    if (wr_view(&x->app_message).len > 0 || !app_may_pass(x, record)) {
        return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_INTERNAL_ERROR);
    }
    if (x->phase != ECH_PHASE_OUTER && x->phase != ECH_PHASE_REJECTED) {
        wr_bytes(&x->to_net, record->raw);
    }
    if (x->phase != ECH_PHASE_SECOND_HELLO && x->phase != ECH_PHASE_SECOND_ANSWER) {
        wr_bytes(&x->app_since, record->raw);
    }
    return ECH_EVENT_NONE;
}

/* Reads until the octets are used up, or until an event that the caller must hear of. */
static enum ech_event feed_app(struct ech_exchange *x, struct reader *in)
{
    enum ech_event event = ECH_EVENT_NONE;
    while (event == ECH_EVENT_NONE && !rd_done(in)) {
        struct ech_record record;
        bool whole;
        enum ech_status status = ech_record_take(&x->app_records, in, &record, &whole);
        if (status != ECH_OK) {
            return ech_exchange_fail_by(x, status, ECH_FAILURE_UNEXPECTED,
                                        ECH_ALERT_INTERNAL_ERROR);
        }
        if (!whole) {
            break;
        }
        event = app_record(x, &record);
        ech_record_drop(&x->app_records);
    }
    return event;
}

enum ech_event ech_exchange_from_app(struct ech_exchange *exchange, struct bytes in)
{
    struct reader r = rd_of(in);
    enum ech_event event = ECH_EVENT_NONE;
    switch (exchange->phase) {
    case ECH_PHASE_FAILED:
        return ECH_EVENT_NONE;
    case ECH_PHASE_PASSING:
        wr_bytes(&exchange->to_net, in);
        break;
    case ECH_PHASE_CONFIG:
        wr_bytes(&exchange->app_early, in);
        break;
    default:
        event = feed_app(exchange, &r);
        if (event == ECH_EVENT_NEED_CONFIG) {
            wr_bytes(&exchange->app_early, rd_rest(&r));
        }
        break;
    }
    return ech_exchange_check_queues(exchange, event);
}

/* ---- the caller's answers to ECH_EVENT_NEED_CONFIG ---- */

enum ech_event ech_exchange_send_offer(struct ech_exchange *x,
                                       const struct ech_config_choice *choice)
{
    struct ech_client_hello room;
    const struct ech_client_hello *inner = ech_exchange_inner(x, &room);
    enum ech_status status =
        ech_offer_first(&x->offer, inner, &x->first_made, choice, &x->options, &x->outer_hello);
    wr_wipe(&x->first_made.sealed_to); /* what was sealed serves once */
    if (status == ECH_OK) {
        struct reader random = rd_of(bytes_of(x->offer.random, sizeof x->offer.random));
        x->facts.state = ECH_STATE_OFFERED;
        x->facts.shared_key_share = x->offer.share != ECH_OUTER_SHARE_OWN;
        x->facts.hello_bytes_outer = wr_view(&x->outer_hello).len;
        if (!rd_copy(&random, x->facts.outer_random, sizeof x->facts.outer_random)) {
            status = ECH_ERR_SPACE;
        }
        ech_records_write(&x->to_net,
                          ech_ordinary_record_version(&x->options.ordinary, inner, x->app_version),
                          wr_view(&x->outer_hello));
        x->phase = ECH_PHASE_FIRST_ANSWER;
    }
    if (status == ECH_ERR_SPACE) {
        return ech_exchange_fail(x, ECH_FAILURE_TOO_LARGE, ECH_ALERT_NONE);
    }
    return status == ECH_OK ? ECH_EVENT_NONE
                            : ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_NONE);
}

enum ech_event ech_exchange_offer(struct ech_exchange *exchange,
                                  const struct ech_config_choice *choice)
{
    if (exchange->phase != ECH_PHASE_CONFIG) {
        return ECH_EVENT_NONE;
    }
    enum ech_event event = ech_exchange_send_offer(exchange, choice);
    if (event == ECH_EVENT_NONE) {
        struct writer early;
        wr_init(&early, exchange->app_early.max);
        wr_move(&early, &exchange->app_early);
        struct reader r = rd_of(wr_view(&early));
        event = feed_app(exchange, &r);
        wr_wipe(&early);
    }
    return ech_exchange_check_queues(exchange, event);
}

enum ech_event ech_exchange_refuse(struct ech_exchange *exchange)
{
    if (exchange->phase != ECH_PHASE_CONFIG) {
        return ECH_EVENT_NONE;
    }
    return ech_exchange_fail(exchange, ECH_FAILURE_REFUSED, ECH_ALERT_NONE);
}
