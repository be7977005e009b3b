/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS over TLS (RFC 7858): messages with two octets of length (RFC 1035, 4.2.2), many at once,
 * answers in any order (RFC 7766, 6.2.1.1).
 */
#include <stdlib.h>

#include "dns/encrypted/stream_framing.h"

static bool has_room(const struct dns_framing *framing)
{
    (void)framing;
    return true;
}

static bool id_is_used(const struct dns_channel *channel, uint16_t id)
{
    for (const struct dns_ticket *ticket = channel->tickets; ticket != NULL;
         ticket = ticket->next) {
        if (ticket->state == DNS_TICKET_SENT && ticket->wire_id == id) {
            return true;
        }
    }
    return false;
}

static bool submit(struct dns_framing *framing, struct dns_ticket *ticket)
{
    struct dns_stream_framing *dot = (struct dns_stream_framing *)framing;
    uint16_t id;
    do {
        if (!framing->channel->io->random(&id, sizeof id)) {
            return false;
        }
    } while (id_is_used(framing->channel, id));
    struct wr_mark length = wr_open(&dot->out, 2);
    dns_message_with_id(wr_view(&ticket->query), id, &dot->out);
    wr_close(&dot->out, length);
    ticket->wire_id = id;
    return wr_finish(&dot->out) == ECH_OK;
}

static void forget(struct dns_framing *framing, struct dns_ticket *ticket)
{
    (void)framing, (void)ticket; /* its answer will match no ticket */
}

/* RFC 7766, 7: answers are matched by id and by question. An answer to no question of ours is
 * dropped. */
static void message_received(struct dns_channel *channel, struct bytes message)
{
    uint16_t id;
    if (!dns_message_id(message, &id)) {
        return;
    }
    for (struct dns_ticket *ticket = channel->tickets; ticket != NULL; ticket = ticket->next) {
        if (ticket->state == DNS_TICKET_SENT && ticket->wire_id == id &&
            dns_message_answers(message, wr_view(&ticket->query))) {
            dns_ticket_done(channel, ticket, DNS_REASON_OK, message);
            return;
        }
    }
}

static enum dns_reason receive(struct dns_framing *framing, struct bytes in)
{
    struct dns_stream_framing *dot = (struct dns_stream_framing *)framing;
    wr_bytes(&dot->in, in);
    if (wr_finish(&dot->in) != ECH_OK) {
        return DNS_REASON_NO_MEMORY;
    }
    struct bytes all = wr_view(&dot->in);
    struct reader r = rd_of(all);
    struct reader message;
    while (rd_vec16(&r, &message)) {
        if (message.len < DNS_HEADER_SIZE) {
            return DNS_REASON_MALFORMED_ANSWER; /* the server's lengths are out of step */
        }
        message_received(framing->channel, rd_rest(&message));
    }
    wr_consume(&dot->in, all.len - r.len);
    return DNS_REASON_OK;
}

static void ended(struct dns_framing *framing)
{
    (void)framing; /* an incomplete message counts as none */
}

struct dns_framing *dns_framing_dot(struct dns_channel *channel)
{
    struct dns_stream_framing *dot = calloc(1, sizeof *dot);
    if (dot == NULL) {
        return NULL;
    }
    dot->framing = (struct dns_framing){
        .channel = channel,
        .has_room = has_room,
        .submit = submit,
        .forget = forget,
        .receive = receive,
        .ended = ended,
        .flush = dns_stream_flush,
        .free = dns_stream_free,
    };
    wr_init(&dot->out, 0);
    wr_init(&dot->in, 0);
    return &dot->framing;
}
