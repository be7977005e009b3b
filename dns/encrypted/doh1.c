/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS over HTTPS by HTTP/1.1, for servers without HTTP/2. One POST at a time, since answers come in
 * order, on a connection that is kept (RFC 8484, 5.2).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/encrypted/doh.h"
#include "dns/encrypted/http1.h"
#include "dns/encrypted/stream_framing.h"

struct doh1 {
    struct dns_stream_framing stream;
    bool busy;                 /* a request has no response yet */
    struct dns_ticket *ticket; /* the request's ticket; NULL: it was dropped */
};

static bool has_room(const struct dns_framing *framing)
{
    const struct doh1 *doh1 = (const struct doh1 *)framing;
    return !doh1->busy;
}

static bool submit(struct dns_framing *framing, struct dns_ticket *ticket)
{
    struct doh1 *doh1 = (struct doh1 *)framing;
    const struct dns_secure_server *server = framing->channel->server;
    char authority[DNS_AUTHORITY_SIZE];
    char head[DNS_RESOLVER_ID + DNS_PATH_SIZE + 256];
    struct bytes query = wr_view(&ticket->query);
    dns_doh_authority(server, authority);
    int len = snprintf(head, sizeof head,
                       "POST %s HTTP/1.1\r\n"
                       "Host: %s\r\n"
                       "Accept: application/dns-message\r\n"
                       "Content-Type: application/dns-message\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       server->path, authority, query.len);
    wr_bytes(&doh1->stream.out, bytes_of(head, (size_t)len));
    wr_bytes(&doh1->stream.out, query);
    doh1->busy = true;
    doh1->ticket = ticket;
    return wr_finish(&doh1->stream.out) == ECH_OK;
}

static void forget(struct dns_framing *framing, struct dns_ticket *ticket)
{
    struct doh1 *doh1 = (struct doh1 *)framing;
    doh1->ticket = doh1->ticket == ticket ? NULL : doh1->ticket;
}

/* At most one response, because there is at most one request. */
static enum dns_reason response_take(struct doh1 *doh1, bool is_end)
{
    struct http_response response;
    struct writer body;
    size_t used;
    if (doh1->stream.in.len == 0) {
        return DNS_REASON_OK;
    }
    if (!doh1->busy) {
        return DNS_REASON_HTTP_ANSWER; /* it answers no request */
    }
    wr_init(&body, DNS_MESSAGE_MAX);
    enum http1_result result =
        http1_parse(wr_view(&doh1->stream.in), is_end, &response, &body, &used);
    enum dns_reason reason = DNS_REASON_OK;
    if (result != HTTP1_PARTIAL) {
        struct dns_ticket *ticket = doh1->ticket;
        bool bad = result == HTTP1_BAD;
        doh1->busy = false;
        doh1->ticket = NULL;
        wr_consume(&doh1->stream.in, used);
        if (ticket != NULL) {
            dns_doh_answer(doh1->stream.framing.channel, ticket, bad ? NULL : &response,
                           wr_view(&body));
        }
        if (bad) {
            reason = DNS_REASON_HTTP_ANSWER;
        } else if (response.closes) {
            reason = DNS_REASON_RESOLVER_CLOSED;
        }
    }
    wr_free(&body);
    return reason;
}

static enum dns_reason receive(struct dns_framing *framing, struct bytes in)
{
    struct doh1 *doh1 = (struct doh1 *)framing;
    wr_bytes(&doh1->stream.in, in);
    return wr_finish(&doh1->stream.in) == ECH_OK ? response_take(doh1, false)
                                                 : DNS_REASON_HTTP_ANSWER;
}

static void ended(struct dns_framing *framing)
{
    (void)response_take((struct doh1 *)framing, true);
}

struct dns_framing *dns_framing_http1(struct dns_channel *channel)
{
    struct doh1 *doh1 = calloc(1, sizeof *doh1);
    if (doh1 == NULL) {
        return NULL;
    }
    doh1->stream.framing = (struct dns_framing){
        .channel = channel,
        .has_room = has_room,
        .submit = submit,
        .forget = forget,
        .receive = receive,
        .ended = ended,
        .flush = dns_stream_flush,
        .free = dns_stream_free,
    };
    wr_init(&doh1->stream.out, 0);
    wr_init(&doh1->stream.in, 0);
    return &doh1->stream.framing;
}
