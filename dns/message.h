/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DNS messages (RFC 1035, 4): our queries for types A, AAAA and HTTPS, and what of an answer
 * matters to them. ldns builds the query and expands the names of answers. The records are walked
 * here, for ldns would expand a compressed TargetName that RFC 9460, 2.2 forbids, and would refuse
 * a whole message for one record that is of no interest.
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
    DNS_UDP_SIZE = 1232,  /* what our EDNS(0) says: fits any path without fragments */
    DNS_QUERY_SIZE = 288, /* no query is longer: header, question, OPT */
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
    uint32_t ttl;          /* seconds: least of the CNAMEs and those records; 0 if there was none */
    bool has_soa;          /* the authority section tells that there is nothing (RFC 2308, 2) */
    uint32_t negative_ttl; /* seconds, of that SOA (RFC 2308, 5) */
    bool has_opt;          /* the server speaks EDNS */
    bool has_additional;   /* there is more than OPT in the additional section */
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
 * parse. ECH_ERR_SPACE: more records than our bounds. ECH_ERR_NOMEM. RDATA is not looked into, but
 * for the length of addresses; of those past the bound none is taken.
 */
ECH_MUST_USE enum ech_status dns_answer_parse(struct bytes message,
                                              const struct dns_question *question,
                                              struct dns_answer *answer);

/*
 * What else the message of an answer brings along, in its answer and additional sections, for
 * another question (RFC 9460, 4.2 and 5.2). found->rdata_count is 0 if there is nothing; `found`
 * may be `answer`. Statuses are those of dns_answer_parse.
 */
ECH_MUST_USE enum ech_status dns_answer_includes(const struct dns_answer *answer,
                                                 const struct dns_question *question,
                                                 struct dns_answer *found);

#endif
