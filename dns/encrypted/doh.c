/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/doh.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- common to both versions of HTTP ---- */

void dns_doh_authority(const struct dns_secure_server *server, char out[DNS_AUTHORITY_SIZE])
{
    char address[INET6_ADDRSTRLEN] = "";
    char port[8] = "";
    const char *host = server->name;
    bool v6 = false;
    if (host[0] == '\0') {
        v6 = server->address[0].any.sa_family == AF_INET6;
        const void *octets = v6 ? (const void *)&server->address[0].v6.sin6_addr
                                : (const void *)&server->address[0].v4.sin_addr;
        (void)inet_ntop(server->address[0].any.sa_family, octets, address, sizeof address);
        host = address;
    }
    if (server->port != DNS_HTTPS_PORT) {
        (void)snprintf(port, sizeof port, ":%u", server->port);
    }
    (void)snprintf(out, DNS_AUTHORITY_SIZE, "%s%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

void dns_doh_answer(struct dns_channel *channel, struct dns_ticket *ticket,
                    const struct http_response *response, struct bytes body)
{
    struct bytes none = {0};
    if (response == NULL) {
        dns_ticket_done(channel, ticket, DNS_REASON_HTTP_ANSWER, none);
        return;
    }
    if (response->status < 200 || response->status > 299) {
        /* Redirects are not followed: the user configured whom to ask (RFC 8484, 3). */
        dns_ticket_done(channel, ticket, DNS_REASON_HTTP_STATUS, none);
    } else if (!response->is_dns_message) {
        dns_ticket_done(channel, ticket, DNS_REASON_HTTP_ANSWER, none);
    } else if (response->age == 0) {
        dns_ticket_done(channel, ticket, DNS_REASON_OK, body);
    } else {
        /* RFC 8484, 5.1: the answer's age in HTTP caches is taken off its TTLs. */
        struct writer aged;
        wr_init(&aged, DNS_MESSAGE_MAX);
        enum ech_status status = dns_message_age(body, response->age, &aged);
        enum dns_reason reason = DNS_REASON_OK;
        if (status != ECH_OK) {
            reason = status == ECH_ERR_DECODE ? DNS_REASON_MALFORMED_ANSWER : DNS_REASON_NO_MEMORY;
        }
        dns_ticket_done(channel, ticket, reason, wr_view(&aged));
        wr_free(&aged);
    }
}

/* ---- HTTP/2 (RFC 9113), by nghttp2 ---- */

/* A request and what has come of its response: the user data of an HTTP/2 stream. */
struct stream {
    struct stream *next;
    int32_t id;
    struct dns_ticket *ticket; /* NULL: it was dropped */
    struct http_response response;
    struct writer body;
    struct reader query; /* the rest that must be sent, borrowed from the ticket */
    bool whole;          /* END_STREAM came */
    bool broken;
};

struct doh2 {
    struct dns_framing framing;
    nghttp2_session *session;
    struct stream *streams;
};

static struct stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static void stream_free(struct doh2 *doh2, struct stream *stream)
{
    struct stream **at = &doh2->streams;
    while (*at != stream) {
        at = &(*at)->next;
    }
    *at = stream->next;
    wr_free(&stream->body);
    free(stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *context)
{
    (void)flags, (void)context;
    struct stream *stream = stream_of(session, frame->hd.stream_id);
    struct bytes field = bytes_of(name, name_len);
    if (stream == NULL || frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (bytes_equal(field, bytes_of(":status", 7))) {
        /* nghttp2 has checked that it has three digits and comes first. After an interim status
         * another one follows. */
        char digits[4] = "";
        memcpy(digits, value, value_len < 3 ? value_len : 3);
        stream->response = (struct http_response){.status = (unsigned)strtoul(digits, NULL, 10)};
    } else {
        http_field(&stream->response, field, bytes_of(value, value_len));
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *context)
{
    (void)flags, (void)context;
    struct stream *stream = stream_of(session, id);
    if (stream == NULL || stream->broken) {
        return 0;
    }
    wr_bytes(&stream->body, bytes_of(data, len));
    if (wr_finish(&stream->body) != ECH_OK) {
        stream->broken = true;
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct doh2 *doh2 = context;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        doh2->framing.leaves = true;
    } else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        struct stream *stream = stream_of(session, frame->hd.stream_id);
        if (stream != NULL) {
            stream->whole = true;
        }
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
    struct doh2 *doh2 = context;
    struct stream *stream = stream_of(session, id);
    if (stream == NULL) {
        return 0;
    }
    struct dns_ticket *ticket = stream->ticket;
    if (ticket != NULL) {
        if (stream->whole && !stream->broken) {
            dns_doh_answer(doh2->framing.channel, ticket, &stream->response,
                           wr_view(&stream->body));
        } else if (error == NGHTTP2_REFUSED_STREAM) {
            /* RFC 9113, 8.7 and 6.8: the server did not process it, so it may be asked again on
             * another connection. */
            doh2->framing.leaves = true;
            ticket->state = DNS_TICKET_RETURNED;
        } else {
            dns_doh_answer(doh2->framing.channel, ticket, NULL, (struct bytes){0});
        }
    }
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    stream_free(doh2, stream);
    return 0;
}

static ssize_t read_query(nghttp2_session *session, int32_t id, uint8_t *out, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session, (void)id, (void)context;
    struct stream *stream = source->ptr;
    size_t octets = stream->query.len < size ? stream->query.len : size;
    if (!rd_copy(&stream->query, out, octets)) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (rd_done(&stream->query)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)octets;
}

/* nghttp2 also counts submitted requests, and holds back those over the server's limit. */
static bool has_room(const struct dns_framing *framing)
{
    const struct doh2 *doh2 = (const struct doh2 *)framing;
    return !framing->leaves && nghttp2_session_check_request_allowed(doh2->session) != 0;
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

static bool submit(struct dns_framing *framing, struct dns_ticket *ticket)
{
    struct doh2 *doh2 = (struct doh2 *)framing;
    const struct dns_secure_server *server = framing->channel->server;
    struct stream *stream = calloc(1, sizeof *stream);
    char authority[DNS_AUTHORITY_SIZE];
    char length[24];
    if (stream == NULL) {
        return false;
    }
    stream->ticket = ticket;
    stream->query = rd_of(wr_view(&ticket->query));
    wr_init(&stream->body, DNS_MESSAGE_MAX);
    dns_doh_authority(server, authority);
    (void)snprintf(length, sizeof length, "%zu", stream->query.len);
    const nghttp2_nv fields[] = {
        field(":method", "POST"),
        field(":scheme", "https"),
        field(":authority", authority),
        field(":path", server->path),
        field("accept", "application/dns-message"),
        field("content-type", "application/dns-message"),
        field("content-length", length),
    };
    const nghttp2_data_provider provider = {.source = {.ptr = stream}, .read_callback = read_query};
    stream->next = doh2->streams;
    doh2->streams = stream;
    stream->id = nghttp2_submit_request(doh2->session, NULL, fields,
                                        sizeof fields / sizeof fields[0], &provider, stream);
    if (stream->id < 0) {
        stream_free(doh2, stream);
        return false;
    }
    return true;
}

/* nghttp2 knows a stream only once its request was sent. */
static void forget(struct dns_framing *framing, struct dns_ticket *ticket)
{
    struct doh2 *doh2 = (struct doh2 *)framing;
    for (struct stream *stream = doh2->streams; stream != NULL; stream = stream->next) {
        if (stream->ticket == ticket) {
            stream->ticket = NULL;
            stream->query = (struct reader){0};
            (void)nghttp2_submit_rst_stream(doh2->session, NGHTTP2_FLAG_NONE, stream->id,
                                            NGHTTP2_CANCEL);
        }
    }
}

static enum dns_reason receive(struct dns_framing *framing, struct bytes in)
{
    struct doh2 *doh2 = (struct doh2 *)framing;
    ssize_t result = nghttp2_session_mem_recv(doh2->session, in.data, in.len);
    if (result == NGHTTP2_ERR_NOMEM) {
        return DNS_REASON_NO_MEMORY;
    }
    if (result < 0) {
        return DNS_REASON_HTTP_ANSWER;
    }
    return DNS_REASON_OK;
}

static void ended(struct dns_framing *framing)
{
    (void)framing; /* an incomplete response counts as none */
}

static enum dns_reason flush(struct dns_framing *framing, struct writer *out)
{
    enum { ENOUGH = 32768 };
    struct doh2 *doh2 = (struct doh2 *)framing;
    while (out->len < ENOUGH) {
        const uint8_t *data;
        ssize_t len = nghttp2_session_mem_send(doh2->session, &data);
        if (len < 0) {
            return len == NGHTTP2_ERR_NOMEM ? DNS_REASON_NO_MEMORY : DNS_REASON_HTTP_ANSWER;
        }
        if (len == 0) {
            /* The server broke the rules, and our last frame to it was sent. */
            bool over = out->len == 0 && nghttp2_session_want_read(doh2->session) == 0 &&
                        nghttp2_session_want_write(doh2->session) == 0;
            return over ? DNS_REASON_HTTP_ANSWER : DNS_REASON_OK;
        }
        wr_bytes(out, bytes_of(data, (size_t)len));
        if (wr_finish(out) != ECH_OK) {
            return DNS_REASON_NO_MEMORY;
        }
    }
    return DNS_REASON_OK;
}

static void doh2_free(struct dns_framing *framing)
{
    struct doh2 *doh2 = (struct doh2 *)framing;
    nghttp2_session_del(doh2->session);
    while (doh2->streams != NULL) {
        stream_free(doh2, doh2->streams);
    }
    free(doh2);
}

static bool session_make(struct doh2 *doh2)
{
    enum { FIELDS_MAX = 16384 };
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, FIELDS_MAX},
    };
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return false;
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    bool made = nghttp2_session_client_new(&doh2->session, callbacks, doh2) == 0;
    nghttp2_session_callbacks_del(callbacks);
    return made && nghttp2_submit_settings(doh2->session, NGHTTP2_FLAG_NONE, settings,
                                           sizeof settings / sizeof settings[0]) == 0;
}

struct dns_framing *dns_framing_http2(struct dns_channel *channel)
{
    struct doh2 *doh2 = calloc(1, sizeof *doh2);
    if (doh2 == NULL) {
        return NULL;
    }
    doh2->framing = (struct dns_framing){
        .channel = channel,
        .has_room = has_room,
        .submit = submit,
        .forget = forget,
        .receive = receive,
        .ended = ended,
        .flush = flush,
        .free = doh2_free,
    };
    if (!session_make(doh2)) {
        doh2_free(&doh2->framing);
        return NULL;
    }
    return &doh2->framing;
}
