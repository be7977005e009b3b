/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The questions of one channel. Each has a ticket, from when it is asked until its caller has the
 * answer.
 */
#include <stdlib.h>

#include "dns/encrypted/channel_state.h"
#include "dns/io.h"

/* Wakes the threads that wait for a ticket, or to lead. */
void dns_tickets_tell(struct dns_channel *channel)
{
    atomic_fetch_add_explicit(&channel->changed, 1, memory_order_relaxed);
    if (channel->waiting > 0) {
        channel->io->wake(&channel->changed);
    }
}

static void ticket_free(struct dns_ticket *ticket)
{
    wr_free(&ticket->query);
    wr_free(&ticket->answer);
    free(ticket);
}

static void ticket_unlink(struct dns_channel *channel, struct dns_ticket *ticket)
{
    struct dns_ticket **at = &channel->tickets;
    while (*at != ticket) {
        at = &(*at)->next;
    }
    *at = ticket->next;
}

/* Removes it from the queue and the connection. */
void dns_ticket_end(struct dns_channel *channel, struct dns_ticket *ticket)
{
    if (ticket->state == DNS_TICKET_SENT && channel->connection.framing != NULL) {
        channel->connection.framing->forget(channel->connection.framing, ticket);
    }
    ticket_unlink(channel, ticket);
    ticket_free(ticket);
}

struct dns_ticket *dns_ticket_add(struct dns_channel *channel, struct bytes query,
                                  uint64_t deadline_us, enum dns_reason *reason)
{
    struct dns_ticket *ticket = calloc(1, sizeof *ticket);
    *reason = DNS_REASON_NO_MEMORY;
    if (ticket == NULL) {
        return NULL;
    }
    ticket->deadline_us = deadline_us;
    wr_init(&ticket->query, DNS_MESSAGE_MAX);
    wr_init(&ticket->answer, DNS_MESSAGE_MAX);
    enum ech_status status = dns_message_pad(query, &ticket->caller_id, &ticket->query);
    if (status != ECH_OK) {
        *reason = status == ECH_ERR_NOMEM ? DNS_REASON_NO_MEMORY : DNS_REASON_FORMERR;
        ticket_free(ticket);
        return NULL;
    }
    struct dns_ticket **at = &channel->tickets;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = ticket;
    return ticket;
}

/* Smoothed as TCP smooths its round trips (RFC 6298, 2.3). */
static void note_time(struct dns_channel *channel, const struct dns_ticket *ticket)
{
    uint64_t took_us = channel->io->now_us() - ticket->sent_us + 1;
    channel->usual_us = channel->usual_us == 0 ? took_us : (7 * channel->usual_us + took_us) / 8;
}

void dns_ticket_done(struct dns_channel *channel, struct dns_ticket *ticket, enum dns_reason reason,
                     struct bytes message)
{
    if (reason == DNS_REASON_OK) {
        channel->connection.proven = true;
        channel->silences = 0;
        note_time(channel, ticket);
        if (!dns_message_answers(message, wr_view(&ticket->query)) || dns_message_is_cut(message)) {
            reason = DNS_REASON_MALFORMED_ANSWER;
        } else {
            dns_message_with_id(message, ticket->caller_id, &ticket->answer);
            reason = wr_finish(&ticket->answer) == ECH_OK ? DNS_REASON_OK : DNS_REASON_NO_MEMORY;
        }
    }
    ticket->reason = reason;
    ticket->state = DNS_TICKET_DONE;
    if (ticket->learn != NULL) {
        ticket->learn(channel, ticket); /* at once: the next connection may be made soon */
    }
    dns_tickets_tell(channel);
}

/* No caller frees the channel's own question. Not in a loop over the tickets. */
void dns_tickets_free_own(struct dns_channel *channel)
{
    struct dns_ticket *next;
    for (struct dns_ticket *ticket = channel->tickets; ticket != NULL; ticket = next) {
        next = ticket->next;
        if (ticket->learn != NULL && ticket->state == DNS_TICKET_DONE) {
            dns_ticket_end(channel, ticket);
        }
    }
}

void dns_tickets_fail(struct dns_channel *channel, enum dns_reason reason)
{
    for (struct dns_ticket *ticket = channel->tickets; ticket != NULL; ticket = ticket->next) {
        if (ticket->state != DNS_TICKET_DONE) {
            dns_ticket_done(channel, ticket, reason, (struct bytes){0});
        }
    }
}

void dns_tickets_requeue(struct dns_channel *channel, enum dns_reason reason)
{
    bool counts = !channel->connection.proven || reason == DNS_REASON_TIMEOUT;
    for (struct dns_ticket *ticket = channel->tickets; ticket != NULL; ticket = ticket->next) {
        if (ticket->state != DNS_TICKET_SENT && ticket->state != DNS_TICKET_RETURNED) {
            continue;
        }
        ticket->tries -= counts ? 0 : 1;
        if (ticket->tries >= DNS_TRIES_MAX) {
            dns_ticket_done(channel, ticket, reason, (struct bytes){0});
        } else {
            ticket->state = DNS_TICKET_QUEUED;
        }
    }
}

bool dns_tickets_any(const struct dns_channel *channel, enum dns_ticket_state state)
{
    for (const struct dns_ticket *ticket = channel->tickets; ticket != NULL;
         ticket = ticket->next) {
        if (ticket->state == state) {
            return true;
        }
    }
    return false;
}
