/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exchanges in which memory or randomness runs out at each call in turn. They end in success or in
 * a reported failure, and nothing of ClientHelloInner ever reaches the network.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/faults/faults.h"
#include "tests/unit/exchange_rig.h"
#include "tests/unit/hellos.h"
#include "tests/unit/sizes.h"
#include "tests/unit/tls13_server.h"

enum { PIECE = 150, APP_DATA_SIZE = 8 };

/* What the server does, and how the exchange goes on. */
struct course {
    struct bytes hello;
    struct bytes second; /* after a HelloRetryRequest that accepts ECH; empty: there is none */
    enum ech_key_share_rule rule;
    bool rejected;
    bool outer_retry; /* HelloRetryRequest in the outer handshake */
    bool configs;     /* the rejection brings retry_configs */
    bool give_up;
    bool early_data;
};

static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    (void)context;
    (void)certificates;
    (void)count;
    (void)public_name;
    return ECH_ALERT_NONE;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    (void)context;
    (void)version;
    (void)scheme;
    (void)certificate;
    (void)content;
    (void)signature;
    return ECH_ALERT_NONE;
}

static bool going(const struct rig *rig)
{
    return rig->exchange != NULL && rig->last != ECH_EVENT_FAILED;
}

static void note(struct rig *rig, enum ech_event event)
{
    if (event != ECH_EVENT_NONE) {
        cr_assert_neq(rig->last, ECH_EVENT_FAILED, "an event after the end");
        rig->last = event;
    }
    rig_drain(rig);
}

static void from_app(struct rig *rig, struct bytes in)
{
    struct reader r = rd_of(in);
    struct bytes piece;
    while (going(rig) && rd_bytes(&r, r.len < PIECE ? r.len : PIECE, &piece) && piece.len > 0) {
        note(rig, FAULTY(ech_exchange_from_app(rig->exchange, piece)));
    }
}

static void from_net(struct rig *rig, struct bytes in)
{
    struct reader r = rd_of(in);
    struct bytes piece;
    while (going(rig) && rd_bytes(&r, r.len < PIECE ? r.len : PIECE, &piece) && piece.len > 0) {
        note(rig, FAULTY(ech_exchange_from_net(rig->exchange, piece)));
    }
}

static void app_hello(struct rig *rig, struct bytes hello)
{
    struct writer w;
    wr_init(&w, 0);
    ech_records_write(&w, 0x0301, hello);
    from_app(rig, wr_view(&w));
    wr_free(&w);
}

static void app_data(struct rig *rig, bool to_net)
{
    const struct bytes record = BYTES(23, 3, 3, 0, 3, 1, 2, 3);
    if (to_net) {
        from_app(rig, record);
    } else {
        from_net(rig, record);
    }
}

static void send_answer(struct rig *rig, const struct test_answer *answer)
{
    struct octets message = rig_message(rig, answer);
    struct writer w;
    wr_init(&w, 0);
    ech_records_write(&w, ECH_TLS12, octets_view(&message));
    from_net(rig, wr_view(&w));
    if (going(rig) && !answer->no_ech) {
        cr_assert(holds(wr_view(&rig->app), octets_view(&message)), "the application lacks it");
    }
    wr_free(&w);
    octets_free(&message);
}

static void check_secret(const struct rig *rig, struct bytes hello)
{
    struct ech_client_hello inner;
    cr_assert_eq(ech_client_hello_parse(hello, &inner), ECH_OK);
    struct bytes net = wr_view(&rig->net);
    cr_assert_not(holds(net, bytes_of("secret", 6)), "server_name");
    cr_assert_not(holds(net, inner.random), "random");
}

static void offer(struct rig *rig, bool again)
{
    struct ech_config_choice choice;
    cr_assert_eq(ech_config_list_select(octets_view(&rig->server.list), NULL, &choice), ECH_OK);
    note(rig, again ? FAULTY(ech_exchange_retry(rig->exchange, &choice))
                    : FAULTY(ech_exchange_offer(rig->exchange, &choice)));
}

/* The server accepts the inner hello. */
static void accept_offer(struct rig *rig, const struct course *course)
{
    rig_open(rig, course->hello);
    struct test_answer answer = rig_answer(rig);
    if (course->second.len > 0) {
        struct test_answer retry = answer;
        retry.hello_retry_request = true;
        retry.more = BYTES(0, 51, 0, 2, 0, 23);
        send_answer(rig, &retry);
        from_app(rig, BYTES(20, 3, 3, 0, 1, 1));
        app_hello(rig, course->second);
        if (!going(rig)) {
            return;
        }
        rig_open(rig, course->second);
    }
    send_answer(rig, &answer);
    app_data(rig, true);
    app_data(rig, false);
}

/* The server takes the outer hello, and finishes that handshake. */
static void reject_outer(struct rig *rig, const struct course *course)
{
    struct tls13_server server;
    struct test_source source = {.state = 3};
    struct bytes configs = octets_view(&rig->server.list);
    const struct tls13_options options = {.retry = course->outer_retry,
                                          .retry_configs = course->configs ? &configs : NULL};
    size_t taken = 0;
    tls13_server_init(&server, &options, test_random(&source));
    while (going(rig) && rig->last != ECH_EVENT_REJECTED) {
        struct bytes net = wr_view(&rig->net);
        cr_assert_lt(taken, net.len, "nobody has anything to say");
        /* The server ignores early data; it cannot read it. */
        size_t skipped = taken == 0 && course->early_data ? APP_DATA_SIZE : 0;
        tls13_server_take(&server, bytes_of(net.data + taken, net.len - taken - skipped));
        taken = net.len;
        struct octets answer = octets_copy(wr_view(&server.out));
        wr_free(&server.out);
        from_net(rig, octets_view(&answer));
        octets_free(&answer);
    }
    tls13_server_free(&server);
}

static void reject_shared(struct rig *rig)
{
    /* key_share of X25519: an answer without one breaks a rule, and nothing is asked. */
    static const uint8_t key_share[4 + 4 + 32] = {0, 51, 0, 36, 0, 29, 0, 32, 9};
    struct writer probe;
    rig_open(rig, hello_pq);
    struct test_answer answer = rig_answer(rig);
    answer.no_ech = true;
    answer.more = bytes_of(key_share, sizeof key_share);
    send_answer(rig, &answer);
    if (going(rig)) {
        struct ech_rejection rejection;
        ech_exchange_rejection(rig->exchange, &rejection);
        cr_assert(rejection.probe);
        wr_init(&probe, 0);
        enum ech_status status = FAULTY(ech_exchange_probe_hello(rig->exchange, &probe));
        cr_assert(status == ECH_OK || faults_injected());
        wr_bytes(&rig->net, wr_view(&probe));
        wr_wipe(&probe);
    }
}

/* What the application does after a rejection. */
static void answer_rejection(struct rig *rig, const struct course *course)
{
    check_secret(rig, course->hello);
    if (course->give_up) {
        note(rig, FAULTY(ech_exchange_give_up(rig->exchange)));
        cr_assert_eq(ech_exchange_failure(rig->exchange), ECH_FAILURE_REJECTED);
    } else if (course->configs) {
        /* A second connection, to a server that has the key. */
        octets_free(&rig->first_inner);
        test_server_free(&rig->server);
        test_server_init(&rig->server, 0);
        rig->net_seen = wr_view(&rig->net).len;
        offer(rig, true);
        if (going(rig)) {
            accept_offer(rig, course);
        }
    } else {
        note(rig, FAULTY(ech_exchange_disable(rig->exchange)));
        app_data(rig, true);
        cr_assert(!going(rig) || holds(wr_view(&rig->net), course->hello), "hello in clear");
    }
}

static void run_offered(struct rig *rig, const struct course *course)
{
    if (!course->rejected) {
        accept_offer(rig, course);
        return;
    }
    if (course->rule == ECH_KEY_SHARE_SHARED) {
        reject_shared(rig);
    } else {
        reject_outer(rig, course);
    }
    if (going(rig)) {
        answer_rejection(rig, course);
    }
}

static void check_end(struct rig *rig, const struct course *course)
{
    bool disabled = course->rejected && !course->configs && !course->give_up;
    if (!going(rig)) {
        struct bytes app = wr_view(&rig->app);
        cr_assert(faults_injected() || course->give_up);
        cr_assert(ech_exchange_done(rig->exchange) && !ech_exchange_drained(rig->exchange));
        enum ech_failure failure = ech_exchange_failure(rig->exchange);
        cr_assert_eq(failure,
                     course->give_up && failure == ECH_FAILURE_REJECTED ? ECH_FAILURE_REJECTED
                                                                        : ECH_FAILURE_INTERNAL,
                     "%s%s", ech_failure_name(failure),
                     faults_injected() ? "" : " without a fault");
        cr_assert(app.len >= 7 || faults_injected());
        /* From now on the exchange swallows what the application writes. */
        size_t before = wr_view(&rig->net).len;
        rig_app_hello(rig, course->hello, 0x0301);
        cr_assert_eq(wr_view(&rig->net).len, before);
        check_secret(rig, course->hello);
    } else if (!disabled) {
        check_secret(rig, course->hello);
        cr_assert_eq(rig->last, ECH_EVENT_ACCEPTED);
    }
    cr_assert(ech_exchange_done(rig->exchange));
}

static void run(const void *context)
{
    const struct course *course = context;
    struct rig *rig = calloc(1, sizeof *rig);
    cr_assert_not_null(rig);
    rig->source.state = 42;
    const struct ech_exchange_options options = {
        .random = faults_random(&rig->source),
        .sizes = OPENSSL_SIZES,
        .key_share_rule = course->rule,
        .verifier = {verify_chain, verify_signature, NULL},
    };
    test_server_init(&rig->server, 0);
    wr_init(&rig->net, 0);
    wr_init(&rig->app, 0);
    if (FAULTY(ech_exchange_new(&rig->exchange, &options)) == ECH_OK) {
        app_hello(rig, course->hello);
        if (going(rig)) {
            cr_assert_eq(rig->last, ECH_EVENT_NEED_CONFIG);
            offer(rig, false);
        }
        if (course->early_data) {
            app_data(rig, true);
        }
        if (going(rig)) {
            run_offered(rig, course);
        }
        check_end(rig, course);
    } else {
        cr_assert(faults_injected() && rig->exchange == NULL);
    }
    rig_free(rig);
}

static void both(const char *name, const struct course *course)
{
    faults_run(name, FAULT_MEMORY, 5, run, course);
    faults_run(name, FAULT_RANDOM, 2, run, course);
}

Test(exchange_faults, accepted)
{
    both("exchange, accepted", &(struct course){.hello = hello_openssl});
    both("exchange, accepted with PSK", &(struct course){.hello = hello_openssl_psk});
    both("exchange, accepted with a shared key_share", &(struct course){.hello = hello_pq});
}

Test(exchange_faults, accepted_after_hello_retry_request)
{
    both("exchange, HelloRetryRequest",
         &(struct course){.hello = hello_openssl_hrr1, .second = hello_openssl_hrr2});
}

Test(exchange_faults, rejected)
{
    both("exchange, rejected, retried",
         &(struct course){
             .hello = hello_openssl, .rule = ECH_KEY_SHARE_OWN, .rejected = true, .configs = true});
    both("exchange, rejected after HelloRetryRequest, retried",
         &(struct course){.hello = hello_openssl,
                          .rule = ECH_KEY_SHARE_OWN,
                          .rejected = true,
                          .configs = true,
                          .outer_retry = true});
    both("exchange, early data, rejected, retried", &(struct course){.hello = hello_openssl_early,
                                                                     .rule = ECH_KEY_SHARE_OWN,
                                                                     .rejected = true,
                                                                     .configs = true,
                                                                     .early_data = true});
    both("exchange, rejected, given up", &(struct course){.hello = hello_gnutls,
                                                          .rule = ECH_KEY_SHARE_OWN,
                                                          .rejected = true,
                                                          .configs = true,
                                                          .give_up = true});
}

Test(exchange_faults, disabled)
{
    both("exchange, disabled",
         &(struct course){.hello = hello_openssl, .rule = ECH_KEY_SHARE_OWN, .rejected = true});
}

Test(exchange_faults, rejected_with_a_shared_key_share)
{
    both("exchange, probed, retried",
         &(struct course){
             .hello = hello_pq, .rule = ECH_KEY_SHARE_SHARED, .rejected = true, .configs = true});
    both("exchange, probed, disabled",
         &(struct course){.hello = hello_pq, .rule = ECH_KEY_SHARE_SHARED, .rejected = true});
}
