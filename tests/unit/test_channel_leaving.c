/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resolvers that end a connection while questions are on their way: no question loses its answer as
 * long as each connection answers one. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/h2_responder.h"

#define DOT_BY_NAME "tls://127.0.0.1:%u#dns.test"

enum { QUESTIONS = 8 };

TestSuite(channel_leaving, .timeout = 60);

/* Number of questions at once; all get this outcome. */
static void ask_all(unsigned count, enum dns_reason expected)
{
    struct dns_ticket *tickets[QUESTIONS];
    char names[QUESTIONS][32];
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%u.example", i);
        cr_assert_eq(client_begin(channel, names[i], 4000, &tickets[i]), DNS_REASON_OK);
    }
    for (unsigned i = 0; i < count; i++) {
        enum dns_reason reason = client_finish(channel, tickets[i], names[i], 4001);
        cr_expect_eq(reason, expected, "%s: %s", names[i], dns_reason_name(reason));
    }
}

/* ---- HTTP/2 ---- */

/* Answers once per connection, then GOAWAY without the later streams. */
static void one_each(const struct request *request, struct reply *reply)
{
    reply->act = request->id == 1 ? REPLY_THEN_GO_AWAY : DROP;
}

Test(channel_leaving, goaway_after_each_answer_costs_no_question)
{
    h2_start(one_each);
    ask_all(QUESTIONS, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), QUESTIONS);
    client_stop();
}

/* RFC 9113, 6.8: streams up to the last one that GOAWAY names are still answered. */
static void answers_what_it_took(const struct request *request, struct reply *reply)
{
    reply->act = request->number == 0 ? GO_AWAY_LATER : REPLY;
}

Test(channel_leaving, what_was_taken_before_a_goaway_is_answered_on_that_connection)
{
    h2_start(answers_what_it_took);
    ask_all(1, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 1);
    /* The next question goes to another connection. */
    client_expect("next.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}

static void refuses_the_first(const struct request *request, struct reply *reply)
{
    reply->act = request->connection == 0 ? GO_AWAY : REPLY;
}

Test(channel_leaving, a_goaway_before_all_answers_is_one_try)
{
    h2_start(refuses_the_first);
    ask_all(3, DNS_REASON_OK);
    client_stop();
}

static void refuses_all(const struct request *request, struct reply *reply)
{
    (void)request;
    reply->act = GO_AWAY;
}

Test(channel_leaving, a_resolver_that_answers_nothing_is_an_end)
{
    h2_start(refuses_all);
    ask_all(QUESTIONS, DNS_REASON_RESOLVER_CLOSED);
    cr_assert_leq(atomic_load(&server.connections), 2 * QUESTIONS);
    client_stop();
}

/* Says GOAWAY, then falls silent: later questions do not wait for it long. */
static void leaves_and_hangs(const struct request *request, struct reply *reply)
{
    reply->act = request->number == 0 ? GO_AWAY_AND_HANG : REPLY;
}

Test(channel_leaving, a_resolver_that_leaves_and_hangs_holds_nobody_up)
{
    h2_start(leaves_and_hangs);
    struct dns_ticket *hanging;
    cr_assert_eq(client_begin(channel, "a.example", 4000, &hanging), DNS_REASON_OK);
    uint64_t before = dns_io_libc.now_us();
    client_expect("b.example", 3000, DNS_REASON_OK);
    cr_assert_lt(dns_io_libc.now_us() - before, 2000000);
    cr_assert_eq(client_finish(channel, hanging, "a.example", 4001), DNS_REASON_OK);
    client_stop();
}

static void resets_but_one(const struct request *request, struct reply *reply)
{
    reply->act = request->id == 1 ? REPLY : RESET;
}

Test(channel_leaving, refused_streams_beside_answers_cost_no_question)
{
    h2_start(resets_but_one);
    ask_all(QUESTIONS, DNS_REASON_OK);
    client_stop();
}

/* ---- DNS over TLS ---- */

/* Reads all questions that come at once, answers one, and closes. */
static void answer_one(struct tls_peer *peer)
{
    static uint8_t messages[RESPONDER_CONNECTIONS][65535];
    uint8_t *message = messages[peer->number % RESPONDER_CONNECTIONS];
    size_t len;
    if (peer_read_query(peer, message, &len)) {
        usleep(20000);
        peer_answer_dot(peer, bytes_of(message, len));
        (void)gnutls_bye(peer->session, GNUTLS_SHUT_WR);
    }
}

Test(channel_leaving, a_close_after_each_answer_costs_no_question)
{
    START(DOT_BY_NAME, .serve = answer_one);
    ask_all(QUESTIONS, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), QUESTIONS);
    client_stop();
}

static void answer_nobody(struct tls_peer *peer)
{
    static uint8_t message[65535];
    size_t len;
    (void)peer_read_query(peer, message, &len);
}

Test(channel_leaving, a_close_without_an_answer_is_an_end)
{
    START(DOT_BY_NAME, .serve = answer_nobody);
    ask_all(QUESTIONS, DNS_REASON_RESOLVER_CLOSED);
    cr_assert_leq(atomic_load(&server.connections), 2 * QUESTIONS);
    client_stop();
}
