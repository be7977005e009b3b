/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The zone of bad cases (tests/unit/bad_answers.c), by each transport. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/lookup.h"
#include "tests/unit/bad_answers.h"
#include "tests/unit/tls_responder.h"

static struct dns_resolver resolver;
static struct dns_lookup lookup;

/* One case: the right answer, in the time allowed. */
static void check(const struct bad_case *c)
{
    char host[64];
    struct dns_lookup_report report;
    bool waits = c->reason == DNS_REASON_TIMEOUT;
    (void)snprintf(host, sizeof host, "%s.example", c->label);
    lookup.timeout_us = waits ? BAD_BOUND_MS * 1000 : 5000000;
    struct dns_endpoints *answer = dns_lookup_https(&lookup, host, 443, &report);
    cr_assert_not_null(answer);
    cr_expect(answer->result == c->result && answer->reason == c->reason, "%s: %s, not %s",
              c->label, dns_reason_name(answer->reason), dns_reason_name(c->reason));
    cr_expect_eq(answer->count, c->count, "%s: %zu endpoints", c->label, answer->count);
    cr_expect_leq(report.lookup_us, waits ? (BAD_BOUND_MS + 150) * 1000 : 2000000, "%s: %ju us",
                  c->label, (uintmax_t)report.lookup_us);
    dns_endpoints_free(answer);
}

static void check_all(unsigned by)
{
    size_t checked = 0;
    for (size_t i = 0; i < bad_case_count; i++) {
        if ((bad_cases[i].by & by) != 0) {
            check(&bad_cases[i]);
            checked++;
        }
    }
    cr_assert_gt(checked, 40);
}

static void plain(const char *scheme, unsigned by)
{
    static struct responder server;
    char setting[64];
    responder_start(&server, bad_answer);
    (void)snprintf(setting, sizeof setting, "%s://127.0.0.1:%u", scheme, server.port);
    cr_assert_eq(dns_resolver_parse(setting, &resolver, NULL), ECH_OK);
    lookup = (struct dns_lookup){.resolver = &resolver, .io = &dns_io_libc};
    check_all(by);
    responder_stop(&server);
}

Test(lookup_zone, bad_answers_over_udp)
{
    plain("udp", BY_UDP);
}

Test(lookup_zone, bad_answers_over_tcp)
{
    plain("tcp", BY_TCP);
}

/* ---- encrypted: the same answers ---- */

static bool query_of(struct bytes message, struct dns_query *query)
{
    struct reader r = rd_of(message);
    struct bytes skipped;
    struct dns_name name;
    *query = (struct dns_query){.tcp = true};
    return rd_u16(&r, &query->id) && rd_bytes(&r, 10, &skipped) &&
           dns_name_read(&r, &name) == ECH_OK && dns_name_to_host(&name, query->name) &&
           rd_u16(&r, &query->type);
}

static bool write_dot(struct tls_peer *peer, struct bytes message, enum responder_act act)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark mark = wr_open(&w, 2);
    wr_bytes(&w, message);
    wr_close(&w, mark);
    bool half = act == RESPONDER_SEND_HALF;
    bool written = peer_write(peer, w.data, half ? w.len / 2 : w.len);
    wr_free(&w);
    return written && !half;
}

static bool write_doh(struct tls_peer *peer, struct bytes message, enum responder_act act)
{
    char head[160];
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       message.len);
    bool half = act == RESPONDER_SEND_HALF;
    return peer_write(peer, head, (size_t)len) &&
           (message.len == 0 ||
            peer_write(peer, message.data, half ? message.len / 2 : message.len)) &&
           !half;
}

/* All messages that the zone has for a query; false: end the connection. */
static bool respond(struct tls_peer *peer, struct bytes message,
                    bool (*write)(struct tls_peer *, struct bytes, enum responder_act))
{
    struct dns_query query;
    enum responder_act act = RESPONDER_AGAIN;
    bool open = query_of(message, &query);
    for (unsigned round = 0; open && act == RESPONDER_AGAIN; round++) {
        struct message reply = {0};
        act = bad_answer(&query, round, &reply);
        if (act != RESPONDER_DROP) {
            open = write(peer, message_finish(&reply), act);
        }
        message_free(&reply);
    }
    return open;
}

static void serve_dot(struct tls_peer *peer)
{
    static __thread uint8_t message[65535];
    size_t len;
    bool open = true;
    while (open && peer_read_query(peer, message, &len)) {
        open = respond(peer, bytes_of(message, len), write_dot);
    }
}

/* HTTP/1.1, one request after the other. */
static void serve_doh(struct tls_peer *peer)
{
    bool open = true;
    size_t len;
    char *text;
    while (open && (text = peer_read_until(peer, "\r\n\r\n", &len)) != NULL) {
        size_t head = (size_t)(strstr(text, "\r\n\r\n") - text) + 4;
        const char *field = strcasestr(text, "content-length:");
        size_t body = field == NULL ? 0 : strtoul(field + 15, NULL, 10);
        while (open && len < head + body) {
            ssize_t got = gnutls_record_recv(peer->session, text + len, head + body - len);
            open = got > 0;
            len += got > 0 ? (size_t)got : 0;
        }
        open = open && respond(peer, bytes_of(text + head, body), write_doh);
        free(text);
    }
}

static void encrypted(const char *setting, tls_serve *serve, unsigned by)
{
    static struct tls_responder server;
    char text[128];
    tls_responder_start(&server, &(struct tls_responder_options){.serve = serve});
    (void)snprintf(text, sizeof text, setting, server.port);
    cr_assert_eq(dns_resolver_parse(text, &resolver, NULL), ECH_OK);
    lookup = (struct dns_lookup){.resolver = &resolver,
                                 .io = client_own_sockets(),
                                 .channels = {{client_channel(setting, server.port)}, 1}};
    check_all(by);
    client_end(lookup.channels.each[0]);
    tls_responder_stop(&server);
}

Test(lookup_zone, bad_answers_over_tls)
{
    encrypted("tls://127.0.0.1:%u#dns.test", serve_dot, BY_TLS);
}

Test(lookup_zone, bad_answers_over_https)
{
    encrypted("https://dns.test:%u/dns-query#127.0.0.1", serve_doh, BY_HTTPS);
}
