/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/message.h"

#include <stdlib.h>

#include "dns/ldns.h"

enum {
    FLAG_QR = 0x8000,
    FLAG_TC = 0x0200,
    MASK_OPCODE = 0x7800,
    MASK_RCODE = 0x000f,
    HEADER_SIZE = 12,
    CLASS_IN = 1,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_OPT = 41,
};

struct header {
    uint16_t id;
    uint16_t flags;
    uint16_t questions;
    uint16_t answers;
    uint16_t authorities;
    uint16_t additionals;
};

/* A record of an answer; rdata is borrowed. */
struct record {
    struct dns_name owner;
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    struct bytes rdata;
};

bool dns_question_equal(const struct dns_question *a, const struct dns_question *b)
{
    return a->type == b->type && dns_name_equal(&a->qname, &b->qname);
}

enum ech_status dns_query_encode(const struct dns_question *question, uint16_t id,
                                 enum dns_edns edns, struct writer *w)
{
    const struct dns_name *qname = &question->qname;
    const struct dns_ldns *ldns = dns_ldns();
    enum ech_status status = ECH_ERR_NOMEM;
    uint8_t *wire = NULL;
    size_t len = 0;
    if (ldns != NULL && ldns->query(qname->octets, qname->len, question->type, id,
                                    edns == DNS_EDNS_0 ? DNS_UDP_SIZE : 0, &wire, &len)) {
        wr_bytes(w, bytes_of(wire, len));
        status = wr_finish(w);
    }
    free(wire);
    return status;
}

/*
 * Reads a name, perhaps compressed, at the reader's place in the message. ldns follows the
 * compression pointers, bounds their number, and returns at most 255 octets.
 */
static enum ech_status name_expand(struct bytes message, struct reader *r, struct dns_name *name)
{
    const struct dns_ldns *ldns = dns_ldns();
    uint8_t expanded[DNS_LDNS_NAME_MAX];
    size_t expanded_length;
    size_t start = message.len - r->len;
    size_t pos = start;
    if (ldns == NULL ||
        !ldns->expand(message.data, message.len, &pos, expanded, &expanded_length)) {
        return ECH_ERR_DECODE;
    }
    struct reader octets = rd_of(bytes_of(expanded, expanded_length));
    struct bytes skipped;
    enum ech_status status = dns_name_read(&octets, name);
    if (status == ECH_OK && (pos <= start || !rd_bytes(r, pos - start, &skipped))) {
        status = ECH_ERR_DECODE;
    }
    return status;
}

static bool header_read(struct reader *r, struct header *header)
{
    return rd_u16(r, &header->id) && rd_u16(r, &header->flags) && rd_u16(r, &header->questions) &&
           rd_u16(r, &header->answers) && rd_u16(r, &header->authorities) &&
           rd_u16(r, &header->additionals);
}

static bool question_read(struct bytes message, struct reader *r, struct dns_question *question,
                          uint16_t *class)
{
    return name_expand(message, r, &question->qname) == ECH_OK && rd_u16(r, &question->type) &&
           rd_u16(r, class);
}

/* Is the message a bare header that says the server could not read the query? */
static bool is_bare_error(struct bytes message, const struct header *header)
{
    unsigned rcode = header->flags & MASK_RCODE;
    return message.len == HEADER_SIZE && header->questions == 0 && header->answers == 0 &&
           header->authorities == 0 && header->additionals == 0 &&
           (rcode == DNS_RCODE_FORMERR || rcode == DNS_RCODE_NOTIMP);
}

bool dns_answer_matches(struct bytes message, const struct dns_question *question, uint16_t id)
{
    struct reader r = rd_of(message);
    struct header header;
    struct dns_question asked;
    uint16_t class;
    if (!header_read(&r, &header) || header.id != id || (header.flags & FLAG_QR) == 0 ||
        (header.flags & MASK_OPCODE) != 0) {
        return false;
    }
    return is_bare_error(message, &header) ||
           (header.questions == 1 && question_read(message, &r, &asked, &class) &&
            class == CLASS_IN && dns_question_equal(&asked, question));
}

static enum ech_status record_read(struct bytes message, struct reader *r, struct record *record)
{
    struct reader rdata;
    enum ech_status status = name_expand(message, r, &record->owner);
    if (status != ECH_OK) {
        return status;
    }
    if (!rd_u16(r, &record->type) || !rd_u16(r, &record->class) || !rd_u32(r, &record->ttl) ||
        !rd_vec16(r, &rdata)) {
        return ECH_ERR_DECODE;
    }
    record->rdata = rd_rest(&rdata);
    return ECH_OK;
}

/* RFC 2181, 8: a TTL with its top bit set counts as 0. */
static uint32_t ttl_of(uint32_t ttl)
{
    return (ttl & 0x80000000U) != 0 ? 0 : ttl;
}

static uint32_t ttl_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * A cursor at the RDATA of a record in which names may be compressed. It reaches to the end of the
 * message, because pointers count from the message's start. *after: how many octets must be left
 * after the RDATA.
 */
static struct reader rdata_reader(struct bytes message, const struct record *record, size_t *after)
{
    size_t start = (size_t)(record->rdata.data - message.data);
    *after = message.len - start - record->rdata.len;
    return rd_of(bytes_of(record->rdata.data, message.len - start));
}

/* RFC 2308, 3 and 5: the lesser of the SOA's TTL and its MINIMUM field, the last of the RDATA. */
static enum ech_status soa_read(struct bytes message, const struct record *soa,
                                struct dns_answer *answer)
{
    size_t after;
    struct reader r = rdata_reader(message, soa, &after);
    struct dns_name mname;
    struct dns_name rname;
    struct bytes timers;
    uint32_t minimum;
    if (name_expand(message, &r, &mname) != ECH_OK || name_expand(message, &r, &rname) != ECH_OK ||
        !rd_bytes(&r, 16, &timers) || !rd_u32(&r, &minimum) || r.len != after) {
        return ECH_ERR_DECODE;
    }
    answer->has_soa = true;
    answer->negative_ttl = ttl_min(ttl_of(soa->ttl), ttl_of(minimum));
    return ECH_OK;
}

static enum ech_status cname_read(struct bytes message, const struct record *cname,
                                  struct dns_name *target)
{
    size_t after;
    struct reader r = rdata_reader(message, cname, &after);
    enum ech_status status = name_expand(message, &r, target);
    return status == ECH_OK && r.len != after ? ECH_ERR_DECODE : status;
}

static bool is_address(uint16_t type)
{
    return type == DNS_TYPE_A || type == DNS_TYPE_AAAA;
}

/* Takes the records of that type at answer->owner. */
static enum ech_status take(const struct record *records, size_t count, uint16_t type,
                            struct dns_answer *answer)
{
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &records[i];
        if (record->type != type || !dns_name_equal(&record->owner, &answer->owner)) {
            continue;
        }
        if (is_address(type) && record->rdata.len != (type == DNS_TYPE_A ? 4 : 16)) {
            return ECH_ERR_DECODE;
        }
        if (answer->rdata_count == DNS_RDATA_MAX) {
            /* A part of the addresses will do; each HTTPS record may matter. */
            return is_address(type) ? ECH_OK : ECH_ERR_SPACE;
        }
        answer->rdata[answer->rdata_count++] = record->rdata;
        answer->ttl = ttl_min(answer->ttl, ttl_of(record->ttl));
    }
    return ECH_OK;
}

static const struct record *find_cname(const struct record *records, size_t count,
                                       const struct dns_name *owner)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].type == TYPE_CNAME && dns_name_equal(&records[i].owner, owner)) {
            return &records[i];
        }
    }
    return NULL;
}

/* RFC 9460, 2.4.2: CNAMEs are followed as usual. Those made from a DNAME look the same. */
static enum ech_status follow(struct bytes message, const struct record *records, size_t count,
                              uint16_t type, struct dns_answer *answer)
{
    answer->ttl = UINT32_MAX;
    enum ech_status status = take(records, count, type, answer);
    const struct record *cname;
    while (status == ECH_OK && answer->rdata_count == 0 &&
           (cname = find_cname(records, count, &answer->owner)) != NULL) {
        if (answer->cnames == DNS_CNAME_MAX) {
            answer->cname_loop = true;
            break;
        }
        answer->cnames++;
        answer->ttl = ttl_min(answer->ttl, ttl_of(cname->ttl));
        status = cname_read(message, cname, &answer->owner);
        if (status == ECH_OK) {
            status = take(records, count, type, answer);
        }
    }
    answer->ttl = answer->ttl == UINT32_MAX ? 0 : answer->ttl;
    return status;
}

/* Reads the records of one section and appends those of class IN. */
static enum ech_status section_read(struct bytes message, struct reader *r, size_t count,
                                    struct record *records, size_t *kept)
{
    enum ech_status status = ECH_OK;
    for (size_t i = 0; i < count && status == ECH_OK; i++) {
        status = record_read(message, r, &records[*kept]);
        *kept += status == ECH_OK && records[*kept].class == CLASS_IN ? 1 : 0;
    }
    return status;
}

static enum ech_status answer_section(struct bytes message, struct reader *r, size_t count,
                                      uint16_t type, struct dns_answer *answer)
{
    struct record *records = calloc(count + 1, sizeof *records);
    if (records == NULL) {
        return ECH_ERR_NOMEM;
    }
    size_t kept = 0;
    enum ech_status status = section_read(message, r, count, records, &kept);
    if (status == ECH_OK) {
        status = follow(message, records, kept, type, answer);
    }
    free(records);
    return status;
}

static enum ech_status authority_section(struct bytes message, struct reader *r, size_t count,
                                         struct dns_answer *answer)
{
    enum ech_status status = ECH_OK;
    for (size_t i = 0; i < count && status == ECH_OK; i++) {
        struct record record;
        status = record_read(message, r, &record);
        if (status == ECH_OK && record.type == TYPE_SOA && record.class == CLASS_IN) {
            status = soa_read(message, &record, answer);
        }
    }
    return status;
}

/* RFC 6891, 6.1.3: the OPT record's TTL field begins with the upper 8 bits of the response code. */
static enum ech_status additional_section(struct bytes message, struct reader *r, size_t count,
                                          struct dns_answer *answer)
{
    enum ech_status status = ECH_OK;
    for (size_t i = 0; i < count; i++) {
        struct record record;
        status = record_read(message, r, &record);
        if (status != ECH_OK) {
            break;
        }
        if (record.type == TYPE_OPT) {
            answer->has_opt = true;
            answer->rcode = (uint16_t)(answer->rcode | (record.ttl >> 24) << 4);
        } else {
            answer->has_additional = true;
        }
    }
    return status;
}

/* Reads the header and the question, which was compared. A bare error has no question. */
static enum ech_status begin_read(struct reader *r, struct bytes message, struct header *header)
{
    struct dns_question asked;
    uint16_t class;
    *r = rd_of(message);
    if (!header_read(r, header)) {
        return ECH_ERR_DECODE;
    }
    bool begun = is_bare_error(message, header) ||
                 (header->questions == 1 && question_read(message, r, &asked, &class));
    return begun ? ECH_OK : ECH_ERR_DECODE;
}

enum ech_status dns_answer_parse(struct bytes message, const struct dns_question *question,
                                 struct dns_answer *answer)
{
    struct reader r;
    struct header header;
    *answer = (struct dns_answer){.owner = question->qname, .message = message};
    enum ech_status status = begin_read(&r, message, &header);
    if (status != ECH_OK) {
        return status;
    }
    answer->rcode = header.flags & MASK_RCODE;
    answer->truncated = (header.flags & FLAG_TC) != 0;
    if (answer->truncated) {
        return ECH_OK;
    }
    if ((size_t)header.answers + header.authorities + header.additionals > DNS_RECORD_MAX) {
        return ECH_ERR_SPACE;
    }
    status = answer_section(message, &r, header.answers, question->type, answer);
    if (status == ECH_OK) {
        status = authority_section(message, &r, header.authorities, answer);
    }
    if (status == ECH_OK) {
        status = additional_section(message, &r, header.additionals, answer);
    }
    return status == ECH_OK && !rd_done(&r) ? ECH_ERR_DECODE : status;
}

enum ech_status dns_answer_includes(const struct dns_answer *answer,
                                    const struct dns_question *question, struct dns_answer *found)
{
    struct bytes message = answer->message;
    struct reader r;
    struct header header = {0};
    *found = (struct dns_answer){
        .owner = question->qname, .has_additional = answer->has_additional, .message = message};
    enum ech_status status = begin_read(&r, message, &header);
    size_t count = (size_t)header.answers + header.authorities + header.additionals;
    if (status != ECH_OK || count > DNS_RECORD_MAX) {
        return status != ECH_OK ? status : ECH_ERR_SPACE;
    }
    struct record *records = calloc(count + 1, sizeof *records);
    if (records == NULL) {
        return ECH_ERR_NOMEM;
    }
    size_t kept = 0;
    status = section_read(message, &r, header.answers, records, &kept);
    size_t passed = kept;
    if (status == ECH_OK) {
        status = section_read(message, &r, header.authorities, records, &passed);
    }
    if (status == ECH_OK) {
        status = section_read(message, &r, header.additionals, records, &kept);
    }
    if (status == ECH_OK) {
        status = follow(message, records, kept, question->type, found);
    }
    free(records);
    return status;
}
