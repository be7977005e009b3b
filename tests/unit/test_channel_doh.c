/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel by DNS over HTTPS, over HTTP/2. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/encrypted/message.h"
#include "tests/unit/h2_responder.h"

#define BY_NAME "https://dns.test:%u/dns-query#127.0.0.1"
#define BY_ADDRESS "https://127.0.0.1:%u/q?a=b"
#define BY_SYSTEM "https://localhost:%u/dns-query"

/* ---- requests ---- */

Test(channel_doh, doh_2_doh_3_doh_4_doh_9_doh_14_the_request)
{
    char authority[64];
    h2_start(NULL);
    client_expect("a.example", 2000, DNS_REASON_OK);
    snprintf(authority, sizeof authority, ":authority: dns.test:%u\n", server.port);
    char expected[1024];
    snprintf(expected, sizeof expected,
             ":method: POST\n:scheme: https\n%s:path: /dns-query\n"
             "accept: application/dns-message\ncontent-type: application/dns-message\n"
             "content-length: 128\n",
             authority);
    /* Exactly these fields: no cookie, no user-agent. */
    cr_assert_str_eq(h2_last_request.fields, expected);
    cr_assert_eq(h2_last_request.body[0] << 8 | h2_last_request.body[1], 0);
    client_stop();
}

Test(channel_doh, doh_12_pad_5_the_message_in_it_is_padded)
{
    h2_start(NULL);
    client_expect("a-rather-long-name-that-takes-more-room.example", 2000, DNS_REASON_OK);
    cr_assert_eq(h2_last_request.body_len, 128);
    client_stop();
}

Test(channel_doh, doh_1_the_path_is_the_configured_one_and_an_address_is_an_authority)
{
    char authority[64];
    START(BY_ADDRESS, .serve = h2_serve, .alpn = "h2");
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_not_null(strstr(h2_last_request.fields, ":path: /q?a=b\n"));
    snprintf(authority, sizeof authority, ":authority: 127.0.0.1:%u\n", server.port);
    cr_assert_not_null(strstr(h2_last_request.fields, authority));
    client_stop();
}

Test(channel_doh, doh_11_a_name_is_looked_up_by_the_system)
{
    START(BY_SYSTEM, .serve = h2_serve, .alpn = "h2", .dns = "localhost");
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_stop();
}

Test(channel_doh, doh_11_a_name_that_the_system_does_not_know)
{
    channel = client_channel("https://name.invalid:%u/dns-query", 1);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_ADDRESS);
    client_end(channel);
}

Test(channel_doh, doh_10_the_certificate_is_for_the_host_of_the_setting)
{
    START(BY_NAME, .serve = h2_serve, .alpn = "h2", .dns = "other.test");
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CERTIFICATE);
    cr_assert_eq(atomic_load(&server.queries), 0);
    client_stop();
}

/* ---- many on one connection ---- */

static void only_the_last(const struct request *request, struct reply *reply)
{
    reply->act = request->number < 2 ? DROP : REPLY;
}

Test(channel_doh, doh_8_answers_in_any_order_and_one_stays_out)
{
    struct dns_ticket *tickets[3];
    static const char *const names[] = {"a.example", "b.example", "c.example"};
    h2_start(only_the_last);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(client_begin(channel, names[i], 1000, &tickets[i]), DNS_REASON_OK);
    }
    cr_assert_eq(client_finish(channel, tickets[2], names[2], 1001), DNS_REASON_OK);
    dns_channel_drop(channel, tickets[0]);
    /* The connection is alive; only this answer is missing. */
    cr_assert_eq(client_finish(channel, tickets[1], names[1], 1001), DNS_REASON_TIMEOUT);
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

Test(channel_doh, doh_8_eight_threads_share_one_connection)
{
    h2_start(NULL);
    client_eight_threads();
    cr_assert_eq(atomic_load(&server.connections), 1);
    cr_assert_eq(atomic_load(&server.queries), 200);
    client_stop();
}

static void large(const struct request *request, struct reply *reply)
{
    (void)request;
    reply->pad = 60000;
}

Test(channel_doh, doh_6_large_answers_pass_the_first_window)
{
    h2_start(large);
    for (unsigned i = 0; i < 5; i++) {
        client_expect("a.example", 2000, DNS_REASON_OK);
    }
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

static void too_large(const struct request *request, struct reply *reply)
{
    (void)request;
    reply->pad = 65535;
}

Test(channel_doh, doh_6_answers_larger_than_a_message)
{
    h2_start(too_large);
    client_expect("a.example", 2000, DNS_REASON_HTTP_ANSWER);
    client_stop();
}

/* ---- what a server may say ---- */

#define SAYS(test, expected, ...)                                                                  \
    static void test##_reply(const struct request *request, struct reply *reply)                   \
    {                                                                                              \
        (void)request;                                                                             \
        *reply = (struct reply){__VA_ARGS__};                                                      \
    }                                                                                              \
    Test(channel_doh, test)                                                                        \
    {                                                                                              \
        h2_start(test##_reply);                                                                    \
        client_expect("a.example", 2000, expected);                                                \
        cr_assert_eq(atomic_load(&server.connections), 1);                                         \
        client_stop();                                                                             \
    }

SAYS(doh_5_any_2xx, DNS_REASON_OK, .status = "203")
SAYS(doh_5_404, DNS_REASON_HTTP_STATUS, .status = "404")
SAYS(doh_5_415, DNS_REASON_HTTP_STATUS, .status = "415")
SAYS(doh_5_500, DNS_REASON_HTTP_STATUS, .status = "500")
SAYS(doh_5_a_redirect_is_not_followed, DNS_REASON_HTTP_STATUS, .status = "302",
     .location = "https://127.0.0.1/elsewhere")
SAYS(doh_6_another_media_type, DNS_REASON_HTTP_ANSWER, .content_type = "application/dns-json")
SAYS(doh_6_a_media_type_with_a_parameter, DNS_REASON_OK,
     .content_type = "Application/DNS-Message; a=b")
SAYS(doh_4_another_question, DNS_REASON_MALFORMED_ANSWER, .wrong_question = true)
SAYS(a_stream_that_is_cancelled, DNS_REASON_HTTP_ANSWER, .act = CANCEL)
SAYS(a_body_that_is_cut, DNS_REASON_HTTP_ANSWER, .act = HALF_BODY)

/* ---- connections that end ---- */

#define ENDS_FIRST(test, how, connection_count)                                                    \
    static void test##_reply(const struct request *request, struct reply *reply)                   \
    {                                                                                              \
        reply->act = request->number == 0 ? (how) : REPLY;                                         \
    }                                                                                              \
    Test(channel_doh, test)                                                                        \
    {                                                                                              \
        h2_start(test##_reply);                                                                    \
        client_expect("a.example", 2000, DNS_REASON_OK);                                           \
        client_expect("b.example", 2000, DNS_REASON_OK);                                           \
        cr_assert_eq(atomic_load(&server.connections), connection_count);                          \
        client_stop();                                                                             \
    }

ENDS_FIRST(going_away_before_the_answer, GO_AWAY, 2)
ENDS_FIRST(going_away_after_the_answer, REPLY_THEN_GO_AWAY, 2)
ENDS_FIRST(a_refused_stream, RESET, 2)
ENDS_FIRST(a_half_closed_connection, HALF_CLOSE, 2)
ENDS_FIRST(garbage_instead_of_frames, GARBAGE, 2)

static void always_going_away(const struct request *request, struct reply *reply)
{
    (void)request;
    reply->act = GO_AWAY;
}

Test(channel_doh, always_going_away_is_an_end)
{
    h2_start(always_going_away);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CLOSED);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}

static void never(const struct request *request, struct reply *reply)
{
    (void)request;
    reply->act = DROP;
}

Test(channel_doh, silence_is_a_timeout)
{
    h2_start(never);
    uint64_t before = dns_io_libc.now_us();
    client_expect("a.example", 300, DNS_REASON_TIMEOUT);
    cr_assert_lt(dns_io_libc.now_us() - before, 600000);
    client_stop();
}

/* ---- the age of answers ---- */

static uint32_t ttl_of(const char *name)
{
    struct dns_ticket *ticket;
    struct writer answer;
    bool pending;
    wr_init(&answer, 65535);
    cr_assert_eq(client_begin(channel, name, 2000, &ticket), DNS_REASON_OK);
    cr_assert_eq(
        dns_channel_wait(channel, ticket, dns_io_libc.now_us() + 2001000, &answer, &pending),
        DNS_REASON_OK);
    struct dns_question question = {.qname = name_of(name), .type = DNS_TYPE_HTTPS};
    struct dns_answer *parsed = malloc(sizeof *parsed);
    cr_assert_eq(dns_answer_parse(wr_view(&answer), &question, parsed), ECH_OK);
    uint32_t ttl = parsed->ttl;
    free(parsed);
    wr_free(&answer);
    return ttl;
}

static void aged(const struct request *request, struct reply *reply)
{
    static const char *const ages[] = {NULL, "0", "25", "60", "99999999999999999999", "x"};
    reply->age = ages[request->number];
}

Test(channel_doh, doh_7_age_comes_off_the_ttl)
{
    static const uint32_t expected[] = {60, 60, 35, 0, 0, 60};
    h2_start(aged);
    for (unsigned i = 0; i < 6; i++) {
        cr_assert_eq(ttl_of("a.example"), expected[i], "%u", i);
    }
    client_stop();
}
