/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/h2_responder.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H2_BY_NAME "https://dns.test:%u/dns-query#127.0.0.1"

static decide *decision;
struct request h2_last_request;

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
    h2_last_request = *request;
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
    case GO_AWAY_LATER:
    case GO_AWAY_AND_HANG:
        (void)nghttp2_submit_shutdown_notice(h2->session);
        if (reply.act == GO_AWAY_LATER) {
            send_reply(h2, request, &reply);
        }
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
        whole->connection = h2->peer->number;
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

void h2_serve(struct tls_peer *peer)
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

void h2_start(decide *how)
{
    decision = how;
    START(H2_BY_NAME, .serve = h2_serve, .alpn = "h2");
}
