/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/message.h"

#include "dns/host_name.h"

enum {
    FLAG_QR = 0x8000,
    FLAG_TC = 0x0200,
    MASK_OPCODE = 0x7800,
    TYPE_OPT = 41,
    OPTION_PADDING = 12,
    OPTION_HEAD = 4,
    OPT_HEAD = 11, /* root, type, size, extended flags, length */
};

struct header {
    uint16_t id;
    uint16_t flags;
    uint16_t count[4]; /* questions, answers, authorities, additionals */
};

static bool header_read(struct reader *r, struct header *header)
{
    return rd_u16(r, &header->id) && rd_u16(r, &header->flags) && rd_u16(r, &header->count[0]) &&
           rd_u16(r, &header->count[1]) && rd_u16(r, &header->count[2]) &&
           rd_u16(r, &header->count[3]);
}

/* The octets that were read since the reader had `before` octets. */
static struct bytes taken(struct bytes before, const struct reader *r)
{
    return bytes_of(before.data, before.len - r->len);
}

static bool name_skip(struct reader *r)
{
    enum { POINTER = 0xc0 };
    uint8_t length;
    struct bytes label;
    while (rd_u8(r, &length)) {
        if (length == 0) {
            return true;
        }
        if (length >= POINTER) {
            return rd_u8(r, &length);
        }
        if (length > DNS_LABEL_MAX || !rd_bytes(r, length, &label)) {
            return false;
        }
    }
    return false;
}

static bool question_skip(struct reader *r)
{
    uint16_t field;
    return name_skip(r) && rd_u16(r, &field) && rd_u16(r, &field);
}

/* ---- queries ---- */

/* The options of an OPT record at the end of the message; empty if there is none. */
static enum ech_status options_read(struct reader *r, uint16_t count, struct bytes *head,
                                    struct reader *options)
{
    uint8_t root;
    uint16_t type;
    struct bytes fields;
    struct bytes start = rd_rest(r);
    *options = (struct reader){0};
    *head = (struct bytes){0};
    if (count == 0) {
        return rd_done(r) ? ECH_OK : ECH_ERR_DECODE;
    }
    if (count != 1 || !rd_u8(r, &root) || root != 0 || !rd_u16(r, &type) || type != TYPE_OPT ||
        !rd_bytes(r, OPT_HEAD - 5, &fields)) {
        return ECH_ERR_DECODE;
    }
    *head = taken(start, r);
    return rd_vec16(r, options) && rd_done(r) ? ECH_OK : ECH_ERR_DECODE;
}

static bool has_padding(struct reader options)
{
    uint16_t code;
    struct reader value;
    while (rd_u16(&options, &code) && rd_vec16(&options, &value)) {
        if (code == OPTION_PADDING) {
            return true;
        }
    }
    return false;
}

static void opt_write(struct writer *w, struct bytes head, struct bytes options, bool pads,
                      size_t before)
{
    if (head.len > 0) {
        wr_bytes(w, head);
    } else {
        wr_u8(w, 0);
        wr_u16(w, TYPE_OPT);
        wr_u16(w, DNS_UDP_SIZE);
        wr_u32(w, 0);
    }
    struct wr_mark length = wr_open(w, 2);
    wr_bytes(w, options);
    if (pads) {
        size_t len = before + OPT_HEAD + options.len + OPTION_HEAD;
        wr_u16(w, OPTION_PADDING);
        struct wr_mark padding = wr_open(w, 2);
        wr_zeros(w, (DNS_PADDING_BLOCK - len % DNS_PADDING_BLOCK) % DNS_PADDING_BLOCK);
        wr_close(w, padding);
    }
    wr_close(w, length);
}

enum ech_status dns_message_pad(struct bytes query, uint16_t *id, struct writer *w)
{
    struct reader r = rd_of(query);
    struct header header;
    struct bytes head;
    struct reader options;
    if (!header_read(&r, &header) || (header.flags & FLAG_QR) != 0 || header.count[0] != 1 ||
        header.count[1] != 0 || header.count[2] != 0) {
        return ECH_ERR_DECODE;
    }
    struct bytes start = rd_rest(&r);
    if (!question_skip(&r)) {
        return ECH_ERR_DECODE;
    }
    struct bytes question = taken(start, &r);
    enum ech_status status = options_read(&r, header.count[3], &head, &options);
    if (status != ECH_OK) {
        return status;
    }
    *id = header.id;
    wr_u16(w, 0);
    wr_u16(w, header.flags);
    wr_u16(w, 1);
    wr_u32(w, 0);
    wr_u16(w, 1);
    wr_bytes(w, question);
    opt_write(w, head, rd_rest(&options), !has_padding(options), DNS_HEADER_SIZE + question.len);
    return wr_finish(w);
}

/* ---- answers ---- */

void dns_message_with_id(struct bytes message, uint16_t id, struct writer *w)
{
    struct reader r = rd_of(message);
    uint16_t old;
    if (rd_u16(&r, &old)) {
        wr_u16(w, id);
    }
    wr_bytes(w, rd_rest(&r));
}

bool dns_message_id(struct bytes message, uint16_t *id)
{
    struct reader r = rd_of(message);
    return message.len >= DNS_HEADER_SIZE && rd_u16(&r, id);
}

/* The case of letters in names does not matter (RFC 4343). The type and the class, the last octets,
 * are compared exactly. */
static bool equal_question(struct bytes a, struct bytes b)
{
    enum { TYPE_AND_CLASS = 4 };
    struct reader x = rd_of(a);
    struct reader y = rd_of(b);
    uint8_t p;
    uint8_t q;
    while (x.len > TYPE_AND_CLASS && rd_u8(&x, &p) && rd_u8(&y, &q)) {
        if (dns_lower(p) != dns_lower(q)) {
            return false;
        }
    }
    return bytes_equal(rd_rest(&x), rd_rest(&y));
}

static bool question_of(struct bytes message, struct header *header, struct bytes *question)
{
    struct reader r = rd_of(message);
    if (!header_read(&r, header) || header->count[0] != 1) {
        return false;
    }
    struct bytes start = rd_rest(&r);
    if (!question_skip(&r)) {
        return false;
    }
    *question = taken(start, &r);
    return true;
}

bool dns_message_answers(struct bytes message, struct bytes query)
{
    struct header header;
    struct header asked;
    struct bytes question;
    struct bytes wanted;
    return question_of(message, &header, &question) && question_of(query, &asked, &wanted) &&
           (header.flags & FLAG_QR) != 0 && (header.flags & MASK_OPCODE) == 0 &&
           equal_question(question, wanted);
}

bool dns_message_is_cut(struct bytes message)
{
    struct reader r = rd_of(message);
    struct header header;
    return header_read(&r, &header) && (header.flags & FLAG_TC) != 0;
}

static enum ech_status record_age(struct reader *r, uint32_t age, struct writer *w)
{
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    struct reader rdata;
    struct bytes start = rd_rest(r);
    if (!name_skip(r) || !rd_u16(r, &type) || !rd_u16(r, &class)) {
        return ECH_ERR_DECODE;
    }
    wr_bytes(w, taken(start, r));
    if (!rd_u32(r, &ttl)) {
        return ECH_ERR_DECODE;
    }
    /* An OPT record has flags there; a TTL with its top bit set counts as 0 (RFC 2181, 8). */
    bool counts = type != TYPE_OPT && (ttl & 0x80000000U) == 0;
    uint32_t left = ttl > age ? ttl - age : 0;
    wr_u32(w, counts ? left : ttl);
    start = rd_rest(r);
    if (!rd_vec16(r, &rdata)) {
        return ECH_ERR_DECODE;
    }
    wr_bytes(w, taken(start, r));
    return ECH_OK;
}

enum ech_status dns_message_age(struct bytes message, uint32_t age, struct writer *w)
{
    struct reader r = rd_of(message);
    struct header header;
    bool good = header_read(&r, &header);
    for (unsigned i = 0; good && i < header.count[0]; i++) {
        good = question_skip(&r);
    }
    if (!good) {
        return ECH_ERR_DECODE;
    }
    wr_bytes(w, taken(message, &r));
    unsigned records = (unsigned)header.count[1] + header.count[2] + header.count[3];
    enum ech_status status = ECH_OK;
    for (unsigned i = 0; i < records && status == ECH_OK; i++) {
        status = record_age(&r, age, w);
    }
    if (status == ECH_OK && !rd_done(&r)) {
        status = ECH_ERR_DECODE;
    }
    return status == ECH_OK ? wr_finish(w) : status;
}
