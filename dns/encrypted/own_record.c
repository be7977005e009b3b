/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The resolver's own HTTPS record, for ECH on the connections to it. The first connection asks for
 * it, and its hello has the resolver's name in the clear: there is no other resolver to ask. An ech
 * counts for its own endpoint only (RFC 9848, 3): the one that we connect to.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/cache.h"
#include "dns/encrypted/channel_state.h"
#include "dns/svcb_select.h"

enum { OWN_QUESTION_US = 60000000 };

void dns_own_record_init(struct dns_channel *channel)
{
    const struct dns_secure_server *server = channel->server;
    channel->own.has_name =
        channel->options.ech != NULL && server->name[0] != '\0' &&
        dns_name_of_origin(server->name, server->port, &channel->own.qname) == ECH_OK;
}

void dns_own_record_free(struct dns_channel *channel)
{
    free(channel->own.list);
    channel->own.list = NULL;
    channel->own.list_length = 0;
}

static void keep(struct dns_channel *channel, struct bytes list)
{
    struct dns_own_record *own = &channel->own;
    uint8_t *copy = list.len > 0 ? malloc(list.len) : NULL;
    dns_own_record_free(channel);
    if (copy != NULL) {
        memcpy(copy, list.data, list.len);
        own->list = copy;
        own->list_length = list.len;
    }
}

static bool is_endpoint(const struct dns_channel *channel, const struct https_rr *rr,
                        const struct dns_name *owner)
{
    const struct dns_secure_server *server = channel->server;
    struct dns_name host;
    uint16_t port = rr->has_port ? rr->port : server->port;
    if (port != server->port) {
        return false;
    }
    if (dns_name_is_root(&rr->target)) {
        return dns_name_equal(owner, &channel->own.qname);
    }
    return dns_name_of_origin(server->name, DNS_HTTPS_PORT, &host) == ECH_OK &&
           dns_name_equal(&rr->target, &host);
}

/* The ECHConfigList of the first endpoint that has one and is this server; empty: none. */
static void learn_records(struct dns_channel *channel, const struct dns_answer *answer)
{
    static const uint32_t in_their_order[DNS_RDATA_MAX];
    struct svcb_choice choice;
    struct bytes list = {0};
    if (svcb_select(answer->rdata, answer->rdata_count, in_their_order, &choice) == ECH_OK &&
        choice.kind == SVCB_CHOICE_ENDPOINTS) {
        for (size_t i = 0; i < choice.count && list.len == 0; i++) {
            if (is_endpoint(channel, &choice.endpoints[i], &answer->owner)) {
                list = choice.endpoints[i].ech;
            }
        }
    }
    keep(channel, list);
    svcb_choice_free(&choice);
}

/* The question was answered, or not. */
static void learn(struct dns_channel *channel, const struct dns_ticket *ticket)
{
    struct dns_own_record *own = &channel->own;
    const struct dns_question question = {.qname = own->qname, .type = DNS_TYPE_HTTPS};
    own->asked = false;
    if (ticket->reason != DNS_REASON_OK) {
        return;
    }
    struct dns_answer *answer = malloc(sizeof *answer);
    if (answer != NULL && dns_answer_parse(wr_view(&ticket->answer), &question, answer) == ECH_OK &&
        (answer->rcode == DNS_RCODE_NOERROR || answer->rcode == DNS_RCODE_NXDOMAIN)) {
        uint32_t ttl = answer->rdata_count > 0 ? answer->ttl : answer->negative_ttl;
        ttl = ttl < DNS_CACHE_TTL_MIN ? DNS_CACHE_TTL_MIN : ttl;
        ttl = ttl > DNS_CACHE_TTL_MAX ? DNS_CACHE_TTL_MAX : ttl;
        own->expires_us = channel->io->now_us() + (uint64_t)ttl * 1000000;
        learn_records(channel, answer);
    }
    free(answer);
}

void dns_own_record_ask(struct dns_channel *channel)
{
    struct dns_own_record *own = &channel->own;
    uint64_t now_us = channel->io->now_us();
    if (!own->has_name || own->asked || now_us < own->expires_us) {
        return;
    }
    struct writer query;
    const struct dns_question question = {.qname = own->qname, .type = DNS_TYPE_HTTPS};
    wr_init(&query, DNS_MESSAGE_MAX);
    if (dns_query_encode(&question, 0, DNS_EDNS_0, &query) == ECH_OK) {
        enum dns_reason reason;
        struct dns_ticket *ticket =
            dns_ticket_add(channel, wr_view(&query), now_us + OWN_QUESTION_US, &reason);
        if (ticket != NULL) {
            ticket->learn = learn;
            own->asked = true;
        }
    }
    wr_free(&query);
}

/*
 * An expired config is used all the same: asking for a newer one without it would show the name.
 * The server says so if it has another key.
 */
void *dns_own_record_exchange(struct dns_channel *channel)
{
    const struct dns_own_record *own = &channel->own;
    const struct dns_ech_functions *ech = channel->options.ech;
    if (ech == NULL || own->list == NULL) {
        return NULL;
    }
    return ech->begin(ech->context, bytes_of(own->list, own->list_length));
}

void dns_own_record_judge(struct dns_channel *channel, const void *exchange)
{
    const struct dns_ech_functions *ech = channel->options.ech;
    struct dns_own_record *own = &channel->own;
    if (exchange == NULL) {
        return;
    }
    switch (ech->state(exchange)) {
    case DNS_ECH_ACCEPTED:
        if (!bytes_equal(ech->list(exchange), bytes_of(own->list, own->list_length))) {
            keep(channel, ech->list(exchange)); /* the server's newer one */
        }
        break;
    case DNS_ECH_DISABLED:
        dns_own_record_free(channel); /* for as long as the record lives */
        break;
    default:
        /* While the config is valid, ECH stays required. After that the server may have given it
         * up, so the record is asked for anew. */
        if (channel->io->now_us() >= own->expires_us) {
            dns_own_record_free(channel);
        }
        break;
    }
}
