/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/exchange.h"

#include <stdlib.h>

#include "ech/exchange_state.h"

const char *ech_failure_name(enum ech_failure failure)
{
    switch (failure) {
    case ECH_FAILURE_NONE:
        return "none";
    case ECH_FAILURE_REFUSED:
        return "refused";
    case ECH_FAILURE_INNER:
        return "inner";
    case ECH_FAILURE_TOO_LARGE:
        return "too_large";
    case ECH_FAILURE_REJECTED:
        return "rejected";
    case ECH_FAILURE_TLS12:
        return "tls12";
    case ECH_FAILURE_ALERT:
        return "alert";
    case ECH_FAILURE_SERVER_HELLO:
        return "server_hello";
    case ECH_FAILURE_CONFIRMATION:
        return "confirmation";
    case ECH_FAILURE_UNEXPECTED:
        return "unexpected";
    case ECH_FAILURE_CLOSED:
        return "closed";
    case ECH_FAILURE_INTERNAL:
        return "internal";
    case ECH_FAILURE_OUTER_ALERT:
        return "outer_alert";
    case ECH_FAILURE_OUTER_PROTOCOL:
        return "outer_protocol";
    case ECH_FAILURE_OUTER_CERTIFICATE:
        return "outer_certificate";
    case ECH_FAILURE_OUTER_SUITE:
        return "outer_suite";
    case ECH_FAILURE_OUTER_CLOSED:
        return "outer_closed";
    }
    return "unknown";
}

enum ech_status ech_exchange_new(struct ech_exchange **exchange,
                                 const struct ech_exchange_options *options)
{
    struct ech_exchange *x = calloc(1, sizeof *x);
    *exchange = x;
    if (x == NULL) {
        return ECH_ERR_NOMEM;
    }
    x->options = *options;
    ech_offer_init(&x->offer);
    wr_init_on(&x->ordinary, 0, x->ordinary_room, sizeof x->ordinary_room);
    ech_record_reader_init(&x->app_records);
    ech_record_reader_init(&x->net_records);
    wr_init(&x->app_message, ECH_HELLO_MAX);
    wr_init(&x->app_early, ECH_QUEUE_MAX);
    wr_init(&x->app_since, ECH_QUEUE_MAX);
    wr_init(&x->outer_hello, ECH_HELLO_MAX);
    wr_init(&x->net_message, ECH_HELLO_MAX);
    wr_init(&x->net_held, ECH_QUEUE_MAX);
    wr_init(&x->first_inner, ECH_HELLO_MAX);
    ech_library_hello_init(&x->first_made);
    wr_init(&x->retry_request, ECH_HELLO_MAX);
    wr_init(&x->second_inner, ECH_HELLO_MAX);
    wr_init(&x->to_net, ECH_QUEUE_MAX);
    wr_init(&x->to_app, ECH_QUEUE_MAX);
    return ECH_OK;
}

struct ech_exchange_options ech_exchange_get_options(const struct ech_exchange *exchange)
{
    struct ech_exchange_options options = exchange->options;
    options.ordinary = (struct ech_ordinary_hello){.record_version = 0};
    return options;
}

enum ech_status ech_exchange_use_local_config(struct ech_exchange *exchange,
                                              const struct ech_local_key *key,
                                              struct bytes public_name, uint8_t maximum_name_length,
                                              struct bytes *ech_config_list)
{
    struct ech_client_facing *server = exchange->client_facing;
    *ech_config_list = bytes_of(NULL, 0);
    /* From here on no hello passes as it is, even if there is no list. */
    exchange->has_local_config = true;
    if (public_name.len == 0) {
        return ECH_ERR_SPACE;
    }
    if (server == NULL) {
        server = malloc(sizeof *server);
        exchange->client_facing = server;
        if (server == NULL) {
            return ECH_ERR_NOMEM;
        }
        ech_client_facing_init(server);
    }
    enum ech_status status = ech_client_facing_start(server, key, public_name, maximum_name_length);
    if (status == ECH_OK) {
        *ech_config_list = wr_view(&server->ech_config_list);
    }
    return status;
}

void ech_exchange_library_sealed(struct ech_exchange *exchange, const struct ech_seen_sealing *seen)
{
    if (exchange->client_facing != NULL) {
        ech_client_facing_saw(exchange->client_facing, seen);
    }
}

void ech_exchange_use_ordinary(struct ech_exchange *exchange,
                               const struct ech_ordinary_hello *ordinary)
{
    if (exchange->phase != ECH_PHASE_FIRST_HELLO || wr_view(&exchange->app_message).len > 0) {
        return;
    }
    wr_free(&exchange->ordinary);
    wr_init_on(&exchange->ordinary, 0, exchange->ordinary_room, sizeof exchange->ordinary_room);
    wr_bytes(&exchange->ordinary, ordinary->cipher_suites);
    wr_bytes(&exchange->ordinary, ordinary->supported_versions);
    struct reader copies = rd_of(wr_view(&exchange->ordinary));
    struct ech_ordinary_hello *copied = &exchange->options.ordinary;
    *copied = (struct ech_ordinary_hello){.record_version = ordinary->record_version,
                                          .point_formats = ordinary->point_formats};
    if (rd_bytes(&copies, ordinary->cipher_suites.len, &copied->cipher_suites)) {
        copied->supported_versions = rd_rest(&copies);
    }
}

void ech_exchange_drop_handshake(struct ech_exchange *x)
{
    ech_record_reader_wipe(&x->app_records);
    ech_record_reader_wipe(&x->net_records);
    wr_wipe(&x->app_message);
    wr_wipe(&x->app_early);
    wr_wipe(&x->app_since);
    wr_wipe(&x->outer_hello);
    ech_outer_free(x->outer);
    x->outer = NULL;
    wr_wipe(&x->net_message);
    wr_wipe(&x->net_held);
    wr_wipe(&x->first_inner);
    ech_library_hello_wipe(&x->first_made);
    wr_wipe(&x->retry_request);
    wr_wipe(&x->second_inner);
}

const struct ech_client_hello *ech_exchange_inner(const struct ech_exchange *x,
                                                  struct ech_client_hello *room)
{
    if (ech_client_hello_parse(wr_view(&x->first_inner), room) != ECH_OK) {
        *room = (struct ech_client_hello){.extension_count = 0};
    }
    return room;
}

void ech_exchange_free(struct ech_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    ech_exchange_drop_handshake(exchange);
    ech_offer_wipe(&exchange->offer);
    if (exchange->client_facing != NULL) {
        ech_client_facing_wipe(exchange->client_facing);
        free(exchange->client_facing);
    }
    wr_free(&exchange->ordinary);
    wr_wipe(&exchange->to_net);
    wr_wipe(&exchange->to_app);
    ech_wipe(exchange, sizeof *exchange);
    free(exchange);
}

enum ech_event ech_exchange_end(struct ech_exchange *x, enum ech_failure failure,
                                enum ech_alert alert)
{
    bool offered = x->facts.state != ECH_STATE_NONE;
    x->phase = ECH_PHASE_FAILED;
    x->failure = failure;
    if (failure == ECH_FAILURE_REJECTED || failure == ECH_FAILURE_TLS12) {
        x->facts.state = ECH_STATE_REJECTED;
        /* The outer handshake still needs the rest of the offer: random, own key shares. */
        ech_hpke_wipe(&x->offer.hpke);
    } else {
        ech_offer_wipe(&x->offer);
    }
    ech_exchange_drop_handshake(x);
    if (offered && alert != ECH_ALERT_NONE) {
        ech_alert_write(&x->to_net, alert);
    }
    return ECH_EVENT_FAILED;
}

enum ech_event ech_exchange_fail(struct ech_exchange *x, enum ech_failure failure,
                                 enum ech_alert alert)
{
    ech_alert_write(&x->to_app, ECH_ALERT_ECH_REQUIRED);
    return ech_exchange_end(x, failure, alert);
}

enum ech_event ech_exchange_fail_by(struct ech_exchange *x, enum ech_status status,
                                    enum ech_failure otherwise, enum ech_alert alert)
{
    switch (status) {
    case ECH_ERR_NOMEM:
    case ECH_ERR_CRYPTO:
        return ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
    default:
        return ech_exchange_fail(x, otherwise, alert);
    }
}

/* A queue that overflowed, or had no memory, has lost octets. */
enum ech_event ech_exchange_check_queues(struct ech_exchange *x, enum ech_event event)
{
    bool lost = wr_finish(&x->to_net) != ECH_OK || wr_finish(&x->to_app) != ECH_OK ||
                wr_finish(&x->app_early) != ECH_OK || wr_finish(&x->app_since) != ECH_OK ||
                wr_finish(&x->net_held) != ECH_OK;
    if (!lost || x->phase == ECH_PHASE_FAILED) {
        return event;
    }
    return ech_exchange_fail(x, ECH_FAILURE_INTERNAL, ECH_ALERT_INTERNAL_ERROR);
}

/* ---- what the caller can ask ---- */

struct bytes ech_exchange_to_net(const struct ech_exchange *exchange)
{
    return wr_view(&exchange->to_net);
}

void ech_exchange_net_took(struct ech_exchange *exchange, size_t octets)
{
    wr_consume(&exchange->to_net, octets);
    if (wr_view(&exchange->to_net).len == 0 && exchange->phase != ECH_PHASE_PASSING) {
        wr_wipe(&exchange->to_net); /* nothing is held while an answer is awaited */
    }
}

struct bytes ech_exchange_to_app(const struct ech_exchange *exchange)
{
    return wr_view(&exchange->to_app);
}

void ech_exchange_app_took(struct ech_exchange *exchange, size_t octets)
{
    wr_consume(&exchange->to_app, octets);
}

struct bytes ech_exchange_server_name(const struct ech_exchange *exchange)
{
    struct reader inner = rd_of(wr_view(&exchange->first_inner));
    struct bytes before;
    struct bytes name;
    bool there = rd_bytes(&inner, exchange->server_name_at, &before) &&
                 rd_bytes(&inner, exchange->server_name_length, &name);
    return there ? name : bytes_of(NULL, 0);
}

bool ech_exchange_done(const struct ech_exchange *exchange)
{
    return exchange->phase == ECH_PHASE_PASSING || exchange->phase == ECH_PHASE_FAILED;
}

bool ech_exchange_drained(const struct ech_exchange *exchange)
{
    return exchange->phase == ECH_PHASE_PASSING && wr_view(&exchange->to_net).len == 0 &&
           wr_view(&exchange->to_app).len == 0;
}

size_t ech_exchange_net_wanted(const struct ech_exchange *exchange)
{
    switch (exchange->phase) {
    case ECH_PHASE_PASSING:
    case ECH_PHASE_FAILED:
    case ECH_PHASE_REJECTED:
        return 0;
    case ECH_PHASE_OUTER:
        return ech_outer_net_wanted(exchange->outer);
    default:
        return ech_record_wanted(&exchange->net_records);
    }
}

bool ech_exchange_net_gathers(const struct ech_exchange *exchange, size_t octets)
{
    switch (exchange->phase) {
    case ECH_PHASE_PASSING:
    case ECH_PHASE_FAILED:
    case ECH_PHASE_REJECTED:
    case ECH_PHASE_OUTER:
        return false;
    default:
        return wr_view(&exchange->net_records.raw).len + octets <= ECH_RECORD_HEADER;
    }
}

enum ech_failure ech_exchange_failure(const struct ech_exchange *exchange)
{
    return exchange->failure;
}

void ech_exchange_get_facts(const struct ech_exchange *exchange, struct ech_exchange_facts *facts)
{
    *facts = exchange->facts;
}
