/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/exchange_rig.h"
#include "tests/unit/sizes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct rig *rig_new_with(size_t step, const struct ech_exchange_options *options,
                         uint8_t maximum_name_length)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct ech_exchange_options with = *options;
    cr_assert_not_null(rig);
    rig->step = step;
    rig->source.state = 42;
    with.random = test_random(&rig->source);
    cr_assert_eq(ech_exchange_new(&rig->exchange, &with), ECH_OK);
    test_server_init(&rig->server, maximum_name_length);
    wr_init(&rig->net, 0);
    wr_init(&rig->app, 0);
    return rig;
}

struct rig *rig_new(size_t step)
{
    const struct ech_exchange_options options = {.sizes = OPENSSL_SIZES,
                                                 .key_share_rule = ECH_KEY_SHARE_AUTO};
    return rig_new_with(step, &options, 0);
}

void rig_free(struct rig *rig)
{
    ech_exchange_free(rig->exchange);
    test_server_free(&rig->server);
    wr_free(&rig->net);
    wr_free(&rig->app);
    octets_free(&rig->first_inner);
    octets_free(&rig->retry_request);
    octets_free(&rig->second_inner);
    free(rig);
}

void rig_drain(struct rig *rig)
{
    struct bytes out = ech_exchange_to_net(rig->exchange);
    wr_bytes(&rig->net, out);
    ech_exchange_net_took(rig->exchange, out.len);
    out = ech_exchange_to_app(rig->exchange);
    wr_bytes(&rig->app, out);
    ech_exchange_app_took(rig->exchange, out.len);
}

static void note(struct rig *rig, enum ech_event event)
{
    if (event != ECH_EVENT_NONE) {
        rig->last = event;
    }
    rig_drain(rig);
}

static struct octets next_piece(struct rig *rig, struct reader *r, size_t most)
{
    struct bytes piece;
    size_t n = rig->step == 0 || rig->step > r->len ? r->len : rig->step;
    n = n > most ? most : n;
    cr_assert(rd_bytes(r, n, &piece));
    /* A separate block, freed afterwards: the exchange must keep no pointer into it. */
    return octets_copy(piece);
}

void rig_from_app(struct rig *rig, struct bytes in)
{
    struct reader r = rd_of(in);
    while (!rd_done(&r)) {
        struct octets piece = next_piece(rig, &r, r.len);
        note(rig, ech_exchange_from_app(rig->exchange, octets_view(&piece)));
        octets_free(&piece);
    }
}

void rig_from_net(struct rig *rig, struct bytes in)
{
    struct reader r = rd_of(in);
    while (!rd_done(&r)) {
        size_t wanted = ech_exchange_net_wanted(rig->exchange);
        if (rig->wanted_only && wanted == 0) {
            break;
        }
        struct octets piece = next_piece(rig, &r, rig->wanted_only ? wanted : r.len);
        note(rig, ech_exchange_from_net(rig->exchange, octets_view(&piece)));
        octets_free(&piece);
    }
}

static void make_record(struct writer *w, uint8_t type, uint16_t version, struct bytes fragment)
{
    wr_init(w, 0);
    wr_u8(w, type);
    wr_u16(w, version);
    struct wr_mark mark = wr_open(w, 2);
    wr_bytes(w, fragment);
    wr_close(w, mark);
    cr_assert_eq(wr_finish(w), ECH_OK);
}

void rig_app_record(struct rig *rig, uint8_t type, struct bytes fragment)
{
    struct writer w;
    make_record(&w, type, ECH_TLS12, fragment);
    rig_from_app(rig, wr_view(&w));
    wr_free(&w);
}

void rig_net_record(struct rig *rig, uint8_t type, struct bytes fragment)
{
    struct writer w;
    make_record(&w, type, ECH_TLS12, fragment);
    rig_from_net(rig, wr_view(&w));
    wr_free(&w);
}

void rig_app_hello(struct rig *rig, struct bytes hello, uint16_t version)
{
    struct writer w;
    wr_init(&w, 0);
    ech_records_write(&w, version, hello);
    rig_from_app(rig, wr_view(&w));
    wr_free(&w);
}

void rig_offer(struct rig *rig)
{
    /* A copy that is freed when the call returns: the exchange must have its own. */
    struct octets list = octets_copy(octets_view(&rig->server.list));
    struct ech_config_choice choice;
    cr_assert_eq(rig->last, ECH_EVENT_NEED_CONFIG);
    cr_assert_eq(ech_config_list_select(octets_view(&list), NULL, &choice), ECH_OK);
    note(rig, ech_exchange_offer(rig->exchange, &choice));
    octets_free(&list);
}

struct octets rig_outer(struct rig *rig)
{
    struct reader r = rd_of(wr_view(&rig->net));
    struct bytes seen;
    struct writer message;
    struct bytes whole = bytes_of(NULL, 0);
    bool done = false;
    wr_init(&message, 0);
    cr_assert(rd_bytes(&r, rig->net_seen, &seen));
    while (!done) {
        uint8_t type;
        uint16_t version;
        struct reader fragment;
        cr_assert(rd_u8(&r, &type) && rd_u16(&r, &version) && rd_vec16(&r, &fragment));
        if (type == ECH_RECORD_HANDSHAKE) {
            enum ech_assembly assembly = ech_handshake_add(&message, rd_rest(&fragment), 1, &whole);
            cr_assert(assembly == ECH_ASSEMBLY_WHOLE || assembly == ECH_ASSEMBLY_MORE);
            done = assembly == ECH_ASSEMBLY_WHOLE;
        }
    }
    rig->net_seen = wr_view(&rig->net).len - r.len;
    struct octets outer = octets_copy(whole);
    wr_free(&message);
    return outer;
}

void rig_open(struct rig *rig, struct bytes inner)
{
    struct octets outer = rig_outer(rig);
    struct octets opened = test_server_open(&rig->server, octets_view(&outer));
    assert_octets(octets_view(&opened), inner, "ClientHelloInner");
    octets_free(&opened);
    struct octets *kept = rig->first_inner.data == NULL ? &rig->first_inner : &rig->second_inner;
    *kept = octets_copy(inner);
    octets_free(&outer);
}

void rig_begin(struct rig *rig, struct bytes hello)
{
    rig_app_hello(rig, hello, 0x0301);
    rig_offer(rig);
    rig_open(rig, hello);
}

struct test_answer rig_answer(const struct rig *rig)
{
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(octets_view(&rig->first_inner), &inner), ECH_OK);
    return (struct test_answer){
        .cipher_suite = 0x1301, .version = ECH_TLS13, .echo = inner.legacy_session_id};
}

struct octets rig_message(struct rig *rig, const struct test_answer *answer)
{
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(octets_view(&rig->first_inner), &inner), ECH_OK);
    const struct ech_accept_transcript transcript = {
        .client_hello_inner = &inner,
        .hello_retry_request = octets_view(&rig->retry_request),
        .second_client_hello_inner = octets_view(&rig->second_inner)};
    struct octets message = test_server_answer(answer, &transcript);
    if (answer->hello_retry_request) {
        octets_free(&rig->retry_request);
        rig->retry_request = octets_copy(octets_view(&message));
    }
    return message;
}

void rig_send(struct rig *rig, const struct test_answer *answer)
{
    struct octets message = rig_message(rig, answer);
    rig_net_record(rig, ECH_RECORD_HANDSHAKE, octets_view(&message));
    octets_free(&message);
}

void rig_failed(struct rig *rig, enum ech_failure failure, enum ech_alert alert)
{
    struct bytes app = wr_view(&rig->app);
    struct bytes net = wr_view(&rig->net);
    cr_assert_eq(rig->last, ECH_EVENT_FAILED);
    cr_assert_eq(ech_exchange_failure(rig->exchange), failure, "%s",
                 ech_failure_name(ech_exchange_failure(rig->exchange)));
    cr_assert(ech_exchange_done(rig->exchange) && !ech_exchange_drained(rig->exchange));
    cr_assert_geq(app.len, 7);
    assert_octets(bytes_of(app.data + app.len - 7, 7), BYTES(21, 3, 3, 0, 2, 2, 121), "to_app");
    if (alert == ECH_ALERT_NONE) {
        cr_assert_eq(net.len, rig->net_seen);
    } else {
        cr_assert_eq(net.len, rig->net_seen + 7);
        assert_octets(bytes_of(net.data + rig->net_seen, 7),
                      BYTES(21, 3, 3, 0, 2, 2, (uint8_t)alert), "to_net");
    }
    /* From now on the exchange swallows what the application writes. */
    rig_app_record(rig, ECH_RECORD_ALERT, BYTES(2, 80));
    rig_app_hello(rig, octets_view(&rig->first_inner), 0x0303);
    cr_assert_eq(wr_view(&rig->net).len, net.len);
}
