/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS messages (RFC 1035, 4): our queries for types A, AAAA and HTTPS, and the parts of an answer
 * that they need. ldns builds the query and expands the names of answers. This code walks the
 * records itself: ldns would expand a compressed TargetName, which RFC 9460, 2.2 forbids, and would
 * refuse a whole message because of one bad record that we do not need.
 */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/name.h"
#include "ech/wire.h"

enum {
    DNS_TYPE_A = 1,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_HTTPS = 65,
    DNS_UDP_SIZE = 1232,  /* UDP size that our EDNS(0) offers: fits any path without fragments */
    DNS_QUERY_SIZE = 288, /* the longest query: header, question, OPT */
    DNS_MESSAGE_MAX = 65535,
    DNS_RECORD_MAX = 512, /* records of one answer, all sections */
    DNS_RDATA_MAX = 128,  /* records of one RRset */
    DNS_CNAME_MAX = 16,   /* CNAMEs followed within one answer */
};

/* What is asked; the class is always IN. */
struct dns_question {
    struct dns_name qname;
    uint16_t type; /* DNS_TYPE_* */
};

ECH_MUST_USE bool dns_question_equal(const struct dns_question *a, const struct dns_question *b);

/* Response codes that have a meaning here (RFC 1035, 4.1.1). */
enum dns_rcode {
    DNS_RCODE_NOERROR = 0,
    DNS_RCODE_FORMERR = 1,
    DNS_RCODE_SERVFAIL = 2,
    DNS_RCODE_NXDOMAIN = 3,
    DNS_RCODE_NOTIMP = 4,
    DNS_RCODE_REFUSED = 5,
    DNS_RCODE_BADVERS = 16, /* RFC 6891, 9 */
};

/* Does a query have an OPT record (RFC 6891)? */
enum dns_edns { DNS_EDNS_NONE, DNS_EDNS_0 };

/* Writes a query with this question, recursion desired. ECH_ERR_NOMEM, ECH_ERR_SPACE. */
ECH_MUST_USE enum ech_status dns_query_encode(const struct dns_question *question, uint16_t id,
                                              enum dns_edns edns, struct writer *w);

struct dns_answer {
    uint16_t rcode;                    /* with the upper bits of EDNS(0) (RFC 6891, 6.1.3) */
    bool truncated;                    /* TC: nothing else is looked at */
    struct dns_name owner;             /* qname, or where the CNAMEs led */
    unsigned cnames;                   /* how many were followed */
    bool cname_loop;                   /* more than DNS_CNAME_MAX of them, or in a circle */
    struct bytes rdata[DNS_RDATA_MAX]; /* of the type asked for, at owner; borrowed from the message
                                        */
    size_t rdata_count;
    uint32_t ttl; /* seconds: the least TTL of the CNAMEs and those records; 0: there are none */
    bool has_soa; /* the authority section has an SOA: there is no such record (RFC 2308, 2) */
    uint32_t negative_ttl; /* seconds, of that SOA (RFC 2308, 5) */
    bool has_opt;          /* the server speaks EDNS */
    bool has_additional;   /* the additional section holds more than OPT */
    struct bytes message;  /* borrowed */
};

/*
 * True if the message is a response to exactly this query: id, QR, opcode, and the one question
 * (RFC 5452, 9.1). A server that cannot read EDNS may say FORMERR or NOTIMP by a header alone; that
 * matches too.
 */
ECH_MUST_USE bool dns_answer_matches(struct bytes message, const struct dns_question *question,
                                     uint16_t id);

/*
 * Reads a message for which dns_answer_matches was true. ECH_ERR_DECODE: the message does not
 * parse. ECH_ERR_SPACE: more records than our bounds. ECH_ERR_NOMEM. Of RDATA only the length of
 * addresses is checked. Addresses past the bound are left out.
 */
ECH_MUST_USE enum ech_status dns_answer_parse(struct bytes message,
                                              const struct dns_question *question,
                                              struct dns_answer *answer);

/*
 * Finds the answer to another question in the answer and additional sections of the same message
 * (RFC 9460, 4.2 and 5.2). found->rdata_count is 0 if there is none; `found` may be `answer`.
 * Statuses are those of dns_answer_parse.
 */
ECH_MUST_USE enum ech_status dns_answer_includes(const struct dns_answer *answer,
                                                 const struct dns_question *question,
                                                 struct dns_answer *found);

#endif
