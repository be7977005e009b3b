/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/standing.h"

static bool is_plain(const struct dns_asking *asking)
{
    return asking->lookup->channels.count == 0;
}

/* ---- encrypted resolvers ---- */

static struct dns_channel *channel_of(const struct dns_asking *asking, size_t place)
{
    return asking->lookup->channels.each[asking->order[place]];
}

static const char *id_of(const struct dns_asking *asking, size_t place)
{
    return asking->lookup->resolver->secure[asking->order[place]].id;
}

/* Those that are known to be down come last, else the user's order. */
static void order_make(struct dns_asking *asking)
{
    size_t count = asking->lookup->channels.count;
    bool down[DNS_RESOLVERS_MAX];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        down[i] = dns_standing_is_down(asking->lookup, asking->lookup->resolver->secure[i].id);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            if (down[i] == (round == 1)) {
                asking->down[used] = down[i];
                asking->order[used++] = i;
            }
        }
    }
}

static bool says_little(enum dns_reason reason)
{
    return reason == DNS_REASON_OK || reason == DNS_REASON_TIMEOUT || reason == DNS_REASON_NETWORK;
}

/* Of several failures, the first one that says more than silence is told. */
static void note_failure(struct dns_asking *asking, enum dns_reason reason)
{
    if (asking->failure == DNS_REASON_OK ||
        (says_little(asking->failure) && !says_little(reason))) {
        asking->failure = reason;
    }
}

/* Asks the next resolver that can be asked. False: there is none. */
static bool ask_next(struct dns_asking *asking)
{
    struct writer query;
    bool asked = false;
    wr_init(&query, DNS_QUERY_SIZE);
    bool made = dns_query_encode(asking->question, 0, DNS_EDNS_0, &query) == ECH_OK;
    while (!asked && asking->begun < asking->lookup->channels.count) {
        size_t place = asking->begun++;
        struct dns_channel *channel = channel_of(asking, place);
        enum dns_reason reason = DNS_REASON_NO_MEMORY;
        if (made && channel != NULL) {
            reason = dns_channel_ask(channel, wr_view(&query), asking->deadline_us,
                                     &asking->tickets[place]);
        }
        asked = reason == DNS_REASON_OK;
        if (asked) {
            asking->patience_us = asking->down[place] ? 0 : dns_channel_patience_us(channel);
        } else {
            asking->tickets[place] = NULL;
            note_failure(asking, reason);
        }
    }
    wr_free(&query);
    return asked;
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

/* Is it the resolver that cannot be used, rather than this name? */
static bool is_the_resolvers(enum dns_reason reason)
{
    return reason == DNS_REASON_NETWORK ||
           (reason >= DNS_REASON_RESOLVER_ADDRESS && reason <= DNS_REASON_HTTP_ANSWER);
}

/* One question has been given up before its resolver answered. */
static void give_up(struct dns_asking *asking, size_t place, bool down)
{
    asking->tickets[place] = NULL;
    note_failure(asking, DNS_REASON_TIMEOUT);
    if (down) {
        dns_standing_note(asking->lookup, id_of(asking, place), true);
    }
}

/* Looks at one question without waiting. True: it has the answer. */
static bool drive_one(struct dns_asking *asking, size_t place)
{
    struct dns_channel *channel = channel_of(asking, place);
    struct dns_ticket *ticket = asking->tickets[place];
    struct writer message;
    bool pending;
    wr_init(&message, DNS_MESSAGE_MAX);
    enum dns_reason reason = dns_channel_wait(channel, ticket, 0, &message, &pending);
    if (pending) {
        uint64_t now_us = asking->io->now_us();
        if (now_us >= asking->deadline_us) {
            /* A caller that leaves early, as by a jump, says nothing of the resolver. */
            bool down = dns_channel_expire(channel, ticket);
            give_up(asking, place, down && now_us >= asking->due_us);
        } else if (asking->down[place] &&
                   now_us >= dns_channel_heard_us(channel, ticket) + DNS_DOWN_WAIT_US) {
            give_up(asking, place, dns_channel_overtaken(channel, ticket));
        }
    } else {
        asking->tickets[place] = NULL;
        dns_standing_note(asking->lookup, id_of(asking, place), is_the_resolvers(reason));
        reason = reason == DNS_REASON_OK ? channel_parse(asking, wr_view(&message)) : reason;
        if (reason != DNS_REASON_OK) {
            note_failure(asking, reason);
        }
    }
    wr_free(&message);
    return !pending && reason == DNS_REASON_OK;
}

/* Ends the questions to the others. Those that were asked before this one were slower. */
static void take_answer(struct dns_asking *asking, size_t winner)
{
    asking->answered_by = asking->order[winner];
    for (size_t i = 0; i < asking->begun; i++) {
        if (asking->tickets[i] == NULL) {
            continue;
        }
        if (i < winner) {
            give_up(asking, i, dns_channel_overtaken(channel_of(asking, i), asking->tickets[i]));
        } else {
            dns_channel_drop(channel_of(asking, i), asking->tickets[i]);
            asking->tickets[i] = NULL;
        }
    }
}

static size_t count_pending(const struct dns_asking *asking)
{
    size_t count = 0;
    for (size_t i = 0; i < asking->begun; i++) {
        count += asking->tickets[i] != NULL ? 1 : 0;
    }
    return count;
}

/* Looks at all questions. True: one has the answer. */
static bool drive_all(struct dns_asking *asking)
{
    for (size_t i = 0; i < asking->begun; i++) {
        if (asking->tickets[i] != NULL && drive_one(asking, i)) {
            take_answer(asking, i);
            return true;
        }
    }
    return false;
}

static enum dns_reason channels_drive(struct dns_asking *asking, bool *pending)
{
    for (;;) {
        size_t before = count_pending(asking);
        if (drive_all(asking)) {
            return DNS_REASON_OK;
        }
        size_t left = count_pending(asking);
        bool next = left < before || left == 0 || asking->patience_us == 0;
        if (!next || asking->io->now_us() >= asking->deadline_us || !ask_next(asking)) {
            *pending = left > 0;
            return *pending ? DNS_REASON_OK : asking->failure;
        }
    }
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Adds the questions under way of one asking. Lowers *until_us to when one of them wants to be
 * looked at. */
static size_t waits_add(const struct dns_asking *asking, uint64_t now_us,
                        struct dns_channel_wait *waits, size_t used, uint64_t *until_us)
{
    for (size_t i = 0; i < asking->begun && used < DNS_WAITS_MAX; i++) {
        struct dns_channel *channel = channel_of(asking, i);
        if (asking->tickets[i] == NULL) {
            continue;
        }
        if (asking->down[i]) {
            uint64_t heard_us = dns_channel_heard_us(channel, asking->tickets[i]);
            *until_us = sooner(*until_us, heard_us + DNS_DOWN_WAIT_US);
        }
        waits[used++] = (struct dns_channel_wait){.channel = channel, .ticket = asking->tickets[i]};
    }
    if (asking->begun < asking->lookup->channels.count) {
        *until_us = sooner(*until_us, now_us + asking->patience_us);
    }
    return used;
}

static bool is_one_channel(const struct dns_channel_wait *waits, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (waits[i].channel != waits[0].channel) {
            return false;
        }
    }
    return true;
}

static bool channels_wait(struct dns_asking *const *askings, size_t count, uint64_t until_us)
{
    struct dns_channel_wait waits[DNS_WAITS_MAX];
    struct dns_ticket *tickets[DNS_WAITS_MAX];
    const struct dns_io *io = askings[0]->io;
    uint64_t from_us = io->now_us();
    size_t used = 0;
    for (size_t i = 0; i < count && i < DNS_ASKING_MAX; i++) {
        used = waits_add(askings[i], from_us, waits, used, &until_us);
    }
    if (used == 0) {
        return true; /* nobody is asked, so nothing comes */
    }
    for (size_t i = 0; i < used; i++) {
        tickets[i] = waits[i].ticket;
    }
    bool good = is_one_channel(waits, used)
                    ? dns_channel_wait_any(waits[0].channel, tickets, used, until_us)
                    : dns_channels_wait_any(waits, used, until_us);
    /* Only time that was spent waiting counts: the program may have done something else before. */
    uint64_t waited_us = io->now_us() - from_us;
    for (size_t i = 0; i < count && i < DNS_ASKING_MAX; i++) {
        askings[i]->patience_us -= sooner(askings[i]->patience_us, waited_us);
    }
    return good;
}

/* ---- plain servers ---- */

/* A list of the user's: those that gave no answer are asked last for a while. */
static void note_servers(const struct dns_asking *asking)
{
    const struct dns_servers *servers = asking->servers;
    if (asking->lookup->resolver->kind != DNS_RESOLVER_FIXED || servers->count < 2) {
        return;
    }
    size_t answered = dns_plain_place(&asking->plain);
    for (size_t i = 0; i < servers->count; i++) {
        char id[DNS_SERVER_ID];
        dns_server_id(&servers->server[i], id);
        if (i == answered) {
            dns_standing_note(asking->lookup, id, false);
        } else if (dns_plain_was_silent(&asking->plain, i)) {
            dns_standing_note(asking->lookup, id, true);
        }
    }
}

/* ---- both ---- */

void dns_asking_begin(struct dns_asking *asking, const struct dns_lookup *lookup,
                      const struct dns_servers *servers, const struct dns_question *question,
                      uint64_t deadline_us)
{
    *asking = (struct dns_asking){.io = lookup->io,
                                  .lookup = lookup,
                                  .question = question,
                                  .servers = servers,
                                  .deadline_us = deadline_us,
                                  .due_us = deadline_us};
    if (!is_plain(asking)) {
        order_make(asking);
        (void)ask_next(asking);
    } else if (servers->count > 0) {
        dns_plain_begin(&asking->plain, lookup->io, servers, question, lookup->health, deadline_us);
    } else {
        asking->failure = DNS_REASON_NO_MEMORY; /* the channels could not be made */
    }
}

void dns_asking_hurry(struct dns_asking *asking)
{
    if (is_plain(asking) && asking->failure == DNS_REASON_OK) {
        dns_plain_hurry(&asking->plain);
    }
}

const char *dns_asking_answered_by(const struct dns_asking *asking)
{
    return is_plain(asking) ? NULL : asking->lookup->resolver->secure[asking->answered_by].id;
}

enum dns_reason dns_asking_drive(struct dns_asking *asking, uint64_t deadline_us, bool *pending)
{
    *pending = false;
    if (is_plain(asking) && asking->failure != DNS_REASON_OK) {
        return asking->failure;
    }
    if (asking->x == NULL && (asking->x = malloc(sizeof *asking->x)) == NULL) {
        return DNS_REASON_NO_MEMORY;
    }
    asking->deadline_us = deadline_us;
    if (!is_plain(asking)) {
        return channels_drive(asking, pending);
    }
    asking->plain.deadline_us = deadline_us;
    enum dns_reason reason = dns_plain_drive(&asking->plain, asking->x, pending);
    if (!*pending && reason == DNS_REASON_OK) {
        note_servers(asking);
    }
    return reason;
}

bool dns_asking_wait(struct dns_asking *const *askings, size_t count, uint64_t until_us)
{
    const struct dns_io *io = askings[0]->io;
    if (!is_plain(askings[0])) {
        return channels_wait(askings, count, until_us);
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
    if (!is_plain(asking)) {
        for (size_t i = 0; i < asking->begun; i++) {
            dns_channel_drop(channel_of(asking, i), asking->tickets[i]);
        }
    } else if (asking->failure == DNS_REASON_OK) {
        dns_plain_end(&asking->plain);
    }
    free(asking->x);
    asking->x = NULL;
}
