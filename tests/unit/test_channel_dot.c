/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel by DNS over TLS, to an obedient server and to one that breaks rules. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tls_responder.h"

#define BY_NAME "tls://127.0.0.1:%u#dns.test"
#define BY_ADDRESS "tls://127.0.0.1:%u"

Test(channel_dot, dot_4_dot_7_many_questions_one_connection)
{
    START(BY_NAME, .serve = peer_obey);
    for (unsigned i = 0; i < 20; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n%u.example", i);
        client_expect(name, 2000, DNS_REASON_OK);
    }
    cr_assert_eq(atomic_load(&server.connections), 1);
    cr_assert_eq(atomic_load(&server.queries), 20);
    client_stop();
}

static uint8_t first_query[65535];
static size_t first_query_len;
static ssize_t first_record_len;

/* The first record holds one whole query with its length. */
static void keep_record(struct tls_peer *peer)
{
    first_record_len = gnutls_record_recv(peer->session, first_query, sizeof first_query);
    first_query_len = first_record_len > 2 ? (size_t)first_record_len - 2 : 0;
    memmove(first_query, first_query + 2, first_query_len);
    peer_answer_dot(peer, bytes_of(first_query, first_query_len));
    peer_obey(peer);
}

Test(channel_dot, dot_5_dot_14_pad_5_one_padded_record)
{
    START(BY_NAME, .serve = keep_record);
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_eq(first_record_len, 2 + 128);
    /* The options of the OPT record come last: code 12, length, zeros. */
    static const size_t question = 12 + 11 + 4;
    cr_assert_eq(first_query[question + 1] << 8 | first_query[question + 2], 41);
    cr_assert_eq(first_query[question + 9] << 8 | first_query[question + 10], 128 - question - 11);
    cr_assert_eq(first_query[question + 12], 12);
    cr_assert_eq(first_query[question + 13] << 8 | first_query[question + 14], 128 - question - 15);
    for (size_t i = question + 15; i < 128; i++) {
        cr_assert_eq(first_query[i], 0);
    }
    client_stop();
}

/* ---- answers in any order, and unsolicited answers ---- */

static void answer_backwards(struct tls_peer *peer)
{
    static uint8_t message[3][65535];
    size_t len[3];
    for (unsigned i = 0; i < 3; i++) {
        if (!peer_read_query(peer, message[i], &len[i])) {
            return;
        }
    }
    for (unsigned i = 3; i > 0; i--) {
        peer_answer_dot(peer, bytes_of(message[i - 1], len[i - 1]));
    }
    peer_obey(peer);
}

Test(channel_dot, dot_6_answers_in_any_order)
{
    static const char *const names[] = {"a.example", "b.example", "c.example"};
    struct dns_ticket *tickets[3];
    START(BY_NAME, .serve = answer_backwards);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(client_begin(channel, names[i], 2000, &tickets[i]), DNS_REASON_OK);
    }
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(client_finish(channel, tickets[i], names[i], 2001), DNS_REASON_OK);
    }
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

/* Wrong id, wrong name, wrong type, a query instead of a response; then the right one. */
static void answer_wrongly_first(struct tls_peer *peer)
{
    uint8_t message[65535];
    uint8_t wrong[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
        memcpy(wrong, message, len);
        wrong[1] ^= 1;
        peer_answer_dot(peer, bytes_of(wrong, len));
        memcpy(wrong, message, len);
        wrong[13] ^= 8;
        peer_answer_dot(peer, bytes_of(wrong, len));
        uint8_t frame[2] = {(uint8_t)(len >> 8), (uint8_t)len};
        (void)peer_write(peer, frame, 2);
        (void)peer_write(peer, message, len);
        peer_answer_dot(peer, bytes_of(message, len));
    }
}

Test(channel_dot, dot_6_what_answers_no_question_is_dropped)
{
    START(BY_NAME, .serve = answer_wrongly_first);
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_expect("b.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

static void answer_cut(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
        struct writer w;
        wr_init(&w, 0);
        struct wr_mark mark = wr_open(&w, 2);
        answer_make(bytes_of(message, len), &w);
        wr_close(&w, mark);
        w.data[4] |= 2; /* TC */
        (void)peer_write(peer, w.data, w.len);
        wr_free(&w);
    }
}

Test(channel_dot, doh_13_an_answer_that_says_that_it_is_cut)
{
    START(BY_NAME, .serve = answer_cut);
    client_expect("a.example", 2000, DNS_REASON_MALFORMED_ANSWER);
    client_stop();
}

/* A late answer to an abandoned question must not become another's. */
static void answer_late(struct tls_peer *peer)
{
    uint8_t message[65535];
    uint8_t second[65535];
    size_t len;
    size_t second_len;
    if (peer_read_query(peer, message, &len) && peer_read_query(peer, second, &second_len)) {
        peer_answer_dot(peer, bytes_of(message, len));
        peer_answer_dot(peer, bytes_of(second, second_len));
        peer_obey(peer);
    }
}

Test(channel_dot, late_answers_are_dropped)
{
    struct dns_ticket *dropped;
    START(BY_NAME, .serve = answer_late);
    cr_assert_eq(client_begin(channel, "a.example", 2000, &dropped), DNS_REASON_OK);
    /* Sent, and then dropped. */
    struct writer none;
    bool pending;
    wr_init(&none, 0);
    (void)!dns_channel_wait(channel, dropped, dns_io_libc.now_us() + 200000, &none, &pending);
    cr_assert(pending);
    dns_channel_drop(channel, dropped);
    client_expect("b.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.queries), 2);
    client_stop();
}

/* ---- framing ---- */

static void write_split(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
        struct writer w;
        wr_init(&w, 0);
        for (unsigned i = 0; i < 2; i++) { /* the second time, to no question */
            struct wr_mark mark = wr_open(&w, 2);
            answer_make(bytes_of(message, len), &w);
            wr_close(&w, mark);
        }
        for (size_t i = 0; i < w.len; i++) {
            (void)peer_write(peer, w.data + i, 1);
        }
        wr_free(&w);
    }
}

Test(channel_dot, dot_4_answers_octet_by_octet)
{
    START(BY_NAME, .serve = write_split);
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_expect("b.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

/* The largest possible message. */
static void write_large(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    while (peer_read_query(peer, message, &len)) {
        struct writer w;
        wr_init(&w, 0);
        wr_u16(&w, 65535);
        answer_make(bytes_of(message, len), &w);
        wr_zeros(&w, 65537 - w.len);
        (void)peer_write(peer, w.data, w.len);
        wr_free(&w);
    }
}

Test(channel_dot, dot_4_the_largest_message)
{
    START(BY_NAME, .serve = write_large);
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_expect("b.example", 2000, DNS_REASON_OK);
    client_stop();
}

static void write_short_length(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    static const uint8_t eleven[13] = {0, 11};
    if (peer_read_query(peer, message, &len)) {
        (void)peer_write(peer, eleven, sizeof eleven);
        peer_obey(peer);
    }
}

Test(channel_dot, a_length_that_no_message_has_ends_the_connection)
{
    START(BY_NAME, .serve = write_short_length);
    client_expect("a.example", 2000, DNS_REASON_MALFORMED_ANSWER);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}

/* A length of 65,535, then a trickle: the message is never whole in time. */
static void trickle(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    static const uint8_t head[2] = {0xff, 0xff};
    if (peer_read_query(peer, message, &len) && peer_write(peer, head, 2)) {
        while (peer_write(peer, "", 1)) {
            usleep(20000);
        }
    }
}

Test(channel_dot, a_slow_trickle_is_bounded)
{
    START(BY_NAME, .serve = trickle);
    uint64_t before = dns_io_libc.now_us();
    client_expect("a.example", 500, DNS_REASON_TIMEOUT);
    uint64_t took = dns_io_libc.now_us() - before;
    cr_assert(took > 450000 && took < 900000, "%llu", (unsigned long long)took);
    client_stop();
}

/* ---- who the server is ---- */

Test(channel_dot, dot_10_the_name_in_the_certificate)
{
    START(BY_NAME, .serve = peer_obey, .dns = "other.test");
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CERTIFICATE);
    cr_assert_eq(atomic_load(&server.queries), 0);
    client_stop();
}

Test(channel_dot, dot_10_the_common_name_says_nothing)
{
    START(BY_NAME, .serve = peer_obey, .common_name = true);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CERTIFICATE);
    client_stop();
}

Test(channel_dot, dot_10_an_expired_certificate)
{
    START(BY_NAME, .serve = peer_obey, .expired = true);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CERTIFICATE);
    client_stop();
}

Test(channel_dot, dot_10_an_unknown_authority)
{
    START(BY_NAME, .serve = peer_obey, .stranger = true);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CERTIFICATE);
    cr_assert_eq(atomic_load(&server.queries), 0);
    client_stop();
}

static char seen_name[256];

static void keep_name(struct tls_peer *peer)
{
    size_t len = sizeof seen_name - 1;
    unsigned type;
    if (gnutls_server_name_get(peer->session, seen_name, &len, &type, 0) != 0) {
        strcpy(seen_name, "none");
    }
    peer_obey(peer);
}

Test(channel_dot, dot_16_server_name_is_the_configured_one)
{
    START(BY_NAME, .serve = keep_name);
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_str_eq(seen_name, "dns.test");
    client_stop();
}

Test(channel_dot, dot_16_without_a_name_the_address_counts_and_none_is_sent)
{
    START(BY_ADDRESS, .serve = keep_name);
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_str_eq(seen_name, "none");
    client_stop();
}

Test(channel_dot, dot_10_dot_12_an_address_needs_itself_in_the_certificate)
{
    START(BY_ADDRESS, .serve = peer_obey, .common_name = true);
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_CERTIFICATE);
    client_stop();
}

/* ---- TLS ---- */

Test(channel_dot, dot_13_tls_12_is_good_enough)
{
    START(BY_NAME, .serve = peer_obey, .priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2");
    client_expect("a.example", 2000, DNS_REASON_OK);
    client_stop();
}

Test(channel_dot, dot_13_tls_11_is_not)
{
    START(BY_NAME, .serve = peer_obey, .priorities = "LEGACY:-VERS-ALL:+VERS-TLS1.1");
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_TLS);
    client_stop();
}

Test(channel_dot, dot_13_nor_are_suites_without_forward_secrecy)
{
    START(BY_NAME, .serve = peer_obey,
          .priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA:+DHE-RSA");
    client_expect("a.example", 2000, DNS_REASON_RESOLVER_TLS);
    client_stop();
}

static void renegotiate(struct tls_peer *peer)
{
    uint8_t message[65535];
    size_t len;
    if (peer_read_query(peer, message, &len)) {
        if (peer->number == 0) {
            gnutls_rehandshake(peer->session);
            usleep(200000);
            return;
        }
        peer_answer_dot(peer, bytes_of(message, len));
    }
}

Test(channel_dot, dot_13_no_renegotiation)
{
    START(BY_NAME, .serve = renegotiate, .priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2");
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_eq(atomic_load(&server.connections), 2);
    client_stop();
}
