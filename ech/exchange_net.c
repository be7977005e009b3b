/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/exchange_state.h"
#include "ech/tls12_messages.h"

/* Level and description. */
enum { ALERT_SIZE = 2 };

/* Passes octets of the server to the application, unchanged and in order. */
static void release_held(struct ech_exchange *x)
{
    wr_move(&x->to_app, &x->net_held);
    wr_wipe(&x->net_message);
}

/*
 * From here on octets pass through. A record that the application has begun is sent if it is early
 * data; a handshake record in the clear is not allowed any more.
 */
static enum ech_event accepted(struct ech_exchange *x)
{
    struct reader begun = rd_of(wr_view(&x->app_records.raw));
    uint8_t type;
    if (rd_u8(&begun, &type) && type == ECH_RECORD_HANDSHAKE) {
        return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    }
    release_held(x);
    wr_bytes(&x->to_net, wr_view(&x->app_records.raw));
    ech_exchange_drop_handshake(x);
    ech_offer_wipe(&x->offer);
    x->phase = ECH_PHASE_PASSING;
    x->facts.state = ECH_STATE_ACCEPTED;
    return ECH_EVENT_ACCEPTED;
}

/* RFC 9849, 6.1.5: the application answers the HelloRetryRequest with its second ClientHelloInner.
 */
static enum ech_event retry_accepted(struct ech_exchange *x, const struct ech_server_hello *hello)
{
    wr_bytes(&x->retry_request, hello->message);
    x->retry_cipher_suite = hello->cipher_suite;
    release_held(x);
    /* An outer handshake is no longer possible. */
    ech_offer_drop_own_shares(&x->offer);
    wr_wipe(&x->app_since);
    x->phase = ECH_PHASE_SECOND_HELLO;
    enum ech_status status = wr_finish(&x->retry_request);
    return status == ECH_OK ? ECH_EVENT_NONE
                            : ech_exchange_fail_by(x, status, ECH_FAILURE_INTERNAL,
                                                   ECH_ALERT_UNEXPECTED_MESSAGE);
}

/*
 * RFC 6066, 3: a server of TLS 1.2 may warn that it does not know the name, and go on. Until
 * ServerHello comes its version is not known. TLS 1.3 has no such warning, so there it is an alert
 * like any other, which the application reads.
 */
static enum ech_event fail_by_warning(struct ech_exchange *x)
{
    struct reader held = rd_of(wr_view(&x->net_held));
    struct bytes alert;
    if (rd_bytes(&held, ECH_RECORD_HEADER + ALERT_SIZE, &alert)) {
        wr_bytes(&x->to_app, alert);
    }
    return ech_exchange_fail(x, ECH_FAILURE_ALERT, ECH_ALERT_NONE);
}

static bool offers_tls12(const struct ech_exchange *x)
{
    struct ech_client_hello outer;
    return ech_client_hello_parse(wr_view(&x->outer_hello), &outer) == ECH_OK &&
           ech_tls12_offered(&outer);
}

static enum ech_event judge(struct ech_exchange *x, struct bytes message, bool excess)
{
    struct ech_answer answer;
    struct ech_client_hello inner;
    struct ech_answer_context context = {
        .transcript = {.client_hello_inner = ech_exchange_inner(x, &inner),
                       .hello_retry_request = wr_view(&x->retry_request),
                       .second_client_hello_inner = wr_view(&x->second_inner)},
        .retry_cipher_suite = x->retry_cipher_suite,
    };
    ech_answer_judge(&context, message, excess, &answer);
    x->facts.hello_retry_request =
        x->facts.hello_retry_request || answer.hello.is_hello_retry_request;
    if (x->net_warned && answer.failure != ECH_FAILURE_TLS12) {
        return fail_by_warning(x);
    }
    switch (answer.kind) {
    case ECH_ANSWER_ACCEPTED:
        return accepted(x);
    case ECH_ANSWER_RETRY_ACCEPTED:
        return retry_accepted(x, &answer.hello);
    default:
        break;
    }
    switch (answer.failure) {
    case ECH_FAILURE_REJECTED:
        return ech_exchange_begin_outer(x, &answer.hello);
    case ECH_FAILURE_TLS12:
        /* change_cipher_spec means a key change there, and none is due yet. */
        return x->net_change_cipher_specs == 0
                   ? ech_exchange_begin_outer(x, &answer.hello)
                   : ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    default:
        return ech_exchange_fail(x, answer.failure, answer.alert);
    }
}

static enum ech_event net_handshake(struct ech_exchange *x, const struct ech_record *record)
{
    struct bytes message;
    if (x->phase != ECH_PHASE_FIRST_ANSWER && x->phase != ECH_PHASE_SECOND_ANSWER) {
        return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    }
    ech_record_keep(&x->net_records, record, &x->net_held);
    /* First of all: what is held must not be taken for the whole message. */
    if (wr_finish(&x->net_held) != ECH_OK) {
        return ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    }
    switch (ech_handshake_add_in_place(&x->net_message, record->fragment,
                                       ECH_HANDSHAKE_SERVER_HELLO, &message)) {
    case ECH_ASSEMBLY_MORE:
        return ECH_EVENT_NONE;
    case ECH_ASSEMBLY_WHOLE:
        return judge(x, message, false);
    case ECH_ASSEMBLY_EXCESS:
        return judge(x, message, true);
    case ECH_ASSEMBLY_NO_MEMORY:
        return ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    default:
        return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    }
}

/*
 * The application reads the server's own alert. It is not authenticated, so we conclude nothing
 * from it. If it is not fatal, a library might ignore it, so ours follows.
 */
static enum ech_event net_alert(struct ech_exchange *x, const struct ech_record *record)
{
    struct reader r = rd_of(record->fragment);
    uint8_t level;
    uint8_t description;
    if (!rd_u8(&r, &level) || !rd_u8(&r, &description) || !rd_done(&r)) {
        return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
    }
    if (level == ECH_ALERT_LEVEL_WARNING && description == ECH_ALERT_UNRECOGNIZED_NAME &&
        x->phase == ECH_PHASE_FIRST_ANSWER && wr_view(&x->net_held).len == 0 && offers_tls12(x)) {
        wr_bytes(&x->net_held, record->raw);
        x->net_warned = true;
        return ECH_EVENT_NONE;
    }
    wr_bytes(&x->to_app, record->raw);
    if (level == ECH_ALERT_LEVEL_FATAL) {
        return ech_exchange_end(x, ECH_FAILURE_ALERT, ECH_ALERT_NONE);
    }
    return ech_exchange_fail(x, ECH_FAILURE_ALERT, ECH_ALERT_NONE);
}

/* RFC 8446, 5: after the first ClientHello, but not between the pieces of a message. */
static bool change_cipher_spec_allowed(struct ech_exchange *x, const struct ech_record *record)
{
    return x->facts.state == ECH_STATE_OFFERED && wr_view(&x->net_message).len == 0 &&
           ech_is_change_cipher_spec(record) &&
           ++x->net_change_cipher_specs <= ECH_CHANGE_CIPHER_SPEC_MAX;
}

static enum ech_event net_record(struct ech_exchange *x, const struct ech_record *record)
{
    switch (record->type) {
    case ECH_RECORD_HANDSHAKE:
        return net_handshake(x, record);
    case ECH_RECORD_ALERT:
        return net_alert(x, record);
    case ECH_RECORD_CHANGE_CIPHER_SPEC:
        if (change_cipher_spec_allowed(x, record)) {
            wr_bytes(&x->to_app, record->raw);
            return ECH_EVENT_NONE;
        }
        break;
    default:
        break;
    }
    return ech_exchange_fail(x, ECH_FAILURE_UNEXPECTED, ECH_ALERT_UNEXPECTED_MESSAGE);
}

static enum ech_event feed_net(struct ech_exchange *x, struct reader *in)
{
    enum ech_event event = ECH_EVENT_NONE;
    while (event == ECH_EVENT_NONE && !rd_done(in) && x->phase != ECH_PHASE_OUTER) {
        struct ech_record record;
        bool whole;
        enum ech_status status = ech_record_take(&x->net_records, in, &record, &whole);
        if (status != ECH_OK) {
            return ech_exchange_fail_by(x, status, ECH_FAILURE_UNEXPECTED,
                                        ECH_ALERT_UNEXPECTED_MESSAGE);
        }
        if (!whole) {
            break;
        }
        event = net_record(x, &record);
        ech_record_drop(&x->net_records);
    }
    return event;
}

enum ech_event ech_exchange_from_net(struct ech_exchange *exchange, struct bytes in)
{
    struct reader r = rd_of(in);
    enum ech_event event = ECH_EVENT_NONE;
    if (exchange->phase == ECH_PHASE_FAILED || exchange->phase == ECH_PHASE_REJECTED) {
        return ECH_EVENT_NONE;
    }
    if (exchange->phase != ECH_PHASE_PASSING && exchange->phase != ECH_PHASE_OUTER) {
        event = feed_net(exchange, &r);
    }
    if (exchange->phase == ECH_PHASE_OUTER && event == ECH_EVENT_NONE) {
        event = ech_exchange_feed_outer(exchange, rd_rest(&r));
    }
    if (exchange->phase == ECH_PHASE_PASSING) {
        wr_bytes(&exchange->to_app, rd_rest(&r));
    }
    return ech_exchange_check_queues(exchange, event);
}

enum ech_event ech_exchange_net_closed(struct ech_exchange *exchange)
{
    if (ech_exchange_done(exchange) || exchange->phase == ECH_PHASE_REJECTED) {
        return ECH_EVENT_NONE;
    }
    if (exchange->phase == ECH_PHASE_OUTER) {
        return ech_exchange_close_outer(exchange);
    }
    return exchange->net_warned ? fail_by_warning(exchange)
                                : ech_exchange_fail(exchange, ECH_FAILURE_CLOSED, ECH_ALERT_NONE);
}
