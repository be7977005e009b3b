/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an encrypted transport does to every DNS message: padding (RFC 7830, RFC 8467), ids, and the
 * age that an HTTP cache reports (RFC 8484, 5.1). Pure.
 */
#ifndef DNS_ENCRYPTED_MESSAGE_H
#define DNS_ENCRYPTED_MESSAGE_H

#include "dns/message.h"

enum {
    DNS_PADDING_BLOCK = 128, /* of queries (RFC 8467, 4.1) */
    DNS_HEADER_SIZE = 12,
};

/*
 * Writes the query with id 0, padded to a multiple of 128 octets by EDNS(0), which is added if need
 * be. A query that has padding already is left as it is (RFC 7830, 3: one at most). *id is the
 * query's old id. ECH_ERR_DECODE: not a query with one question, or more than an OPT record behind
 * it. ECH_ERR_NOMEM, ECH_ERR_SPACE.
 */
ECH_MUST_USE enum ech_status dns_message_pad(struct bytes query, uint16_t *id, struct writer *w);

/* Writes the message with another id; unchanged if it is too short to have one. */
void dns_message_with_id(struct bytes message, uint16_t id, struct writer *w);
/* The id; false if the message is too short. */
ECH_MUST_USE bool dns_message_id(struct bytes message, uint16_t *id);

/* True if the message is a response with the query's question, whatever the ids (RFC 7766, 7). */
ECH_MUST_USE bool dns_message_answers(struct bytes message, struct bytes query);

/* Is TC set? It has no meaning here, since nothing has to be cut (RFC 8484, 6). */
ECH_MUST_USE bool dns_message_is_cut(struct bytes message);

/*
 * Writes the message with this many seconds taken off the TTL of each record, down to 0.
 * ECH_ERR_DECODE: the message does not parse.
 */
ECH_MUST_USE enum ech_status dns_message_age(struct bytes message, uint32_t age, struct writer *w);

#endif
