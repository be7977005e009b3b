/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel by DNS over HTTPS, over HTTP/2. */
#include <criterion/criterion.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/channel_message.h"
#include "tests/unit/tls_responder.h"

#define BY_NAME "https://dns.test:%u/dns-query#127.0.0.1"
#define BY_ADDRESS "https://127.0.0.1:%u/q?a=b"
#define BY_SYSTEM "https://localhost:%u/dns-query"

/* ---- a server of HTTP/2 ---- */

enum act {
    REPLY,
    DROP,    /* no answer */
    RESET,   /* RST_STREAM with REFUSED_STREAM, then GOAWAY at the latest */
    CANCEL,  /* RST_STREAM with INTERNAL_ERROR */
    GO_AWAY, /* without an answer, and before the request as it were */
    REPLY_THEN_GO_AWAY,
    HALF_BODY,  /* and then RST_STREAM */
    GARBAGE,    /* no frames at all */
    HALF_CLOSE, /* close_notify, no answer */
};

/* What is being sent. */
struct sending {
    struct writer body;
    size_t at;
    bool half;
};

struct request {
    struct sending sending;
    struct request *next; /* of the connection */
    int32_t id;
    unsigned number;   /* of all requests */
    char fields[1024]; /* "name: value\n" */
    uint8_t body[65535];
    size_t body_len;
};

struct reply {
    enum act act;
    const char *status;       /* "200" */
    const char *content_type; /* application/dns-message */
    const char *age;
    const char *location;
    bool wrong_question;
    size_t pad; /* octets behind the message */
};

typedef void decide(const struct request *request, struct reply *reply);

static decide *decision;
static struct request last_request;

struct h2 {
    struct tls_peer *peer;
    nghttp2_session *session;
    struct request *requests;
    bool ends;
};

static struct request *request_of(struct h2 *h2, int32_t id)
{
    struct request *request = h2->requests;
    while (request != NULL && request->id != id) {
        request = request->next;
    }
    if (request == NULL) {
        request = calloc(1, sizeof *request);
        *request = (struct request){.next = h2->requests, .id = id};
        h2->requests = request;
    }
    return request;
}

static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                    void *context)
{
    (void)session, (void)flags;
    struct request *request = request_of(context, frame->hd.stream_id);
    size_t have = strlen(request->fields);
    snprintf(request->fields + have, sizeof request->fields - have, "%.*s: %.*s\n", (int)name_len,
             (const char *)name, (int)value_len, (const char *)value);
    return 0;
}

static int on_body(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *context)
{
    (void)session, (void)flags;
    struct request *request = request_of(context, id);
    memcpy(request->body + request->body_len, data, len);
    request->body_len += len;
    return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)context;
    struct sending *sending = source->ptr;
    size_t left = sending->body.len - sending->at;
    size_t octets = left < size ? left : size;
    if (sending->half) {
        octets /= 2;
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    }
    memcpy(out, sending->body.data + sending->at, octets);
    sending->at += octets;
    if (sending->at == sending->body.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)octets;
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static void send_reply(struct h2 *h2, struct request *request, const struct reply *reply)
{
    struct sending *sending = &request->sending;
    nghttp2_nv fields[4];
    size_t count = 0;
    wr_init(&sending->body, 0);
    answer_make(bytes_of(request->body, request->body_len), &sending->body);
    if (reply->wrong_question) {
        sending->body.data[13] ^= 8;
    }
    wr_zeros(&sending->body, reply->pad);
    sending->half = reply->act == HALF_BODY;
    fields[count++] = nv(":status", reply->status != NULL ? reply->status : "200");
    if (reply->location != NULL) {
        fields[count++] = nv("location", reply->location);
    }
    fields[count++] = nv("content-type", reply->content_type != NULL ? reply->content_type
                                                                     : "application/dns-message");
    if (reply->age != NULL) {
        fields[count++] = nv("age", reply->age);
    }
    nghttp2_data_provider provider = {.source = {.ptr = sending}, .read_callback = read_body};
    nghttp2_submit_response(h2->session, request->id, fields, count, &provider);
}

static void act_on(struct h2 *h2, struct request *request)
{
    struct reply reply = {.act = REPLY};
    last_request = *request;
    if (decision != NULL) {
        decision(request, &reply);
    }
    switch (reply.act) {
    case REPLY:
    case HALF_BODY:
        send_reply(h2, request, &reply);
        break;
    case REPLY_THEN_GO_AWAY:
        send_reply(h2, request, &reply);
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, request->id, NGHTTP2_NO_ERROR, NULL,
                              0);
        break;
    case RESET:
        nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, request->id,
                                  NGHTTP2_REFUSED_STREAM);
        break;
    case CANCEL:
        nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, request->id,
                                  NGHTTP2_INTERNAL_ERROR);
        break;
    case GO_AWAY:
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
        break;
    case GARBAGE:
        (void)peer_write(h2->peer, "garbage, and not a frame of HTTP/2 at all", 40);
        break;
    case HALF_CLOSE:
        gnutls_bye(h2->peer->session, GNUTLS_SHUT_WR);
        h2->ends = true;
        break;
    case DROP:
        break;
    }
}

static int on_request(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct h2 *h2 = context;
    (void)session;
    bool request = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        struct request *whole = request_of(h2, frame->hd.stream_id);
        whole->number = atomic_fetch_add(&h2->peer->responder->queries, 1);
        act_on(h2, whole);
    }
    return 0;
}

static bool flush(struct h2 *h2)
{
    const uint8_t *data;
    ssize_t len;
    while ((len = nghttp2_session_mem_send(h2->session, &data)) > 0) {
        if (!peer_write(h2->peer, data, (size_t)len)) {
            return false;
        }
    }
    return len == 0;
}

static void serve_h2(struct tls_peer *peer)
{
    struct h2 h2 = {.peer = peer};
    nghttp2_session_callbacks *callbacks;
    uint8_t in[16384];
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_body);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_request);
    nghttp2_session_server_new(&h2.session, callbacks, &h2);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(h2.session, NGHTTP2_FLAG_NONE, NULL, 0);
    while (flush(&h2) && !h2.ends) {
        ssize_t got = gnutls_record_recv(peer->session, in, sizeof in);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED) {
            continue;
        }
        if (got <= 0 || nghttp2_session_mem_recv(h2.session, in, (size_t)got) < 0) {
            break;
        }
    }
    nghttp2_session_del(h2.session);
    while (h2.requests != NULL) {
        struct request *next = h2.requests->next;
        wr_free(&h2.requests->sending.body);
        free(h2.requests);
        h2.requests = next;
    }
}

static void start_h2(decide *how)
{
    decision = how;
    START(BY_NAME, .serve = serve_h2, .alpn = "h2");
}

/* ---- requests ---- */

Test(channel_doh, doh_2_doh_3_doh_4_doh_9_doh_14_the_request)
{
    char authority[64];
    start_h2(NULL);
    client_expect("a.example", 2000, DNS_REASON_OK);
    snprintf(authority, sizeof authority, ":authority: dns.test:%u\n", server.port);
    char expected[1024];
    snprintf(expected, sizeof expected,
             ":method: POST\n:scheme: https\n%s:path: /dns-query\n"
             "accept: application/dns-message\ncontent-type: application/dns-message\n"
             "content-length: 128\n",
             authority);
    /* These and no others: no cookie, no user-agent. */
    cr_assert_str_eq(last_request.fields, expected);
    cr_assert_eq(last_request.body[0] << 8 | last_request.body[1], 0);
    client_stop();
}

Test(channel_doh, doh_12_pad_5_the_message_in_it_is_padded)
{
    start_h2(NULL);
    client_expect("a-rather-long-name-that-takes-more-room.example", 2000, DNS_REASON_OK);
    cr_assert_eq(last_request.body_len, 128);
    client_stop();
}

Test(channel_doh, doh_1_the_path_is_the_configured_one_and_an_address_is_an_authority)
{
    char authority[64];
    START(BY_ADDRESS, .serve = serve_h2, .alpn = "h2");
    client_expect("a.example", 2000, DNS_REASON_OK);
    cr_assert_not_null(strstr(last_request.fields, ":path: /q?a=b\n"));
    snprintf(authority, sizeof authority, ":authority: 127.0.0.1:%u\n", server.port);
    cr_assert_not_null(strstr(last_request.fields, authority));
    client_stop();
}

Test(channel_doh, doh_11_a_name_is_looked_up_by_the_system)
{
    START(BY_SYSTEM, .serve = serve_h2, .alpn = "h2", .dns = "localhost");
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
    START(BY_NAME, .serve = serve_h2, .alpn = "h2", .dns = "other.test");
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
    start_h2(only_the_last);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(client_begin(channel, names[i], 1000, &tickets[i]), DNS_REASON_OK);
    }
    cr_assert_eq(client_finish(channel, tickets[2], names[2], 1001), DNS_REASON_OK);
    dns_channel_drop(channel, tickets[0]);
    /* The connection is alive: it is not the connection that this one waits for. */
    cr_assert_eq(client_finish(channel, tickets[1], names[1], 1001), DNS_REASON_TIMEOUT);
    cr_assert_eq(atomic_load(&server.connections), 1);
    client_stop();
}

Test(channel_doh, doh_8_eight_threads_share_one_connection)
{
    start_h2(NULL);
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
    start_h2(large);
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
    start_h2(too_large);
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
        start_h2(test##_reply);                                                                    \
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
        start_h2(test##_reply);                                                                    \
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
    start_h2(always_going_away);
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
    start_h2(never);
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
    start_h2(aged);
    for (unsigned i = 0; i < 6; i++) {
        cr_assert_eq(ttl_of("a.example"), expected[i], "%u", i);
    }
    client_stop();
}
