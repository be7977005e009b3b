/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The question as a ticket of the channel. */
static void channel_begin(struct dns_asking *asking, uint64_t deadline_us)
{
    struct writer query;
    wr_init(&query, DNS_QUERY_SIZE);
    asking->failure = DNS_REASON_NO_MEMORY;
    if (dns_query_encode(asking->question, 0, DNS_EDNS_0, &query) == ECH_OK) {
        asking->failure =
            dns_channel_ask(asking->channel, wr_view(&query), deadline_us, &asking->ticket);
    }
    wr_free(&query);
}

void dns_asking_begin(struct dns_asking *asking, const struct dns_lookup *lookup,
                      const struct dns_servers *servers, const struct dns_question *question,
                      uint64_t deadline_us)
{
    *asking = (struct dns_asking){
        .io = lookup->io, .channel = lookup->channel, .question = question, .servers = servers};
    if (asking->channel != NULL) {
        channel_begin(asking, deadline_us);
    } else if (servers->count > 0) {
        dns_plain_begin(&asking->plain, lookup->io, servers, question, lookup->health, deadline_us);
    } else {
        asking->failure = DNS_REASON_NO_MEMORY; /* the channel could not be made */
    }
}

void dns_asking_hurry(struct dns_asking *asking)
{
    if (asking->channel == NULL && asking->failure == DNS_REASON_OK) {
        dns_plain_hurry(&asking->plain);
    }
}

static enum dns_reason channel_parse(struct dns_asking *asking, struct bytes message)
{
    struct dns_exchange *x = asking->x;
    if (message.len > sizeof x->message) {
        return DNS_REASON_MALFORMED_ANSWER;
    }
    /* The answer borrows from x->message. */
    memcpy(x->message, message.data, message.len);
    struct bytes kept = bytes_of(x->message, message.len);
    if (!dns_answer_matches(kept, asking->question, 0)) {
        return DNS_REASON_MALFORMED_ANSWER;
    }
    switch (dns_answer_parse(kept, asking->question, &x->answer)) {
    case ECH_OK:
        return dns_reason_of_rcode(&x->answer);
    case ECH_ERR_NOMEM:
        return DNS_REASON_NO_MEMORY;
    default:
        return DNS_REASON_MALFORMED_ANSWER;
    }
}

static enum dns_reason channel_drive(struct dns_asking *asking, uint64_t deadline_us, bool *pending)
{
    struct writer message;
    wr_init(&message, DNS_MESSAGE_MAX);
    enum dns_reason reason =
        dns_channel_wait(asking->channel, asking->ticket, 0, &message, pending);
    if (!*pending) {
        asking->ticket = NULL;
        if (reason == DNS_REASON_OK) {
            reason = channel_parse(asking, wr_view(&message));
        }
    } else if (asking->io->now_us() >= deadline_us) {
        dns_channel_expire(asking->channel, asking->ticket);
        asking->ticket = NULL;
        *pending = false;
        reason = DNS_REASON_TIMEOUT;
    }
    wr_free(&message);
    return reason;
}

enum dns_reason dns_asking_drive(struct dns_asking *asking, uint64_t deadline_us, bool *pending)
{
    *pending = false;
    if (asking->failure != DNS_REASON_OK) {
        return asking->failure;
    }
    if (asking->x == NULL && (asking->x = malloc(sizeof *asking->x)) == NULL) {
        return DNS_REASON_NO_MEMORY;
    }
    if (asking->channel != NULL) {
        return channel_drive(asking, deadline_us, pending);
    }
    asking->plain.deadline_us = deadline_us;
    return dns_plain_drive(&asking->plain, asking->x, pending);
}

static bool channel_wait(struct dns_asking *const *askings, size_t count, uint64_t until_us)
{
    struct dns_ticket *tickets[DNS_ASKING_MAX];
    size_t used = 0;
    for (; used < count && used < DNS_ASKING_MAX; used++) {
        tickets[used] = askings[used]->ticket;
    }
    return dns_channel_wait_any(askings[0]->channel, tickets, used, until_us);
}

bool dns_asking_wait(struct dns_asking *const *askings, size_t count, uint64_t until_us)
{
    const struct dns_io *io = askings[0]->io;
    if (askings[0]->channel != NULL) {
        return channel_wait(askings, count, until_us);
    }
    struct pollfd fds[DNS_ASKING_MAX];
    size_t used = 0;
    for (; used < count && used < DNS_ASKING_MAX; used++) {
        uint64_t own_us;
        fds[used] = dns_plain_awaits(&askings[used]->plain, &own_us);
        until_us = own_us < until_us ? own_us : until_us;
    }
    uint64_t now = io->now_us();
    uint64_t left_ms = now >= until_us ? 0 : (until_us - now + 999) / 1000;
    int ready = io->poll(fds, used, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    /* EBADF: dns_asking_drive will see it and ask again. */
    return ready >= 0 || errno == EINTR || errno == EBADF;
}

void dns_asking_end(struct dns_asking *asking)
{
    if (asking->channel != NULL) {
        dns_channel_drop(asking->channel, asking->ticket);
    } else if (asking->failure == DNS_REASON_OK) {
        dns_plain_end(&asking->plain);
    }
    free(asking->x);
    asking->x = NULL;
}
