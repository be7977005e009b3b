/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DNS queries of a program that has a resolver of its own (RFC 1035, 4.1). */
#include <string.h>

#include "dns/encrypted/channel.h"
#include "dns/message.h"
#include "shim/engine/answer/answer.h"
#include "shim/engine/state/state.h"

enum {
    HEADER = 12,
    FLAGS = 2, /* their place */
    CLASS_IN = 1,
    QR = 0x8000,
    TC = 0x0200,
    OPCODE_AND_RD = 0x7900,
    RA = 0x0080,
};

/* RFC 1035, 2.3.4: what fits into a datagram, if the query has no OPT record that says more. */
enum { DATAGRAM_SIZE = 512, TYPE_OPT = 41 };

/* A query with one question. */
struct query {
    size_t datagram_size; /* of the response */
    struct bytes whole;
    struct bytes header;
    struct bytes question;
    uint16_t flags;
    char host[DNS_HOST_SIZE]; /* "": not a name that we ask about */
};

/* RFC 6891, 6.1.2: in a query OPT is the only record, and its class is a size. */
static size_t datagram_size(struct reader rest)
{
    uint8_t root;
    uint16_t type;
    uint16_t size;
    bool known = rd_u8(&rest, &root) && root == 0 && rd_u16(&rest, &type) && type == TYPE_OPT &&
                 rd_u16(&rest, &size);
    return known && size > DATAGRAM_SIZE ? size : DATAGRAM_SIZE;
}

static bool read_query(struct bytes octets, struct query *query)
{
    struct reader r = rd_of(octets);
    struct reader header;
    struct dns_name name;
    uint16_t id;
    uint16_t count;
    uint16_t type;
    uint16_t class;
    query->whole = octets;
    if (!rd_bytes(&r, HEADER, &query->header)) {
        return false;
    }
    header = rd_of(query->header);
    const uint8_t *start = r.data;
    if (!rd_u16(&header, &id) || !rd_u16(&header, &query->flags) || !rd_u16(&header, &count) ||
        (query->flags & QR) != 0 || count != 1 || dns_name_read(&r, &name) != ECH_OK ||
        !rd_u16(&r, &type) || !rd_u16(&r, &class)) {
        return false;
    }
    query->question = bytes_of(start, (size_t)(r.data - start));
    query->datagram_size = datagram_size(r);
    if (class != CLASS_IN || !dns_name_to_host(&name, query->host)) {
        query->host[0] = '\0';
    }
    return true;
}

/* A response without records. */
static void write_empty(const struct query *query, unsigned rcode, struct writer *w)
{
    unsigned kept = (unsigned)query->flags & OPCODE_AND_RD;
    wr_bytes(w, bytes_of(query->header.data, FLAGS));
    wr_u16(w, (uint16_t)(QR | RA | kept | rcode));
    wr_u16(w, 1);
    wr_zeros(w, 3 * sizeof(uint16_t));
    wr_bytes(w, query->question);
}

static bool ask(struct dns_channel *channel, const struct query *query, uint64_t deadline_us,
                struct writer *w)
{
    struct dns_ticket *ticket = NULL;
    bool pending = false;
    if (dns_channel_ask(channel, query->whole, deadline_us, &ticket) != DNS_REASON_OK) {
        return false;
    }
    enum dns_reason reason = dns_channel_wait(channel, ticket, deadline_us, w, &pending);
    if (pending) {
        dns_channel_drop(channel, ticket);
    }
    return !pending && reason == DNS_REASON_OK && wr_finish(w) == ECH_OK;
}

/* One resolver after another; each has its part of the time. */
static bool ask_all(const struct dns_lookup *lookup, const struct query *query, struct writer *w)
{
    const struct dns_channels *channels = &lookup->channels;
    uint64_t part_us = lookup->timeout_us / channels->count;
    for (size_t i = 0; i < channels->count; i++) {
        wr_consume(w, w->len);
        if (channels->each[i] != NULL &&
            ask(channels->each[i], query, lookup->io->now_us() + part_us, w)) {
            return true;
        }
    }
    wr_consume(w, w->len);
    return false;
}

/* Names that have a meaning only on this network stay here: what asks for them in the clear would
 * tell too much of a name that a search list has made longer. */
static void respond(const struct query *query, struct writer *w)
{
    const struct shim_engine_state *state = shim_state();
    struct shim_host_settings host_settings;
    shim_settings_of_host(&state->settings, query->host, &host_settings);
    const struct dns_lookup *lookup = shim_engine_lookup(&host_settings);
    if (query->host[0] == '\0' || !host_settings.resolver_usable || lookup->channels.count == 0) {
        write_empty(query, DNS_RCODE_REFUSED, w);
    } else if (dns_name_kind_of(query->host) != DNS_NAME_GLOBAL) {
        write_empty(query, DNS_RCODE_NXDOMAIN, w);
    } else if (!ask_all(lookup, query, w)) {
        write_empty(query, DNS_RCODE_SERVFAIL, w);
    }
}

size_t shim_answer_query(const uint8_t *octets, size_t length, bool datagram, uint8_t *out,
                         size_t size)
{
    struct query query;
    struct writer response;
    size_t written = 0;
    if (!read_query(bytes_of(octets, length), &query)) {
        return 0;
    }
    wr_init(&response, DNS_MESSAGE_MAX);
    respond(&query, &response);
    if (datagram && response.len > query.datagram_size) {
        wr_consume(&response, response.len);
        write_empty(&query, TC, &response);
    }
    if (wr_finish(&response) == ECH_OK && response.len <= size) {
        memcpy(out, response.data, response.len);
        written = response.len;
    }
    wr_free(&response);
    return written;
}
